"""Hellinger distance."""

import math

import numpy as np

from detectors.js_distance import chi_mean
from detectors.pair import BinnedPair, FloatArray


def distance(p: FloatArray, q: FloatArray) -> FloatArray:
    """Root of half the squared gaps of the root shares, over the last axis, from 0 to 1.

    >>> windows = np.array([[0.25, 0.75], [0.0, 1.0]])
    >>> distance(windows, np.array([1.0, 0.0])).round(6).tolist()  # its square is 1 - sum sqrt(p q)
    [0.707107, 1.0]
    """
    half: FloatArray = np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, axis=-1) / 2
    return np.sqrt(np.minimum(half, 1.0))


def value(pair: BinnedPair) -> float | None:
    """Return the distance on psi's bins, from 0 to 1; None where a side is empty.

    Source: Le Cam, "Asymptotic Methods in Statistical Decision Theory" (1986), chapter 4.

    >>> from detectors.pair import pair_of
    >>> value(pair_of([5, 0], [0, 9]))
    1.0
    """
    return float(distance(*pair.shares)) if pair.comparable else None


def expected(pair: BinnedPair) -> float | None:
    """Return what noise alone gives: 8 nm/(n+m) times its square is chi-square with B - 1 degrees of freedom; at most 1.

    >>> from detectors.pair import pair_of
    >>> round(expected(pair_of([50, 50], [600, 400])), 4)
    0.0296
    """
    return min(1.0, chi_mean(pair.bins - 1) / math.sqrt(8 * pair.information)) if pair.comparable else None
