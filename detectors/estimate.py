"""What every measure of performance returns."""

import math
from dataclasses import dataclass, field
from typing import Literal

Basis = Literal["iid", "cluster"]


@dataclass(frozen=True)
class Estimate:
    """A measure with its interval.

    Attributes:
        value: the measure in its own unit; None where it does not exist (no rows, a missing class).
        lower: lower end of the two-sided interval, 95% unless asked otherwise; None where none can be had.
        upper: upper end of it.
        rows: the rows (not weights) behind it.
        basis: `cluster` where the interval holds for rows that depend on one another within a cluster; `iid` where it
            holds for independent rows alone, so that it does not alarm by itself.
        design_effect: how many times the variance of independent rows the clusters have; None where it is not known.
    """

    value: float | None
    lower: float | None
    upper: float | None
    rows: int
    basis: Basis = "iid"
    design_effect: float | None = field(default=None, repr=False)

    @property
    def said(self) -> str:
        """The basis for people, with the design effect.

        >>> Estimate(0.9, 0.8, 1.0, 500, "cluster", 9.84).said, Estimate(0.9, 0.8, 1.0, 500).said
        ('cluster, design effect 9.84', 'iid')
        """
        return self.basis if self.design_effect is None else f"{self.basis}, design effect {self.design_effect:.3g}"


def none_of(rows: int = 0) -> Estimate:
    """Return the estimate of something that does not exist.

    >>> none_of().value is None
    True
    """
    return Estimate(None, None, None, rows)


def bounded(
    value: float,
    error: float,
    width: float,
    rows: int,
    basis: Basis,
    limits: tuple[float, float] | None = None,
    design_effect: float | None = None,
) -> Estimate:
    """Return value +- width standard errors, held within the limits of the measure; no interval beyond float64.

    >>> found = bounded(0.9, 0.1, 2.0, 10, "iid", (0.0, 1.0))
    >>> found.lower, found.upper
    (0.7, 1.0)
    """
    low, high = limits or (-math.inf, math.inf)
    ends = value - width * error, value + width * error
    if not all(map(math.isfinite, ends)):
        return Estimate(value, None, None, rows, basis)
    return Estimate(value, max(low, ends[0]), min(high, ends[1]), rows, basis, design_effect)
