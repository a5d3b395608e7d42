"""The noncentral chi-square law, fast enough for every column of every window."""

import math

from scipy import optimize, special, stats

from detectors import chi2

_LARGE = 1e4
_PRECISE = 1e-9
_ROUGH_ALPHA = 1e-8


def tail(statistic: float, freedom: int, noncentrality: float) -> float:
    """Return P(noncentral chi-square >= statistic).

    Exact to 1e-6 of its value up to noncentrality 1e4; beyond it Sankaran's normal approximation, to 1e-3 down to
    tails of 1e-18. Source: Sankaran, "Approximations to the non-central chi-square distribution" (1963), as Johnson,
    Kotz and Balakrishnan, "Continuous Univariate Distributions" 2 (1995), equation 29.61, give it.

    >>> round(tail(20.0, 9, 0.0), 6), round(tail(20.0, 9, 10.0), 6)
    (0.017912, 0.4025)
    """
    if freedom < 1 or noncentrality == 0:
        return chi2.tail(statistic, freedom)
    rough = _rough_tail(statistic, freedom, noncentrality)
    precise = rough > _PRECISE or noncentrality > _LARGE
    return rough if precise else float(stats.ncx2.sf(statistic, freedom, noncentrality))


def _rough_tail(statistic: float, freedom: int, noncentrality: float) -> float:
    """The tail to an absolute 1e-15, without the 0.1 ms that a distribution object of scipy costs."""
    if noncentrality > _LARGE:
        return _sankaran(statistic, freedom, noncentrality)
    return 1.0 - float(special.chndtr(statistic, freedom, noncentrality))


def _sankaran(statistic: float, freedom: int, noncentrality: float) -> float:
    mean, double, triple = (freedom + times * noncentrality for times in (1, 2, 3))
    h = 1 - 2 / 3 * mean * triple / double**2
    p = double / mean**2
    m = (h - 1) * (1 - 3 * h)
    centre = 1 + h * p * (h - 1 - 0.5 * (2 - h) * m * p)
    z = ((statistic / mean) ** h - centre) / (h * math.sqrt(2 * p) * (1 + 0.5 * m * p))
    return float(special.ndtr(-z))


def lower_noncentrality(statistic: float, freedom: int, alpha: float) -> float:
    """Return the one-sided lower confidence bound, at level 1 - alpha, of the noncentrality behind a statistic.

    The bound is where the tail equals alpha: 0 where even the central law gives as much.

    >>> bound = lower_noncentrality(60.0, 9, 0.001)
    >>> round(tail(60.0, 9, bound), 6)
    0.001
    >>> lower_noncentrality(9.0, 9, 0.001)
    0.0
    """
    if freedom < 1 or tail(statistic, freedom, 0.0) >= alpha:
        return 0.0
    law = tail if alpha < _ROUGH_ALPHA else _rough_tail
    root = optimize.brentq(lambda r: law(statistic, freedom, r * r) - alpha, 0.0, math.sqrt(statistic), rtol=1e-9)
    return float(root * root)
