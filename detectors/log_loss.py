"""Logarithmic loss."""

import math

import numpy as np
import numpy.typing as npt

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray

_EPS = float(np.finfo(np.float64).eps)


def losses(probabilities: FloatArray, labels: npt.NDArray[np.integer]) -> FloatArray:
    """Return the loss of rows (rows,) in nats: probabilities (rows, K), labels (rows,) as column numbers.

    Probabilities are held within machine epsilon of 0 and 1, as in scikit-learn. A label that is no class of the
    scores has number -1 and the loss of a probability of 0.

    >>> losses(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])).round(6).tolist()
    [0.105361, 0.223144]
    """
    chosen = probabilities[np.arange(labels.size), labels] if labels.size else np.empty(0)
    found: FloatArray = -np.log(np.clip(np.where(labels < 0, 0.0, chosen), _EPS, 1 - _EPS))
    return found


def binary_losses(probability: FloatArray, positives: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the loss of rows (rows,) in nats, by the positive class's probability.

    >>> binary_losses(np.array([0.1, 0.8]), np.array([False, True])).round(6).tolist()
    [0.105361, 0.223144]
    """
    held = np.clip(probability, _EPS, 1 - _EPS)
    return -np.log(np.where(positives, held, 1 - held))


def sums(probabilities: FloatArray, labels: npt.NDArray[np.integer], weights: FloatArray | None = None) -> MeanSums:
    """Sum up the losses of rows, with their weights (rows,).

    >>> round(sums(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])).value, 6)
    0.164252
    """
    return mean_sums.sum_up(losses(probabilities, labels), weights)


def binary_sums(
    probability: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None
) -> MeanSums:
    """Sum up the losses of rows by the positive class's probability (rows,).

    >>> round(binary_sums(np.array([0.1, 0.8]), np.array([False, True])).value, 6)
    0.164252
    """
    return mean_sums.sum_up(binary_losses(probability, positives), weights)


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the mean loss in nats, 0 or more, with its interval.

    Source: Good, "Rational decisions" (1952).

    >>> estimate(binary_sums(np.array([0.5]), np.array([True]))).rows
    1
    """
    return mean_sums.estimate(total, parts, level, (0.0, math.inf))
