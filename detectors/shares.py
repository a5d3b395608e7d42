"""Shares of rows that are wrong: missing, of an unseen category, out of the reference's range."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors import chi2, hypergeometric, wilson
from detectors.pair import pair_of
from kernel.cells import Cells
from kernel.measurement import Measurement, Status

EXACT_EVENTS = 50.0
TOLERANCE = 0.01


@dataclass(frozen=True)
class ShareShift:
    """A share of the window's rows against the reference's.

    Attributes:
        value: the window's share; None, like all but the basis, where a side has no rows.
        expected: the reference's share: what the window would show had nothing changed.
        lower: lower end of the value's 95% Wilson interval.
        upper: upper end of it.
        p_change: two-sided probability of a gap as large where nothing changed.
        p_tolerance: one-sided probability of a share as large where it rose by `tolerance` at most; the shift is called
            where it is below alpha.
        basis: how p_change was had.
    """

    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    p_change: float | None
    p_tolerance: float | None
    basis: Literal["exact", "chi-square", "insufficient"]

    def called(self, alpha: float) -> bool:
        """Whether the rise is called at this alpha: never without rows.

        >>> INSUFFICIENT.called(0.5)
        False
        """
        return self.p_tolerance is not None and self.p_tolerance < alpha


INSUFFICIENT = ShareShift(None, None, None, None, None, None, "insufficient")


@dataclass(frozen=True)
class Tally:
    """Events among rows: effective numbers where rows are weighted (the share times the effective size).

    >>> Tally(3, 100).share
    0.03
    """

    events: float
    rows: float

    @property
    def share(self) -> float:
        """Events per row; ValueError without rows or with more events than rows."""
        if not 0 <= self.events <= self.rows or self.rows == 0:
            raise ValueError(f"{self.events} events of {self.rows} rows is no share")
        return self.events / self.rows


def tally_of(cells: Cells, chosen: npt.NDArray[np.bool_]) -> Tally:
    """The values in some of the cells (cells,) among all, at the effective size.

    >>> tally_of(Cells(np.array([3, 4]), np.array([1, 3])), np.array([True, False]))
    Tally(events=1.0, rows=4.0)
    """
    total = cells.shares_of.sum()
    share = float(cells.shares_of[chosen].sum() / total) if total else 0.0
    return Tally(min(1.0, share) * cells.size, cells.size)


def measured(
    metric: str, column: str, shift: ShareShift, rows: float, reference_rows: float, alpha: float, called: Status
) -> Measurement:
    """A share's measurement.

    Args:
        rows, reference_rows: what it is a share of.
        called: the status of a rise.

    >>> shift = missing_share(Tally(80, 1000), Tally(10, 10_000), alpha=1e-5)
    >>> found = measured("missing_share", "x", shift, 1000, 10_000, 1e-5, Status.DRIFT)
    >>> found.value, found.status.value
    (0.08, 'drift')
    """
    if shift.value is None or shift.expected is None:
        return Measurement(metric, column, None, Status.INSUFFICIENT, basis=shift.basis)
    return Measurement(
        metric, column, shift.value, called if shift.called(alpha) else Status.OK, shift.expected,
        shift.value - shift.expected, shift.p_tolerance, shift.p_change, shift.lower, shift.upper, rows, reference_rows,
        alpha, shift.basis,
    )  # fmt: skip


def missing_share(window: Tally, reference: Tally, alpha: float, tolerance: float = TOLERANCE) -> ShareShift:
    """Compare the shares of missing values (NaN among them) of window and reference.

    p_change is Fisher's exact (hypergeometric) test where the smaller side expects 50 events or fewer, else Pearson's
    chi-square. p_tolerance is `rise_p`. Source: Fisher (1934); Wilson (1927) for the interval.

    >>> shift = missing_share(Tally(80, 1000), Tally(10, 10_000), alpha=1e-5)
    >>> shift.value, shift.expected, shift.called(1e-5)
    (0.08, 0.001, True)
    """
    if min(window.rows, reference.rows) <= 0:
        return INSUFFICIENT
    events = window.events + reference.events
    expects = events * min(window.rows, reference.rows) / (window.rows + reference.rows)
    exact = min(expects, min(window.rows, reference.rows) - expects) <= EXACT_EVENTS
    p_change = _exact(window, reference) if exact else _chi_square(window, reference)
    p_tolerance = rise_p(window, reference, alpha, tolerance)
    return _shift(window, reference.share, p_change, p_tolerance, "exact" if exact else "chi-square")


def unseen_share(
    window: Tally, reference_rows: float, reference_singletons: float, alpha: float, tolerance: float = TOLERANCE
) -> ShareShift:
    """Compare the share of rows whose category the reference lacks with what a reference of its size leaves unseen.

    By definition the reference has none; what it leaves unseen is estimated by its categories with one row, each of
    which the rest of the reference would call unseen. So a column of ever new identifiers does not alarm. Pass 0
    singletons where they are not known; of weighted rows pass effective numbers, as for a Tally.
    Source: Good, "The population frequencies of species" (1953), equation 9.

    >>> unseen_share(Tally(5, 1000), 10_000, 50, alpha=1e-5).expected
    0.005
    """
    if min(window.rows, reference_rows) <= 0:
        return INSUFFICIENT
    return missing_share(window, Tally(reference_singletons, reference_rows), alpha, tolerance)


def out_of_range_share(window: Tally, reference_rows: float, alpha: float, tolerance: float = TOLERANCE) -> ShareShift:
    """Compare the share of values below the reference's minimum or above its maximum with 2 / (m + 1), its mean.

    The reference has none by definition, so p_change is one-sided, by the exact law of exceedances: with f(s) the
    probability that s given ranks of all n + m all belong to the window, P(K >= k) = (k + 1) f(k) - k f(k + 1), for
    values without ties (with ties it is smaller, so the test keeps its level). In p_tolerance the share beyond the
    range has the law Beta(2, m - 1). Sources: Gumbel and von Schelling, "The distribution of the number of exceedances"
    (1950); Wilks, "Determination of sample sizes for setting tolerance limits" (1941).

    >>> shift = out_of_range_share(Tally(60, 1000), 10_000, alpha=1e-5)
    >>> shift.called(1e-5), shift.basis
    (True, 'exact')
    """
    if window.rows <= 0 or reference_rows < 1:
        return INSUFFICIENT
    p_change = _exceedance(round(window.events), round(window.rows), round(reference_rows))
    # One event more in the reference turns Clopper and Pearson's Beta(1, m) into the range's Beta(2, m - 1).
    p_tolerance = rise_p(window, Tally(1, reference_rows), alpha, tolerance)
    return _shift(window, min(1.0, 2 / (reference_rows + 1)), p_change, p_tolerance, "exact")


def rise_p(window: Tally, reference: Tally, alpha: float, tolerance: float) -> float:
    """Return P(as many events in the window) where its true share is the reference's plus `tolerance`, at most.

    The reference's true share is taken at its Clopper-Pearson upper bound of level 1 - alpha / 10, and alpha / 10 is
    added: valid at level alpha whatever that share. Source: Berger and Boos, "P values maximized over a confidence set
    for the nuisance parameter" (1994).

    >>> rise_p(Tally(20, 1000), Tally(0, 10_000), alpha=0.001, tolerance=0.01) > 0.001
    True
    """
    risk = alpha / 10
    events, rest = reference.events, reference.rows - reference.events
    highest = float(special.betaincinv(events + 1, rest, 1 - risk)) if rest > 0 else 1.0
    share = highest + tolerance
    if window.events <= 0 or share >= 1:
        return 1.0
    return min(1.0, float(special.betainc(window.events, window.rows - window.events + 1, share)) + risk)


def _exact(window: Tally, reference: Tally) -> float:
    numbers = (round(number) for number in (window.events, window.rows, reference.events, reference.rows))
    return hypergeometric.two_sided(*numbers)


def _chi_square(window: Tally, reference: Tally) -> float:
    sides = [[side.events, side.rows - side.events] for side in (window, reference)]
    return chi2.tail(chi2.value(pair_of(*sides)) or 0.0, 1)


def _exceedance(events: int, rows: int, reference_rows: int) -> float:
    if events <= 0:
        return 1.0
    total, logs = rows + reference_rows, special.gammaln
    log_f = logs(rows + 1) - logs(rows - events + 1) + logs(total - events + 1) - logs(total + 1)
    further = (rows - events) / (total - events)
    return min(1.0, math.exp(log_f) * (events + 1 - events * further))


def _shift(
    window: Tally, expected: float, p_change: float, p_tolerance: float, basis: Literal["exact", "chi-square"]
) -> ShareShift:
    lower, upper = wilson.interval(window.share, window.rows)
    return ShareShift(window.share, expected, lower, upper, p_change, p_tolerance, basis)
