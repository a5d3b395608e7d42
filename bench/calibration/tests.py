"""The detectors' own tests over many windows at once: the same answers as one by one, without what is only told."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from detectors import noncentral, psi, shares
from detectors.interval_null import measure_drift, stable_statistics
from detectors.own_past import BoolArray, IntArray, Series
from detectors.pair import FloatArray, pair_of
from detectors.pooling import small_pools
from detectors.shares import Tally

QUARTER_DAYS = 91.25
_NEAR = 0.8  # of the statistic at which the test calls: below, it cannot


@dataclass(frozen=True, eq=False)
class Windows:
    """Counts of a column, all rows weighing 1.

    Attributes:
        counts: shape (windows, bins); reference: shape (bins,).
    """

    counts: FloatArray
    reference: FloatArray

    @property
    def shares(self) -> tuple[FloatArray, FloatArray]:
        """Of each window, shape (windows, bins), and of the reference, shape (bins,)."""
        return self.counts / self.counts.sum(axis=1, keepdims=True), self.reference / self.reference.sum()


def folded(counts: FloatArray, bins: IntArray) -> FloatArray:
    """Counts (..., cells) by the bin of each cell (cells,), shape (..., bins).

    >>> folded(np.array([[1.0, 2.0, 4.0]]), np.array([0, 1, 0])).tolist()
    [[5.0, 2.0]]
    """
    found = np.zeros((*counts.shape[:-1], int(bins.max()) + 1))
    np.add.at(found.T, bins, counts.T)
    return found


def psi_of(windows: Windows) -> FloatArray:
    """The psi of each window, shape (windows,)."""
    return psi.distance(*windows.shares)


def called(windows: Windows, alpha: float, delta: float) -> BoolArray:
    """Whether the interval null calls each window, as `measure_drift` does, shape (windows,)."""
    sizes = np.unique(windows.counts.sum(axis=1))
    if len(sizes) > 1:
        return np.array(
            [measure_drift(pair_of(one, windows.reference), alpha, delta).called(alpha) for one in windows.counts]
        )
    n, m = float(sizes[0]), float(windows.reference.sum())
    information = n * m / (n + m)
    pools = small_pools(windows.reference / m * min(n, m))
    pooled, reference = folded(windows.counts, pools), folded(windows.reference, pools)
    statistics = np.minimum(stable_statistics(pooled / n, reference / m, n, m), psi_of(windows) * information)
    held = (pooled > 0) | (reference > 0)
    freedom = held.sum(axis=1) - 1
    found = np.zeros(len(pooled), np.bool_)
    for at in np.flatnonzero(statistics > _NEAR * _critical(int(freedom.min()), information, alpha, delta)):
        found[at] = noncentral.tail(float(statistics[at]), int(freedom[at]), delta * information) < alpha
    return found


@cache
def _critical(freedom: int, information: float, alpha: float, delta: float) -> float:
    """The statistic at which the tail is alpha, by halving."""
    low, high = 0.0, 10.0 * (freedom + delta * information) + 1_000
    for _ in range(60):
        middle = (low + high) / 2
        if noncentral.tail(middle, freedom, delta * information) < alpha:
            high = middle
        else:
            low = middle
    return low


def check(windows: Windows, alpha: float, delta: float, at: int) -> None:
    """Compare one window's answer with that of the detectors.

    Raises:
        AssertionError: they differ.
    """
    one = measure_drift(pair_of(windows.counts[at], windows.reference), alpha, delta)
    ours = called(Windows(windows.counts[at : at + 1], windows.reference), alpha, delta)[0]
    assert (one.called(alpha), round(one.value or 0.0, 9)) == (ours, round(float(psi_of(windows)[at]), 9))


def rises(events: FloatArray, rows: int, before: Tally, alpha: float) -> BoolArray:
    """Whether each window's share of events is called, shape (windows,)."""
    return events >= _least_events(rows, before, alpha)


@cache
def _least_events(rows: int, before: Tally, alpha: float) -> int:
    low, high = 0, rows + 1
    while low < high:
        middle = (low + high) // 2
        if shares.rise_p(Tally(middle, rows), before, alpha, shares.TOLERANCE) < alpha:
            high = middle
        else:
            low = middle + 1
    return low


def series_of(windows: Windows, alpha: float, delta: float, starts_us: np.ndarray, eligible: int) -> Series:
    """What the fold by own past takes: the lower bounds of the windows that are called, by the detectors themselves."""
    candidates = called(windows, alpha, delta)
    lowers = np.zeros(len(candidates))
    for at in np.flatnonzero(candidates):
        lowers[at] = measure_drift(pair_of(windows.counts[at], windows.reference), alpha, delta).lower or 0.0
    n = len(candidates)
    first = np.arange(n) < eligible
    none = np.zeros(n, np.bool_)
    return Series(starts_us, psi_of(windows), candidates, np.full(n, alpha), lowers, none, none, first)
