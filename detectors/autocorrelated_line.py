"""A straight line through values whose errors go together from one window to the next."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from detectors.pair import FloatArray
from detectors.season import IntArray

_MOST = 0.95  # an autocorrelation; beyond, a short series cannot tell a line from a walk at random
_PHIS = 20
_STILL = 1e-9  # an error under this, in the values' own size, is none


@dataclass(frozen=True, eq=False)
class Line:
    """What is known of a line: one fit for each autocorrelation; all arrays of shape (phis,).

    Attributes:
        weights: how likely each autocorrelation is; they sum to 1.
        levels: of the line at 0; slopes: a unit of x.
        level_variances, slope_variances, covariances: of the two.
        freedom: degrees of freedom.

    >>> exact = Line(*(np.array([each]) for each in (1.0, 2.0, 0.5, 1e-9, 1e-9, 0.0)), freedom=30)
    >>> round(exact.p_rising(), 6), exact.p_above(4.0, np.array([3.0, 4.0, 5.0])).round(6).tolist()
    (1.0, [0.0, 0.5, 1.0])
    """

    weights: FloatArray
    levels: FloatArray
    slopes: FloatArray
    level_variances: FloatArray
    slope_variances: FloatArray
    covariances: FloatArray
    freedom: int

    def p_rising(self) -> float:
        """The probability that the slope is above 0."""
        return float(self.weights @ special.stdtr(self.freedom, self.slopes / np.sqrt(self.slope_variances)))

    def p_above(self, level: float, x: FloatArray) -> FloatArray:
        """The probability that the line is above a level at each x (n,)."""
        at = x[:, None]
        variances = self.level_variances + at * (2 * self.covariances + at * self.slope_variances)
        away = (self.levels + at * self.slopes - level) / np.sqrt(variances)
        found: FloatArray = special.stdtr(self.freedom, away) @ self.weights
        return found


def fit(x: FloatArray, values: FloatArray, gaps: FloatArray, group: IntArray, own: int | None = None) -> Line:
    """The line through values (n,) at x (n,), one height a group, whose errors are autoregressive of the first order and normal.

    For each of 20 autocorrelations phi of neighbours, 0 to 0.95, the line is generalised least squares, and its height at any x is Student's.
    The likelihood of phi, with line and sigma integrated out, weighs them; before, they are equally likely and lie evenly in
    log(1 - phi), since few windows hide how much goes together. So not knowing phi widens every interval, which plugging an
    estimate in does not. Source: Zellner and Tiao, "Bayesian analysis of the regression model with autocorrelated errors" (1964);
    the same likelihood as REML, Harville (1974).

    Args:
        gaps: (n - 1,), how many windows lie between neighbours, 1 where none is missing; above 0.
        group: (n,), 0 or more.
        own: the group whose line is returned; None for the mean of the groups' lines.

    Raises:
        ValueError: not more values than groups and a slope take.

    >>> x = np.arange(40.0)
    >>> line = fit(x, 3 + 0.5 * x + np.cos(9 * x), np.ones(39), np.zeros(40, np.int64))
    >>> line.p_rising() > 0.999, line.p_above(28.0, np.array([0.0, 50.0, 90.0])).round(1).tolist()
    (True, [0.0, 0.5, 1.0])
    """
    names, place = np.unique(group, return_inverse=True)
    freedom = values.size - names.size - 1
    if freedom < 1:
        raise ValueError(f"{values.size} values are too few for a line and {names.size} groups")
    level = np.append(np.full(names.size, 1 / names.size) if own is None else (names == own).astype(float), 0.0)
    phis = 1 - np.geomspace(1.0, 1 - _MOST, _PHIS)
    fits = np.array([_fit(x, values, phi**gaps, place, level, freedom) for phi in phis])
    likely, levels, slopes, level_variances, slope_variances, covariances = fits.T
    return Line(special.softmax(likely), levels, slopes, level_variances, slope_variances, covariances, freedom)


def _fit(x: FloatArray, y: FloatArray, rho: FloatArray, place: IntArray, level: FloatArray, freedom: int) -> FloatArray:
    """The fit under one autocorrelation (6,): log likelihood, level, slope, their variances and their covariance."""
    rest = 1 - rho**2
    beside = -rho / rest  # the inverse of the errors' correlations has these beside its diagonal, and else nothing
    diagonal = np.append(1.0, 1 / rest)
    diagonal[:-1] += rho**2 / rest

    def weighed(series: FloatArray) -> FloatArray:
        found = diagonal * series
        found[:-1] += beside * series[1:]
        found[1:] += beside * series[:-1]
        return found

    n = level.size - 1
    links = np.bincount(place[:-1] * n + place[1:], beside, n * n).reshape(n, n)
    gram = np.empty((n + 1, n + 1))
    gram[:n, :n] = links + links.T + np.diag(np.bincount(place, diagonal, n))
    gram[:n, n] = gram[n, :n] = np.bincount(place, weighed(x), n)
    gram[n, n] = x @ weighed(x)
    inverse = np.linalg.inv(gram)
    found = inverse @ np.append(np.bincount(place, weighed(y), n), x @ weighed(y))
    off = y - found[place] - found[n] * x
    errors = max(float(off @ weighed(off)), freedom * (_STILL * float(np.abs(y).max())) ** 2, np.finfo(float).tiny)
    likely = -(np.log(rest).sum() + np.linalg.slogdet(gram)[1] + freedom * np.log(errors)) / 2
    scale = errors / freedom
    towards = inverse @ level
    variances = scale * np.array([level @ towards, inverse[n, n], towards[n]])
    return np.array([likely, level @ found, found[n], *variances])
