"""A straight line through values whose errors go together from one window to the next."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from detectors.pair import FloatArray
from detectors.season import IntArray

_MOST = 0.97  # an autocorrelation; beyond, a short series cannot tell a line from a walk at random
_PHIS = 14
_LASTING = (1.0, 0.5)
_LONG = 0.8  # what lasts shorter needs no error beside it: a smaller phi alone does as well
_STILL = 1e-9  # an error under this, in the values' own size, is none


@dataclass(frozen=True, eq=False)
class Line:
    """What is known of a line: one fit for each way in which errors go together; all arrays of shape (ways,).

    Attributes:
        weights: how likely each is; they sum to 1.
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
    """The line through values (n,) at x (n,), one height a group, whose errors are normal and go together.

    What lasts of an error goes together by phi from one window to the next; beside it every window has an error of its own. For
    each phi from 0 to 0.97 and each share of what lasts (all or half of the variance) the line is generalised least squares, and
    its height at any x is Student's. Their likelihood, with line and sigma integrated out, weighs them; before, they are
    equally likely, and phi lies evenly in log(1 - phi), since few windows hide how much goes together. So not knowing it widens
    every interval, which plugging an estimate in does not. Source: Zellner and Tiao, "Bayesian analysis of the regression model
    with autocorrelated errors" (1964); the same likelihood as REML, Harville (1974).

    It takes the time of n cubed: some hundreds at most.

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
    design = np.column_stack([place[:, None] == np.arange(names.size), x])
    level = np.append(np.full(names.size, 1 / names.size) if own is None else names == own, 0.0)
    steps = np.append(0.0, np.cumsum(gaps))
    together = _correlations(np.abs(steps[:, None] - steps))
    weighed = np.linalg.solve(together, np.column_stack([design, values])[None])
    gram = design.T @ weighed[:, :, :-1]
    inverse = np.linalg.inv(gram)
    found = (inverse @ (design.T @ weighed[:, :, -1:]))[:, :, 0]
    off = values - found @ design.T
    errors = (off * (weighed[:, :, -1] - (weighed[:, :, :-1] @ found[:, :, None])[:, :, 0])).sum(1)
    errors = np.maximum(errors, freedom * (_STILL * float(np.abs(values).max())) ** 2 + np.finfo(float).tiny)
    likely = -(np.linalg.slogdet(together)[1] + np.linalg.slogdet(gram)[1] + freedom * np.log(errors)) / 2
    scale, towards = errors / freedom, inverse @ level
    return Line(
        special.softmax(likely), found @ level, found[:, -1], scale * (towards @ level), scale * inverse[:, -1, -1],
        scale * towards[:, -1], freedom,
    )  # fmt: skip


def _correlations(apart: FloatArray) -> FloatArray:
    """Every way (ways, n, n) in which errors that lie so many windows (n, n) apart may go together."""
    phis = 1 - np.geomspace(1.0, 1 - _MOST, _PHIS)
    same = np.equal(apart, 0.0)
    return np.array(
        [
            np.where(same, 1.0, lasting * phi**apart)
            for lasting in _LASTING
            for phi in phis[(lasting == 1.0) | (phis >= _LONG)]
        ]
    )
