"""How long labels take to come: the share of them that is there at an age, from windows too young to have all of theirs."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.pair import FloatArray
from kernel.clock import SECOND_US

A_DOUBLING = 8
"""Cells of delay in which it doubles; the first is all under a second."""
CELLS = 1 + A_DOUBLING * 25
"""Up to 388 days; what is longer is in the last one."""
LEAST_LABELS = 100
"""Labels of which a curve is drawn at least."""
SETTLED = 0.95
"""Share of the labels that must be there at half of the greatest age seen: else more may come later than was ever seen."""

Counts = NDArray[np.int64]
"""Labels by cell of their delay, shape (CELLS,)."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """The labels of predictions that were made together.

    Attributes:
        age_us: how long ago the last of them was made; of all of them, labels with shorter delays are there.
        counts: by delay.
    """

    age_us: int
    counts: Counts


@dataclass(frozen=True)
class DelayCurve:
    """The share of the labels that ever come which is there at an age: straight between its points.

    Attributes:
        ages_s: of the points, ascending from 0, in seconds.
        shares: there, from 0 to 1, never falling.
    """

    ages_s: tuple[float, ...]
    shares: tuple[float, ...]

    def at(self, ages_us: NDArray[np.int64]) -> FloatArray:
        """Return the share at each age, of the same shape.

        >>> DelayCurve((0.0, 10.0), (0.0, 1.0)).at(np.array([5 * SECOND_US, -1, 60 * SECOND_US])).tolist()
        [0.5, 0.0, 1.0]
        """
        ages_s = ages_us / SECOND_US
        shares: FloatArray = np.where(ages_us < 0, 0.0, np.interp(ages_s, self.ages_s, self.shares))
        return shares

    def age_us(self, share: float) -> int:
        """Return the age at which a share of the labels is there, to the end of a cell.

        >>> DelayCurve((0.0, 10.0, 20.0), (0.0, 0.5, 1.0)).age_us(0.99) // SECOND_US
        20
        """
        place = int(np.searchsorted(self.shares, share - 1e-12))
        return round(self.ages_s[min(place, len(self.ages_s) - 1)] * SECOND_US)


def count(delays_us: NDArray[np.int64]) -> Counts:
    """Count delays, shape (rows,), by cell; a label that is older than its prediction has none.

    >>> np.flatnonzero(count(np.array([-5, 0, SECOND_US, 2 * SECOND_US]))).tolist()
    [0, 1, 9]
    """
    seconds = np.maximum(delays_us, 0) / SECOND_US
    with np.errstate(divide="ignore"):
        cells = np.where(seconds < 1, 0, 1 + np.floor(A_DOUBLING * np.log2(np.maximum(seconds, 1))))
    return np.bincount(np.minimum(cells, CELLS - 1).astype(np.int64), minlength=CELLS)


def ends_s() -> FloatArray:
    """Where each cell ends, in seconds, shape (CELLS,).

    >>> ends_s()[[0, 8, 16]].tolist()
    [1.0, 2.0, 4.0]
    """
    ends: FloatArray = 2.0 ** (np.arange(CELLS) / A_DOUBLING)
    return ends


def fit(cohorts: Iterable[Cohort]) -> DelayCurve | None:
    """Return the curve that cohorts of different ages show; None where they are too few or too young to tell.

    A young cohort has the short delays alone, so a plain share of them would be too high. Each cell is asked for in turn, from the
    longest: of the labels that cohorts old enough have up to it, how many lie in it. The product of the rest is the share before
    it. It is of the labels that come within the greatest age seen; where more than 5% of these lie beyond half of it, later ones
    are likely and there is no curve.

    Source: Lagakos, Barraj and De Gruttola, "Nonparametric analysis of truncated survival data" (1988), in cells.

    >>> late = count(np.full(100, 30 * SECOND_US)) + count(np.full(100, SECOND_US // 2))
    >>> soon = count(np.full(150, SECOND_US // 2))
    >>> curve = fit([Cohort(100 * SECOND_US, late), Cohort(10 * SECOND_US, soon)])
    >>> curve.at(np.array([10 * SECOND_US])).round(3).tolist()
    [0.5]
    """
    known = [cohort for cohort in cohorts if cohort.counts.any()]
    if not known:
        return None
    counts = np.stack([cohort.counts for cohort in known])
    ages_s = np.array([cohort.age_us for cohort in known]) / SECOND_US
    ends = ends_s()
    whole = ends[None, :] <= ages_s[:, None]
    inside = (counts * whole).sum(axis=0)
    upto = (np.cumsum(counts, axis=1) * whole).sum(axis=0)
    if int(inside.sum()) < LEAST_LABELS:
        return None
    left = 1.0 - np.divide(inside, upto, out=np.zeros(CELLS), where=upto > 0)
    shares = np.append(np.cumprod(left[:0:-1])[::-1], 1.0)
    curve = DelayCurve((0.0, *ends.tolist()), (0.0, *shares.tolist()))
    settled = curve.at(np.array([round(ages_s.max() * SECOND_US / 2)]))[0] >= SETTLED
    return curve if settled else None
