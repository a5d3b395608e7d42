"""Root mean squared error."""

import math
from dataclasses import replace

import numpy as np

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray


def losses(labels: FloatArray, predictions: FloatArray) -> FloatArray:
    """Return (prediction - label)^2 of rows (rows,), in the label's unit squared.

    >>> losses(np.array([1.0, 2.0]), np.array([2.0, 5.0])).tolist()
    [1.0, 9.0]
    """
    return np.square(predictions - labels)


def sums(labels: FloatArray, predictions: FloatArray, weights: FloatArray | None = None) -> MeanSums:
    """Sum up the losses of rows (rows,).

    >>> sums(np.array([1.0, 2.0]), np.array([2.0, 5.0])).value
    5.0
    """
    return mean_sums.sum_up(losses(labels, predictions), weights)


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the root of the mean with its interval, in the label's unit: the roots of the mean's interval.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy" (2006).

    >>> estimate(sums(np.array([0.0, 0.0]), np.array([2.0, 2.0]))).value
    2.0
    """
    mean = mean_sums.estimate(total, parts, level, (0.0, math.inf))
    value, lower, upper = (None if end is None else math.sqrt(end) for end in (mean.value, mean.lower, mean.upper))
    return replace(mean, value=value, lower=lower, upper=upper)
