"""Population stability index."""

import numpy as np

from detectors.pair import BinnedPair, FloatArray

FLOOR = 1e-4


def distance(p: FloatArray, q: FloatArray) -> FloatArray:
    """Sum (p - q) ln(p / q) over the last axis, shares floored at 1e-4 on both sides.

    >>> windows = np.array([[0.5, 0.5], [0.6, 0.4]])
    >>> distance(windows, np.array([0.6, 0.4])).round(6).tolist()
    [0.040547, 0.0]
    """
    p, q = np.maximum(p, FLOOR), np.maximum(q, FLOOR)
    index: FloatArray = np.sum((p - q) * np.log(p / q), axis=-1)
    return index


def value(pair: BinnedPair) -> float | None:
    """Return the index, from 0 up; None where a side is empty.

    Source: Siddiqi, "Credit Risk Scorecards" (2006); it is Jeffreys' divergence of the floored shares.

    >>> from detectors.pair import pair_of
    >>> round(value(pair_of([50, 50], [60, 40])), 6)
    0.040547
    """
    return float(distance(*pair.shares)) if pair.comparable else None


def expected(pair: BinnedPair) -> float | None:
    """Return what noise alone gives, (B - 1)(1/n + 1/m): the mean of its chi-square law.

    Source: Yurdakul and Naranjo, "Statistical properties of the population stability index" (2020).

    >>> from detectors.pair import pair_of
    >>> round(expected(pair_of([50, 50], [600, 400])), 6)
    0.011
    """
    return (pair.bins - 1) / pair.information if pair.comparable else None
