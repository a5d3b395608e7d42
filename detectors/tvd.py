"""Total variation distance."""

import numpy as np

from detectors.null_draws import mean_under_null
from detectors.pair import BinnedPair, FloatArray


def distance(p: FloatArray, q: FloatArray) -> FloatArray:
    """Half the sum of the absolute gaps of the shares, over the last axis, from 0 to 1.

    >>> windows = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    >>> distance(windows, np.array([0.25, 0.75, 0.0])).tolist()
    [0.5, 1.0]
    """
    half: FloatArray = np.sum(np.abs(p - q), axis=-1) / 2
    return np.minimum(half, 1.0)


def value(pair: BinnedPair) -> float | None:
    """Return the distance on psi's bins: the share of rows that would have to move; None where a side is empty.

    Source: Levin, Peres and Wilmer, "Markov Chains and Mixing Times" (2009), section 4.1.

    >>> from detectors.pair import pair_of
    >>> round(value(pair_of([50, 50], [60, 40])), 6)
    0.1
    """
    return float(distance(*pair.shares)) if pair.comparable else None


def expected(pair: BinnedPair, seed: int = 0) -> float | None:
    """Return what noise alone gives, the mean over multinomial draws of both sides.

    >>> from detectors.pair import pair_of
    >>> 0 < expected(pair_of([50, 50], [60, 40])) < 0.1
    True
    """
    return mean_under_null(pair, distance, seed)
