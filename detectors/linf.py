"""Largest gap of a share, the L-infinity distance."""

import numpy as np

from detectors.null_draws import mean_under_null
from detectors.pair import BinnedPair, FloatArray


def distance(p: FloatArray, q: FloatArray) -> FloatArray:
    """Largest absolute gap of the shares over the last axis, from 0 to 1.

    >>> windows = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    >>> distance(windows, np.array([0.25, 0.75, 0.0])).tolist()
    [0.5, 1.0]
    """
    gap: FloatArray = np.abs(p - q).max(axis=-1, initial=0.0)
    return gap


def value(pair: BinnedPair) -> float | None:
    """Return the largest gap of any bin's share; None where a side is empty.

    Source: Breck et al., "Data Validation for Machine Learning" (2019), as TensorFlow Data Validation has it.

    >>> from detectors.pair import pair_of
    >>> round(value(pair_of([50, 30, 20], [30, 40, 30])), 6)
    0.2
    """
    return float(distance(*pair.shares)) if pair.comparable else None


def expected(pair: BinnedPair, seed: int = 0) -> float | None:
    """Return what noise alone gives, the mean over multinomial draws of both sides.

    >>> from detectors.pair import pair_of
    >>> 0 < expected(pair_of([50, 50], [60, 40])) < 0.1
    True
    """
    return mean_under_null(pair, distance, seed)
