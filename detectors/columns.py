"""What happened to columns as such: those that the reference does not have, and those that no longer change."""

from collections.abc import Iterator, Mapping

from detectors import shares
from detectors.shares import Tally
from kernel.column_names import is_compared
from kernel.column_spec import OF_A_TEXT
from kernel.measurement import Measurement, Status
from kernel.profile import ColumnProfile, WindowProfile
from kernel.profile_batch import SEVERAL_GRIDS


def measure_columns(
    window: WindowProfile, reference: WindowProfile, names: Mapping[str, str], alpha: float, min_rows: int = 0
) -> Iterator[Measurement]:
    """new_columns and constant_columns: how many were called; the basis names them.

    A column is new where the reference lacks it and more rows have it than 1 in 100, beyond noise. It is constant where all
    its values are one, at least `min_rows` of them, of which the reference has several, and so many alike are unlikely: that
    value's share there to the power of their number. Each of several columns has its part of alpha. Source: the exact
    binomial test at the Clopper-Pearson bound, as of the shares (Berger and Boos 1994).

    Args:
        names: what the columns are called in measurements, by stored name.

    >>> from kernel.cells import Cells
    >>> from kernel.profile import Kind
    >>> import numpy as np
    >>> def flags(no, yes):
    ...     cells = Cells(np.flatnonzero([no, yes]), np.array([n for n in (no, yes) if n]))
    ...     return WindowProfile(no + yes, 0, no + yes, no + yes, {"feature.night": ColumnProfile(Kind.BOOLEAN, cells=cells)})
    >>> found = measure_columns(flags(1000, 0), flags(700, 300), {"feature.night": "night"}, alpha=1e-4)
    >>> [(m.metric, m.value, m.basis) for m in found]
    [('new_columns', 0.0, ''), ('constant_columns', 1.0, 'night')]
    """
    judged = {name for name in window.columns if is_compared(name) and not name.startswith(OF_A_TEXT)}
    fresh = {name: _new_p(window, name, reference, alpha) for name in sorted(judged - reference.columns.keys())}
    yield _counted("new_columns", fresh, names, window, reference, alpha)
    still = {
        name: _constant_p(window.columns[name], reference.columns[name], alpha)
        for name in sorted(judged & reference.columns.keys())
        if window.columns[name].values >= max(1, min_rows)
    }
    yield _counted("constant_columns", still, names, window, reference, alpha)


def _counted(
    metric: str,
    ps: Mapping[str, float],
    names: Mapping[str, str],
    window: WindowProfile,
    reference: WindowProfile,
    alpha: float,
) -> Measurement:
    called = [name for name, p in ps.items() if p * len(ps) < alpha]
    p = min([1.0, *(p * len(ps) for p in ps.values())])
    told = ", ".join(names.get(name, name) for name in called)
    status = Status.DRIFT if called else Status.OK
    return Measurement(
        metric, "", float(len(called)), status, 0.0, float(len(called)), p,
        rows=window.size, reference_rows=reference.size, alpha=alpha, basis=told,
    )  # fmt: skip


def _new_p(window: WindowProfile, name: str, reference: WindowProfile, alpha: float) -> float:
    column = window.columns[name]
    there = max(0.0, 1 - column.missing_weight / window.weight) if window.weight else 0.0
    return shares.rise_p(Tally(there * window.size, window.size), Tally(0.0, reference.size), alpha, shares.TOLERANCE)


def _constant_p(now: ColumnProfile, before: ColumnProfile, alpha: float) -> float:
    """1 where the window's values differ, or the reference's do not."""
    one = len(now.cells.index) == 1 and (now.low == now.high or now.low > now.high)
    alike = (now.kind, now.grid) == (before.kind, before.grid) and now.grid != SEVERAL_GRIDS
    if not one or len(before.cells.index) < 2 or not alike:
        return 1.0
    there = shares.tally_of(before.cells, before.cells.index == now.cells.index[0])
    return shares.rise_p(Tally(now.cells.size, now.cells.size), there, alpha, 0.0)
