"""Bins for drift: the reference's deciles taken from its cells, or the categories."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from detectors.pair import BinnedPair, FloatArray

IntArray = npt.NDArray[np.int64]


def heavy_cells(reference_counts: FloatArray, bins: int = 10) -> npt.NDArray[np.bool_]:
    """Mark the cells (C,) that swallow a whole quantile bin: zeros, defaults, sentinels.

    >>> heavy_cells(np.array([5.0, 90.0, 5.0])).tolist()
    [False, True, False]
    """
    total = float(reference_counts.sum())
    marked: npt.NDArray[np.bool_] = (reference_counts > 0) & (reference_counts * bins >= total)
    return marked


def decile_bins(reference_counts: FloatArray, bins: int = 10) -> IntArray:
    """Assign every cell (C,), in the order of its values, to a bin: quantiles of the reference, within one cell.

    A heavy cell is a bin of its own and the quantiles are taken over the rest; so there are up to `bins` bins and one
    more a heavy cell. A cell goes where the middle of its share falls; cells beyond the reference's range go to the
    first or last bin of the rest. Where the heavy cells hold all of the reference, the rest is one bin. Bins are
    numbered from 0 by first cell. Raises ValueError for a reference without rows.

    Source: the population stability index on the development sample's deciles, Siddiqi, "Credit Risk Scorecards" (2006).

    >>> decile_bins(np.ones(6), bins=3).tolist()
    [0, 0, 1, 1, 2, 2]
    >>> decile_bins(np.array([0.0, 50.0, 10.0, 10.0, 0.0]), bins=2).tolist()
    [0, 1, 0, 2, 2]
    """
    if not reference_counts.sum() > 0:
        raise ValueError("deciles need a reference with rows")
    heavy = heavy_cells(reference_counts, bins)
    rest = np.where(heavy, 0.0, reference_counts)
    middles = np.cumsum(rest) - rest / 2
    held = rest.sum()
    labels = np.minimum(middles / held * bins, bins - 1).astype(np.int64) if held > 0 else np.zeros(rest.size, np.int64)
    labels[heavy] = bins + np.arange(np.count_nonzero(heavy))
    return _by_first_cell(labels)


def _by_first_cell(labels: IntArray) -> IntArray:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]


def pair_from_cells(
    window_counts: FloatArray,
    reference_counts: FloatArray,
    assignment: IntArray,
    window_size: float | None = None,
    reference_size: float | None = None,
) -> BinnedPair:
    """Fold cells (C,) of both sides into bins by their assignment (C,); a size not given is the sum of the counts.

    >>> pair = pair_from_cells(np.array([0.0, 4.0]), np.array([1.0, 1.0]), np.array([0, 1]))
    >>> pair.window.tolist(), pair.window_size
    ([0.0, 4.0], 4.0)
    """
    bins = int(assignment.max()) + 1 if assignment.size else 0
    return BinnedPair(
        np.bincount(assignment, window_counts, bins).astype(np.float64),
        np.bincount(assignment, reference_counts, bins).astype(np.float64),
        float(window_counts.sum()) if window_size is None else window_size,
        float(reference_counts.sum()) if reference_size is None else reference_size,
    )


def pair_from_categories(
    window: Mapping[str, float],
    reference: Mapping[str, float],
    window_size: float | None = None,
    reference_size: float | None = None,
) -> BinnedPair:
    """Align counts by category; the reference's come first, then the window's that it lacks, each by name.

    >>> pair = pair_from_categories({"UA": 2, "new": 1}, {"AA": 3, "UA": 5})
    >>> pair.window.tolist(), pair.reference.tolist()
    ([0.0, 2.0, 1.0], [3.0, 5.0, 0.0])
    """
    names = sorted(reference) + sorted(window.keys() - reference.keys())
    p = np.array([window.get(name, 0.0) for name in names], np.float64)
    q = np.array([reference.get(name, 0.0) for name in names], np.float64)
    return pair_from_cells(p, q, np.arange(len(names)), window_size, reference_size)
