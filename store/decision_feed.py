"""Decisions as alerting reads them: what changed, what came before it, and how far a reader has come."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from kernel.measurement import DECISIVE
from store.database import Database, upsert
from store.tables import cursors
from store.tables import decisions as t


@dataclass(frozen=True, slots=True)
class Decision:
    """What the detectors decided of one metric of one column in one window.

    Attributes:
        version: as in kernel/versions.py; segment: "" for all rows; column: "" for the whole model.
        size: length of the window, such as "1d".
        abnormal: drift or degraded.
        status: ok, drift, degraded, insufficient or provisional.
        value, expected, lower, upper: in the metric's unit; None where there is no such number.
        decided_us: when it was decided, by the wall clock.
    """

    model: str
    version: str
    segment: str
    size: str
    window_start_us: int
    window_end_us: int
    metric: str
    column: str
    abnormal: bool
    status: str
    value: float | None
    expected: float | None
    p_value: float | None
    alpha: float | None
    lower: float | None
    upper: float | None
    decided_us: int

    @property
    def decisive(self) -> bool:
        """Whether it says normal or abnormal at all."""
        return self.status in DECISIVE


_EXPECTED = sa.func.coalesce(t.c.usual, t.c.expected)
_COLUMNS = [_EXPECTED if f.name == "expected" else t.c[f.name] for f in fields(Decision)]


def changed_models(db: Database, workspace: str, since_us: int) -> list[str]:
    """Models with decisions made at or after a moment, by name."""
    query = sa.select(t.c.model).distinct().where(t.c.workspace == workspace, t.c.decided_us >= since_us)
    with db.read() as connection:
        return list(connection.execute(query.order_by(t.c.model)).scalars())


def changed(tx: sa.Connection, workspace: str, model: str, since_us: int) -> list[Decision]:
    """A model's decisions made at or after a moment, in window order."""
    query = (
        sa.select(*_COLUMNS)
        .where(t.c.workspace == workspace, t.c.model == model, t.c.decided_us >= since_us)
        .order_by(t.c.window_start_us, t.c.metric, t.c.column)
    )
    return [Decision(*row) for row in tx.execute(query)]


def history(tx: sa.Connection, workspace: str, like: Decision, metrics: Sequence[str], windows: int) -> list[Decision]:
    """The decisive decisions of a series, in window order: all from a window on, and enough before it.

    Args:
        tx: the transaction to read in.
        workspace: whose.
        like: names model, version, segment, size and column, and the window to start from.
        metrics: the metrics that make the series.
        windows: how many decisive windows before that one come too, at least (where there are so many).
    """
    series = sa.select(*_COLUMNS).where(
        t.c.workspace == workspace,
        t.c.model == like.model,
        t.c.version == like.version,
        t.c.segment == like.segment,
        t.c.size == like.size,
        t.c.metric.in_(metrics),
        t.c.column == like.column,
        t.c.status.in_(DECISIVE),
    )
    # One window more than asked for, because the limit may cut the oldest one in the middle of its metrics.
    before = (
        series.where(t.c.window_start_us < like.window_start_us)
        .order_by(t.c.window_start_us.desc(), t.c.metric)
        .limit((windows + 1) * len(metrics))
    )
    since = series.where(t.c.window_start_us >= like.window_start_us).order_by(t.c.window_start_us, t.c.metric)
    earlier = sorted((Decision(*row) for row in tx.execute(before)), key=lambda d: (d.window_start_us, d.metric))
    return [*earlier, *(Decision(*row) for row in tx.execute(since))]


def position(db: Database, workspace: str, consumer: str) -> int:
    """How far a consumer has come, in microseconds of decided_us; 0 at first."""
    query = sa.select(cursors.c.position).where(cursors.c.workspace == workspace, cursors.c.consumer == consumer)
    with db.read() as connection:
        return int(connection.execute(query).scalar() or 0)


def advance(db: Database, workspace: str, consumer: str, to_us: int) -> None:
    """Move a consumer on; it never moves back."""
    if to_us <= position(db, workspace, consumer):
        return
    with db.write() as connection:
        upsert(
            connection,
            cursors,
            [{"workspace": workspace, "consumer": consumer, "position": str(to_us)}],
            update=["position"],
        )
