"""Kolmogorov-Smirnov distance on cells."""

import numpy as np

from detectors.null_draws import mean_under_null
from detectors.pair import BinnedPair, FloatArray


def distance(p: FloatArray, q: FloatArray) -> FloatArray:
    """Largest gap of the cumulative shares over the last axis, cells in the order of their values.

    >>> windows = np.array([[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]])
    >>> distance(windows, np.array([0.5, 0.5, 0.0])).tolist()
    [0.25, 1.0]
    """
    gap: FloatArray = np.abs(np.cumsum(p - q, axis=-1)).max(axis=-1, initial=0.0)
    return np.minimum(gap, 1.0)


def value(cells: BinnedPair) -> float | None:
    """Return the largest gap at the cells' edges, from 0 to 1; the pair's bins are the grid's cells in order.

    The rows' own distance is never less and exceeds it by at most `error_bound`. None where a side is empty.
    Source: Hodges, "The significance probability of the Smirnov two-sample test" (1958).

    >>> from detectors.pair import pair_of
    >>> value(pair_of([1, 1, 0], [0, 1, 1]))
    0.5
    """
    return float(distance(*cells.shares)) if cells.comparable else None


def error_bound(cells: BinnedPair) -> float | None:
    """Return the largest over cells of min(p, q): inside a cell the curves can part no further than that.

    >>> from detectors.pair import pair_of
    >>> error_bound(pair_of([1, 1, 0], [0, 1, 1]))
    0.5
    """
    return float(np.minimum(*cells.shares).max()) if cells.comparable else None


def expected(cells: BinnedPair, seed: int = 0) -> float | None:
    """Return what noise alone gives, the mean over multinomial draws of both sides.

    >>> from detectors.pair import pair_of
    >>> 0 < expected(pair_of([50, 50], [60, 40])) < 0.1
    True
    """
    return mean_under_null(cells, distance, seed)
