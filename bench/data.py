"""The rows of the drift benchmarks: the same for every subject, made in its own process, in one array without a copy."""

import numpy as np

from bench.size import sized

COLUMNS = sized(50, 2)
WINDOW_ROWS = sized(1_000_000, 3_000)
REFERENCE_ROWS = sized(100_000, 3_000)
NAMES = [f"x{i}" for i in range(COLUMNS)]


def reference() -> np.ndarray:
    """Shape (COLUMNS, REFERENCE_ROWS): normal columns and log-normal ones in turn."""
    return _columns(REFERENCE_ROWS, seed=1, shift=0.0)


def window() -> np.ndarray:
    """Shape (COLUMNS, WINDOW_ROWS): the reference's distributions, moved by a twentieth of their deviation."""
    return _columns(WINDOW_ROWS, seed=2, shift=0.05)


def _columns(rows: int, seed: int, shift: float) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((COLUMNS, rows))
    values += shift
    np.exp(values[1::2], out=values[1::2])
    return values
