"""The rows of the benchmark of estimates: scores, predictions and, of the reference, labels; the same for every subject."""

import numpy as np

from bench.size import sized

REFERENCE_ROWS = sized(100_000, 3_000)
WINDOW_ROWS = sized(1_000_000, 3_000)
METRICS = ("accuracy", "precision", "recall", "specificity", "f1", "roc_auc")


def reference() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, predictions as 0 or 1, and labels as 0 or 1; each of shape (REFERENCE_ROWS,). The model is too sure of itself."""
    scores = _scores(REFERENCE_ROWS, seed=1, tilt=2.0)
    labels = np.random.default_rng(2).random(scores.size) < 0.1 + 0.7 * scores**2
    return scores, _predicted(scores), labels.astype(np.int64)


def window() -> tuple[np.ndarray, np.ndarray]:
    """Scores and predictions, each of shape (WINDOW_ROWS,): more late ones than in the reference."""
    scores = _scores(WINDOW_ROWS, seed=3, tilt=1.7)
    return scores, _predicted(scores)


def _scores(rows: int, seed: int, tilt: float) -> np.ndarray:
    return np.random.default_rng(seed).beta(1.0, tilt, rows)


def _predicted(scores: np.ndarray) -> np.ndarray:
    return (scores > 0.4).astype(np.int64)
