"""Calendar windows and their life: open, closed, measured; re-opened by late records and labels. Work on them is leased."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from kernel.clock import SECOND_US
from kernel.measurement import SERVICE_LEVELS, Measurement, SeriesKey
from kernel.windows import Span, WindowSize
from store.database import Database, Transaction, database_now_us, upsert
from store.late import Rest, waits
from store.models import Model, hold, is_retired
from store.tables import measurements, windows


@dataclass(frozen=True, slots=True)
class Window:
    """A calendar window of a model.

    Attributes:
        state: open, closed, measured or sealed.
        data_revision, label_revision: raised by every flush that touches it; `measured_*` what was measured last.
        labels: distinct labels that had a prediction in it when it was measured last.
        labels_due_us: see Labels.due_us, when it was measured last.
    """

    model: str
    size: str
    start_us: int
    end_us: int
    state: str
    data_revision: int
    label_revision: int
    measured_data_revision: int
    measured_label_revision: int
    rows: int
    labels: int
    measured_us: int | None
    labels_due_us: int | None = None


UNTOLD_US = 2**62
"""When a window has all of its labels, where nobody could tell yet how late they are."""

_NEVER_US = 2**62


@dataclass(frozen=True, slots=True)
class Labels:
    """What a measuring found of a window's labels.

    Attributes:
        count: distinct ones that have a prediction in it.
        due_us: the event time of labels at which it has all of them, as far as can be told; None where it has, UNTOLD_US where
            nobody can say yet.
    """

    count: int = 0
    due_us: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to measure some windows of a model for a while."""

    token: str
    windows: tuple[Window, ...]


Measured = dict[SeriesKey, list[Measurement]]


def listing(db: Database, workspace: str, model: str, size: str | None = None) -> list[Window]:
    """A model's windows in order."""
    query = sa.select(windows).where(windows.c.workspace == workspace, windows.c.model == model)
    if size is not None:
        query = query.where(windows.c.size == size)
    with db.read() as connection:
        return [_window(row) for row in connection.execute(query.order_by(windows.c.size, windows.c.start_us))]


def lease(
    db: Database,
    workspace: str,
    model: Model,
    watermark_us: int,
    owner: str,
    *,
    seconds: float,
    limit: int,
    again_before_us: int,
    labels_us: int | None = None,
    rest: Rest | None = None,
) -> Lease | None:
    """Take closed windows that are not measured as they stand, the earliest first; None where there are none.

    There are none of a retired model.

    Args:
        again_before_us: a window of whose own records none are new, only labels or records of its moving reference, waits until
            its last measuring is as old as that.
        labels_us: how far the labels have come, in event time: windows that were to have all of them by then are final.
        rest: what windows that came late wait for; without it they wait for nothing.
    """
    at = windows.c
    own = at.measured_data_revision < at.own_revision
    stale = sa.or_(
        at.measured_data_revision < at.data_revision,
        at.measured_label_revision < at.label_revision,
        _final_by(labels_us),
    )
    rested = sa.or_(at.measured_us.is_(None), at.measured_us <= again_before_us)
    due = (
        sa.select(windows)
        .where(
            at.workspace == workspace,
            at.model == model.name,
            at.end_us <= watermark_us - model.lateness_us,
            at.state != "sealed",
            sa.or_(own, sa.and_(stale, rested)),
            sa.true() if rest is None else ~waits(workspace, model.name, rest),
            at.until_us < database_now_us(),
            ~is_retired(workspace, model.name),
        )
        .order_by(at.size != model.window.text, at.size, at.start_us)
        .limit(limit)
    )
    token = uuid.uuid4().hex
    with db.write() as connection:
        hold(
            connection, workspace, model.name
        )  # what is touched just now is seen to be held, or is seen here as it will be
        rows = list(connection.execute(due.with_for_update(skip_locked=True)))
        rows = [row for row in rows if row.size == rows[0].size]
        until_us = database_now_us() + round(seconds * SECOND_US)
        for row in rows:
            held = sa.update(windows).where(*_key(workspace, _window(row)))
            connection.execute(held.values(owner=owner, token=token, until_us=until_us))
    return Lease(token, tuple(_window(row) for row in rows)) if rows else None


def fill(db: Database, workspace: str, model: Model, until_us: int, longest_us: int, *, rested: bool = True) -> int:
    """Add the windows in which nothing came and that end by a moment, after those in which something did; returns how many.

    A window without a record has nobody to make it, and what is silent would never be measured. Looked at is what lies after the
    first window that is not measured yet, or that records came late to, so the windows of a gap are there whether records came as
    they were made, all at once or in another order. A model is not silent while it is retired: what touches such a time is not
    added.

    Args:
        longest_us: how long after a window with records such windows are added.
        rested: whether no records come late just now; while some do, a gap beside a window that they came to may fill yet.
    """
    at, size = windows.c, model.window
    here = (at.workspace == workspace, at.model == model.name, at.size == size.text)
    changed = sa.or_(at.measured_us.is_(None), at.late_us.is_not(None))
    first = sa.select(sa.func.min(at.start_us)).where(*here, at.start_us < until_us, changed, at.state != "sealed")
    with db.read() as connection:
        first_us = min(until_us, connection.scalar(first) or until_us)
        query = sa.select(at.start_us, at.rows, at.late_us).where(*here, at.start_us >= first_us - 2 * longest_us)
        known = {start_us: (rows, late_us) for start_us, rows, late_us in connection.execute(query)}
    served = sorted(start_us for start_us, (rows, _) in known.items() if rows)
    late = {start_us for start_us in served if known[start_us][1] is not None and not rested}
    missing = [
        start_us
        for last_us, next_us in pairwise([*served, _NEVER_US])
        if next_us == _NEVER_US or not late & {last_us, next_us}
        for start_us in size.between(size.end(last_us), min(next_us, until_us, last_us + longest_us + 1))
        if start_us not in known
        and size.end(start_us) <= until_us
        and not model.was_away((start_us, size.end(start_us)))
    ]
    rows = [window_row(workspace, model.name, size, start_us) | {"data_revision": 1} for start_us in missing]
    if not rows:
        return 0
    with db.write() as connection:
        return upsert(connection, windows, rows)


def finish(
    db: Database,
    workspace: str,
    held: Lease,
    window: Window,
    found: Measured,
    labels: Labels,
    now_us: int,
    reference: str = "",
    kept: Collection[str] = (),
) -> bool:
    """Replace a window's measurements, for the revisions that were read; it is then due to be decided (store/decisions.py).

    Args:
        reference: what they were held against. Another one than before begins to count the window's looks anew.
        kept: metrics whose measurements stay as they are.

    Returns:
        False, and nothing written, where the lease no longer holds.
    """
    at = windows.c
    revisions = {"measured_data_revision": window.data_revision, "measured_label_revision": window.label_revision}
    current = sa.and_(at.data_revision == window.data_revision, at.label_revision == window.label_revision)
    state = sa.case((current, "measured"), else_="closed")
    mine = sa.and_(*_key(workspace, window), at.token == held.token, at.until_us >= database_now_us())
    said = {"labels": labels.count, "labels_due_us": labels.due_us, "reference": reference}
    late_since = sa.case((at.own_revision > window.data_revision, at.late_since_us), else_=None)
    measured = {**revisions, "state": state, "measured_us": now_us, "late_since_us": late_since, **said}
    looks = {"looks": sa.case((at.reference == reference, at.looks), else_=0), "decide_at_us": 0}
    released = sa.update(windows).where(mine).values(**measured, **looks, token="", until_us=0)
    with db.write() as connection:
        hold(connection, workspace, window.model)
        if connection.execute(released).rowcount != 1:
            return False
        m = measurements.c
        here = (m.workspace == workspace, m.model == window.model, m.size == window.size)
        of_it = (m.window_start_us == window.start_us, m.metric.not_in((*SERVICE_LEVELS, *kept)))
        connection.execute(sa.delete(measurements).where(*here, *of_it))
        rows = [measurement_row(workspace, window, key, m) for key, all_ in found.items() for m in all_]
        if rows:
            connection.execute(sa.insert(measurements), rows)
    return True


def release(db: Database, workspace: str, held: Lease) -> None:
    """Give windows back unmeasured."""
    mine = sa.and_(windows.c.workspace == workspace, windows.c.token == held.token)
    with db.write() as connection:
        connection.execute(sa.update(windows).where(mine).values(token="", until_us=0))


def window_row(workspace: str, model: str, size: WindowSize, start_us: int) -> dict[str, Any]:
    """A new window as a row of its table."""
    place = {"workspace": workspace, "model": model, "size": size.text, "start_us": start_us}
    return place | {"end_us": size.end(start_us)}


def touch_for_labels(db: Database, workspace: str, model: Model, moments_us: Sequence[int]) -> None:
    """Labels were found to belong to predictions of these moments: their windows are to be measured again."""
    touched = sorted({(size.text, size.start(ts_us)) for size in model.sizes for ts_us in moments_us})
    at = windows.c
    with db.write() as connection:
        hold(connection, workspace, model.name)
        for size, start_us in touched:
            here = (at.workspace == workspace, at.model == model.name, at.size == size, at.start_us == start_us)
            state = sa.case((at.state == "measured", "closed"), else_=at.state)
            connection.execute(
                sa.update(windows).where(*here).values(label_revision=at.label_revision + 1, state=state)
            )


def are_untold(db: Database, workspace: str, model: str) -> bool:
    """Whether a model has windows of which nobody could tell when they have all of their labels."""
    with db.read() as connection:
        found = sa.select(windows.c.start_us).where(*_untold(workspace, model)).limit(1)
        return connection.scalar(found) is not None


def tell(db: Database, workspace: str, model: str, labels_us: int) -> None:
    """It can be told now how late a model's labels are: what was measured before is measured again.

    Args:
        labels_us: how far the labels have come.
    """
    if not are_untold(db, workspace, model):
        return
    with db.write() as connection:
        hold(connection, workspace, model)
        untold = sa.update(windows).where(*_untold(workspace, model))
        connection.execute(untold.values(labels_due_us=labels_us))


def touch_later(tx: Transaction, workspace: str, model: str, size: str, within: Span) -> None:
    """What starts in (start, end] and was measured, or is just now, is to be measured again: its moving reference has changed.

    Its own records have not, so it may wait for that (see `lease`).
    """
    at = windows.c
    here = (at.workspace == workspace, at.model == model, at.size == size, at.state != "sealed")
    later = (at.start_us > within[0], at.start_us <= within[1], sa.or_(at.measured_us.is_not(None), at.token != ""))
    state = sa.case((at.state == "measured", "closed"), else_=at.state)
    tx.execute(sa.update(windows).where(*here, *later).values(data_revision=at.data_revision + 1, state=state))


def _untold(workspace: str, model: str) -> tuple[sa.ColumnElement[bool], ...]:
    at = windows.c
    return at.workspace == workspace, at.model == model, at.labels_due_us == UNTOLD_US


def _final_by(labels_us: int | None) -> sa.ColumnElement[bool]:
    return sa.false() if labels_us is None else windows.c.labels_due_us <= labels_us


def _key(workspace: str, window: Window) -> tuple[Any, ...]:
    at = windows.c
    return (
        at.workspace == workspace,
        at.model == window.model,
        at.size == window.size,
        at.start_us == window.start_us,
    )


def _window(row: Any) -> Window:
    return Window(
        row.model, row.size, row.start_us, row.end_us, row.state, row.data_revision, row.label_revision,
        row.measured_data_revision, row.measured_label_revision, row.rows, row.labels, row.measured_us,
        row.labels_due_us,
    )  # fmt: skip


def measurement_row(workspace: str, window: Window, key: SeriesKey, found: Measurement) -> dict[str, Any]:
    """A measurement as a row of its table."""
    return {
        "workspace": workspace,
        "model": key.model,
        "version": key.version,
        "segment": key.segment,
        "size": key.size,
        "window_start_us": window.start_us,
        "metric": found.metric,
        "column": found.column,
        "window_end_us": window.end_us,
        "span_start_us": window.start_us if found.span_start_us is None else found.span_start_us,
        "value": found.value,
        "expected": found.expected,
        "excess": found.excess,
        "p_value": found.p_value,
        "p_change": found.p_change,
        "lower": found.lower,
        "upper": found.upper,
        "rows": found.rows,
        "reference_rows": found.reference_rows,
        "alpha": found.alpha,
        "status": found.status.value,
        "basis": found.basis,
        "data_revision": window.data_revision,
        "label_revision": window.label_revision,
    }
