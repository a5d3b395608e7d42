"""Scores as probabilities beside what happened: of two classes that of the positive one, of several those of all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.outcomes import Outcomes, places
from detectors.pair import FloatArray
from detectors.row_means import RowMeans, some


@dataclass(frozen=True, eq=False)
class Forecasts:
    """The rows of a window that have scores.

    Attributes:
        held: the probability of each class, 0 to 1, shape (rows, K); of two classes the positive one is the second.
        labels: the place of what happened among them, shape (rows,); -1 of a class without a score, which had a probability of 0.
        sure: what a reliability diagram is of, shape (rows,): the positive class's probability, or of several that of the
            predicted one, as Guo and others define it, "On calibration of modern neural networks" (2017).
        right: whether that class is what happened.
        scores: of two classes the positive one's as they were sent; None of several.
        rows: their weights and clusters.
    """

    held: FloatArray
    labels: NDArray[np.intp]
    sure: FloatArray
    right: NDArray[np.bool_]
    scores: FloatArray | None
    rows: RowMeans

    @property
    def of_labels(self) -> FloatArray:
        """The probability that was given to what happened, shape (rows,).

        >>> two = Outcomes(np.array(["a"]), np.array(["b"]), {"a": np.array([0.8])}, None, np.array([0]), predictions=1)
        >>> of_two(two, "a").of_labels.round(6).tolist()
        [0.2]
        """
        return np.where(self.labels < 0, 0.0, self.held[np.arange(self.labels.size), self.labels])


def of_two(found: Outcomes, positive: str) -> Forecasts:
    """The rows with a score of the positive class.

    >>> two = Outcomes(np.array(["a"]), np.array(["a"]), {"a": np.array([1.8])}, None, np.array([0]), predictions=1)
    >>> of_two(two, "a").held.tolist()
    [[0.0, 1.0]]
    """
    scored = np.isfinite(found.scores[positive])
    scores, happened = found.scores[positive][scored], (found.actual == positive)[scored]
    sure = np.clip(scores, 0.0, 1.0)
    held = np.column_stack([1 - sure, sure])
    return Forecasts(held, happened.astype(np.intp), sure, happened, scores, some(found, scored))


def of_several(found: Outcomes) -> Forecasts:
    """The rows with a score for every class.

    >>> scores = {"a": np.array([0.7, np.nan]), "b": np.array([0.3, 0.1])}
    >>> rows = Outcomes(np.array(["a", "b"]), np.array(["c", "b"]), scores, None, np.array([0, 0]), predictions=2)
    >>> of_several(rows).labels.tolist(), of_several(rows).sure.tolist()
    ([-1], [0.7])
    """
    names = sorted(found.scores)
    table = np.column_stack([found.scores[name] for name in names])
    scored: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(table), axis=1)
    held = np.clip(table[scored], 0.0, 1.0)
    labels, predicted = (places(side[scored], names) for side in (found.actual, found.predicted))
    sure = np.where(predicted < 0, 0.0, held[np.arange(len(held)), predicted])
    return Forecasts(held, labels, sure, (labels == predicted) & (labels >= 0), None, some(found, scored))
