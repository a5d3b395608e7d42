"""Brier score."""

import math

import numpy as np
import numpy.typing as npt

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray


def losses(probabilities: FloatArray, labels: npt.NDArray[np.integer]) -> FloatArray:
    """Return the squared gaps of rows (rows,), from 0 to 2: probabilities (rows, K), labels (rows,) as column numbers.

    A label that is no class of the scores has number -1.

    >>> losses(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])).round(6).tolist()
    [0.02, 0.08]
    """
    outcome = labels[:, None] == np.arange(probabilities.shape[1])
    gaps: FloatArray = np.square(probabilities - outcome).sum(axis=1)
    return gaps


def binary_losses(probability: FloatArray, positives: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the squared gaps of rows (rows,), of the positive class alone, from 0 to 1.

    >>> binary_losses(np.array([0.1, 0.8]), np.array([False, True])).round(6).tolist()
    [0.01, 0.04]
    """
    return np.square(probability - positives)


def binary_sums(
    probability: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None
) -> MeanSums:
    """Sum up (probability - outcome)^2 of rows (rows,), the positive class alone, from 0 to 1.

    >>> round(binary_sums(np.array([0.1, 0.8]), np.array([False, True])).value, 6)
    0.025
    """
    return mean_sums.sum_up(binary_losses(probability, positives), weights)


def sums(probabilities: FloatArray, labels: npt.NDArray[np.integer], weights: FloatArray | None = None) -> MeanSums:
    """Sum up the squared gaps over all classes, from 0 to 2: probabilities (rows, K), labels (rows,) as column numbers.

    >>> round(sums(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])).value, 6)
    0.05
    """
    return mean_sums.sum_up(losses(probabilities, labels), weights)


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the mean score with its interval.

    Source: Brier, "Verification of forecasts expressed in terms of probability" (1950).

    >>> estimate(binary_sums(np.array([0.5]), np.array([True]))).value
    0.25
    """
    return mean_sums.estimate(total, parts, level, (0.0, math.inf))
