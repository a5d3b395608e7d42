"""Mean absolute error."""

import math

import numpy as np

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray


def losses(labels: FloatArray, predictions: FloatArray) -> FloatArray:
    """Return |prediction - label| of rows (rows,), in the label's unit.

    >>> losses(np.array([1.0, 2.0]), np.array([2.0, 5.0])).tolist()
    [1.0, 3.0]
    """
    return np.abs(predictions - labels)


def sums(labels: FloatArray, predictions: FloatArray, weights: FloatArray | None = None) -> MeanSums:
    """Sum up the losses of rows (rows,).

    >>> sums(np.array([1.0, 2.0]), np.array([2.0, 5.0])).value
    2.0
    """
    return mean_sums.sum_up(losses(labels, predictions), weights)


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the mean with its interval, in the label's unit.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy" (2006).

    >>> estimate(sums(np.array([1.0, 2.0]), np.array([2.0, 5.0]))).value
    2.0
    """
    return mean_sums.estimate(total, parts, level, (0.0, math.inf))
