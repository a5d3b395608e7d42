"""What a row is worth in the mean, in money."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors import mae, mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray

Cells = Mapping[str, Mapping[str, float]]


def of_classes(labels: NDArray[np.generic], predictions: NDArray[np.generic], cells: Cells) -> FloatArray:
    """Return what rows (rows,) are worth by their label and prediction; 0 for a pair that is not named.

    >>> of_classes(np.array(["late", "ok"]), np.array(["late", "late"]), {"late": {"late": 10.0}}).tolist()
    [10.0, 0.0]
    """
    found = np.zeros(labels.size)
    for label, by_prediction in cells.items():
        mine = labels == label
        for prediction, worth in by_prediction.items():
            found[mine & (predictions == prediction)] = worth
    return found


def of_numbers(labels: FloatArray, predictions: FloatArray, per_error: float) -> FloatArray:
    """Return what rows (rows,) are worth by their absolute error.

    >>> of_numbers(np.array([1.0, 2.0]), np.array([2.0, 5.0]), per_error=-2.0).tolist()
    [-2.0, -6.0]
    """
    return per_error * mae.losses(labels, predictions)


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the mean worth of a row with its interval; cluster-robust where `parts` are of 30 clusters or more.

    Source: Elkan, "The foundations of cost-sensitive learning" (2001).

    >>> estimate(mean_sums.sum_up(np.array([10.0, 0.0]))).value
    5.0
    """
    return mean_sums.estimate(total, parts, level)


def by_outcome(cells: Cells, positive: str) -> dict[str, float] | None:
    """Return the worth of a row of each outcome of two classes, as cbpe.OUTCOMES; None where more classes are named.

    >>> by_outcome({"late": {"late": 10.0, "ok": -5.0}, "ok": {"late": -1.0}}, "late")
    {'true_positive': 10.0, 'false_negative': -5.0, 'false_positive': -1.0, 'true_negative': 0.0}
    """
    others = {*cells, *(name for of in cells.values() for name in of)} - {positive}
    if len(others) > 1:
        return None
    negative = next(iter(others), "")
    happened, not_happened = (cells.get(name, {}) for name in (positive, negative))
    return {
        "true_positive": happened.get(positive, 0.0),
        "false_negative": happened.get(negative, 0.0),
        "false_positive": not_happened.get(positive, 0.0),
        "true_negative": not_happened.get(negative, 0.0),
    }
