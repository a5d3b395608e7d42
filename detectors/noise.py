"""The p-value of "nothing moved", from counts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors import chi2, hypergeometric, monte_carlo
from detectors.pair import BinnedPair
from detectors.pooling import pool_small

ASYMPTOTIC = 50.0
EXACT = 10.0
Basis = Literal["chi-square", "pooled", "exact", "monte-carlo"]


@dataclass(frozen=True)
class NoChange:
    """The p-value of no change, and how it was had."""

    p: float
    basis: Basis


def least_expected(pair: BinnedPair) -> float:
    """Return the fewest rows that any bin expects on either side when both share one distribution.

    >>> from detectors.pair import pair_of
    >>> least_expected(pair_of([10, 20], [20, 10]))
    15.0
    """
    return float(min(side.min() for side in chi2.margins(pair)))


def p_change(pair: BinnedPair, seed: int = 0, draws: int = 10_000) -> NoChange:
    """Return P(a difference at least this large) when window and reference share one distribution.

    Pearson's statistic by the chi-square law where every bin expects at least 50 rows on both sides; else on bins with
    those under 5 pooled; with a bin still under 10 the exact test (two bins) or the sequential Monte Carlo one (more).
    Counts are effective ones, rounded for the exact tests. Raises ValueError for a pair that is not comparable.
    Sources: Pearson (1900); Cochran, "Some methods for strengthening the common chi-square tests" (1954), for the limits.

    >>> from detectors.pair import pair_of
    >>> p_change(pair_of([500, 500], [500, 500]))
    NoChange(p=1.0, basis='chi-square')
    >>> p_change(pair_of([3, 1], [1, 3])).basis
    'exact'
    """
    if least_expected(pair) >= ASYMPTOTIC:
        return NoChange(_pearson(pair), "chi-square")
    pooled = pool_small(pair)
    if least_expected(pooled) >= EXACT:
        return NoChange(_pearson(pooled), "pooled")
    window, reference = (np.rint(side).astype(np.int64) for side in pooled.rows)
    if pooled.bins <= 2:
        rows, others = int(window.sum()), int(reference.sum())
        return NoChange(hypergeometric.two_sided(int(window[0]), rows, int(reference[0]), others), "exact")
    return NoChange(monte_carlo.sequential_p(window, reference, seed, draws), "monte-carlo")


def _pearson(pair: BinnedPair) -> float:
    return chi2.tail(chi2.value(pair) or 0.0, pair.bins - 1)
