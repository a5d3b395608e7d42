"""Bins too small to be tested alone, pooled."""

import numpy as np

from detectors.binning import IntArray, pair_from_cells
from detectors.pair import BinnedPair, FloatArray

LEAST_EXPECTED = 5.0


def pool_small(pair: BinnedPair, least: float = LEAST_EXPECTED) -> BinnedPair:
    """Pool the bins in which the smaller side expects fewer than `least` rows by the reference's share alone.

    The small bins are joined in their order, each pool closed as soon as it expects enough; what remains at the end is
    a bin of its own, small as it may be. As only the reference decides, a test on the pools keeps its level.
    Source: Cochran, "Some methods for strengthening the common chi-square tests" (1954).

    >>> from detectors.pair import pair_of
    >>> pool_small(pair_of([2, 90, 3, 1, 4], [3, 80, 4, 13, 0])).reference.tolist()
    [7.0, 80.0, 13.0, 0.0]
    """
    expected = pair.shares[1] * min(pair.window_size, pair.reference_size)
    if expected.min() >= least:
        return pair
    pools = small_pools(expected, least)
    return pair_from_cells(pair.window, pair.reference, pools, pair.window_size, pair.reference_size)


def small_pools(expected: FloatArray, least: float = LEAST_EXPECTED) -> IntArray:
    """The pool of each bin (B,), by the rows expected there: itself, or the first bin of those it is joined with.

    >>> small_pools(np.array([3.0, 80.0, 4.0, 13.0, 0.0])).tolist()
    [0, 1, 0, 3, 4]
    """
    pools, gathered = np.arange(expected.size), 0.0
    target = -1
    for small in np.flatnonzero(expected < least):
        target = int(small) if target < 0 else target
        pools[small] = target
        gathered += expected[small]
        if gathered >= least:
            target, gathered = -1, 0.0
    return pools
