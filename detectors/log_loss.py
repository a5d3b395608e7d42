"""Logarithmic loss."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import MeanSums
from detectors.pair import FloatArray

_EPS = float(np.finfo(np.float64).eps)


def sums(probabilities: FloatArray, labels: npt.NDArray[np.integer], weights: FloatArray | None = None) -> MeanSums:
    """Sum up the loss of rows: probabilities (rows, K), labels (rows,) as column numbers, weights (rows,).

    Probabilities are held within machine epsilon of 0 and 1, as in scikit-learn. A label that is no class of the
    scores has number -1 and the loss of a probability of 0.

    >>> round(sums(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])).value, 6)
    0.164252
    """
    chosen = probabilities[np.arange(labels.size), labels] if labels.size else np.empty(0)
    return mean_sums.sum_up(-np.log(np.clip(np.where(labels < 0, 0.0, chosen), _EPS, 1 - _EPS)), weights)


def binary_sums(
    probability: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None
) -> MeanSums:
    """Sum up the loss of rows by the positive class's probability (rows,).

    >>> round(binary_sums(np.array([0.1, 0.8]), np.array([False, True])).value, 6)
    0.164252
    """
    held = np.clip(probability, _EPS, 1 - _EPS)
    return mean_sums.sum_up(-np.log(np.where(positives, held, 1 - held)), weights)


def estimate(total: MeanSums, parts: Sequence[MeanSums] = (), level: float = 0.95) -> Estimate:
    """Return the mean loss in nats, 0 or more, with its interval.

    Source: Good, "Rational decisions" (1952).

    >>> estimate(binary_sums(np.array([0.5]), np.array([True]))).rows
    1
    """
    return mean_sums.estimate(total, parts, level, (0.0, math.inf))
