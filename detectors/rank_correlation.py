"""Whether two series go together, of windows that are not independent."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from detectors.pair import FloatArray

LEAST_WINDOWS = 10
_LAGS = 5  # of so many windows one lag counts


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation of two series.

    Attributes:
        value: -1 to 1.
        lower, upper: its 95% interval.
        p_value: of no correlation, two-sided.
        windows: how many there are; size: how many independent ones they are worth.
    """

    value: float
    lower: float
    upper: float
    p_value: float
    windows: int
    size: float


def correlate(one: FloatArray, other: FloatArray, level: float = 0.95) -> RankCorrelation | None:
    """Return the rank correlation of two series in window order, both of shape (windows,).

    None of fewer than ten windows in which both are finite, and of a constant. How many independent windows there are, the
    autocorrelations of both say, at lags up to a fifth of the windows.
    Source: Spearman (1904); Pyper and Peterman, "Comparison of methods to account for autocorrelation in correlation analyses
    of fish data" (1998); of the interval Bonett and Wright, "Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations" (2000).

    >>> one, noise = np.random.default_rng(1).normal(size=(2, 60))
    >>> found = correlate(one, one + noise)
    >>> found.lower < 0.7 < found.upper, found.p_value < 0.001, found.windows
    (True, True, 60)
    """
    known = np.isfinite(one) & np.isfinite(other)
    windows = int(known.sum())
    if windows < LEAST_WINDOWS:
        return None
    sides = [_standardised(stats.rankdata(side[known])) for side in (one, other)]
    if any(side is None for side in sides):
        return None
    first, second = (side for side in sides if side is not None)
    value = max(-1.0, min(1.0, float(first @ second)))
    size = _size(first, second)
    half = float(special.ndtri(0.5 + level / 2)) * math.sqrt((1 + value * value / 2) / (size - 3))
    middle = math.atanh(max(-1 + 1e-12, min(value, 1 - 1e-12)))
    lower, upper = math.tanh(middle - half), math.tanh(middle + half)
    return RankCorrelation(value, min(value, lower), max(value, upper), _p_value(value, size), windows, size)


def _standardised(ranks: FloatArray) -> FloatArray | None:
    """With mean 0 and length 1; None of ranks that are all alike."""
    centred = ranks - ranks.mean()
    length = float(np.sqrt(centred @ centred))
    return centred / length if length > 0 else None


def _size(one: FloatArray, other: FloatArray) -> float:
    """How many independent windows there are: no more than windows, and no fewer than an interval needs."""
    rows = one.size
    shared = sum(float(one[k:] @ one[:-k]) * float(other[k:] @ other[:-k]) for k in range(1, rows // _LAGS + 1))
    inverse = 1 / rows + 2 / rows * shared
    return max(4.0, min(float(rows), 1 / inverse if inverse > 0 else float(rows)))


def _p_value(value: float, size: float) -> float:
    if abs(value) >= 1:
        return 0.0
    t = abs(value) * math.sqrt((size - 2) / (1 - value * value))
    return float(2 * special.stdtr(size - 2, -t))
