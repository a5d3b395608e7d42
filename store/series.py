"""Measurements over windows with what was decided about them: what charts draw. One row a (window, metric, column)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from kernel.versions import OF_ALL_VERSIONS
from store import decided
from store.database import Database
from store.tables import decisions, measurements

_MOMENT = pa.timestamp("us", "UTC")

SERIES = pa.schema(
    [
        ("window_start", _MOMENT), ("window_end", _MOMENT),
        ("span_start", _MOMENT),  # earlier than window_start where the window alone had too few rows
        ("metric", pa.string()), ("column", pa.string()),
        ("value", pa.float64()), ("expected", pa.float64()), ("p_value", pa.float64()), ("alpha", pa.float64()),
        ("lower", pa.float64()), ("upper", pa.float64()), ("rows", pa.float64()), ("reference_rows", pa.float64()),
        ("status", pa.string()), ("abnormal", pa.bool_()), ("basis", pa.string()),
        ("usual_lower", pa.float64()), ("usual_upper", pa.float64()),
        ("delta", pa.float64()),  # the psi to pass, by the series' own past
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """What a series is about: a model, a version of it ("" for records that name none), a window size, a segment ("" for all).

    A metric of all versions together (kernel/versions.py) is read of the model, whichever version is named.
    """

    model: str
    version: str
    size: str
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A measured window: [start, end), microseconds."""

    start_us: int
    end_us: int


def _within(workspace: str, scope: Scope, metrics: Sequence[str]) -> sa.ColumnElement[bool]:
    m = measurements.c
    pooled = [metric for metric in metrics if metric in OF_ALL_VERSIONS]
    own = [metric for metric in metrics if metric not in OF_ALL_VERSIONS]
    sides = [
        sa.and_(m.version == version, m.metric.in_(some))
        for version, some in ((scope.version, own), ("", pooled))
        if some
    ]
    return sa.and_(
        m.workspace == workspace,
        m.model == scope.model,
        m.segment == scope.segment,
        m.size == scope.size,
        sa.or_(sa.false(), *sides),
    )


def measured_windows(db: Database, workspace: str, scope: Scope, limit: int) -> tuple[Window, ...]:
    """The newest windows that were measured, newest first, at most so many."""
    m = measurements.c
    query = (
        sa.select(m.window_start_us, m.window_end_us)
        .where(_within(workspace, scope, ["rows"]), m.column == "")
        .order_by(m.window_start_us.desc())
        .limit(limit)
    )
    with db.read() as connection:
        return tuple(Window(start, end) for start, end in connection.execute(query))


def series(
    db: Database, workspace: str, scope: Scope, metrics: Sequence[str], since_us: int, column: str | None = None
) -> pa.Table:
    """Every value of these metrics in the windows that start at `since_us` or later, of one column or of all; by window.

    Returns:
        A table of schema SERIES. Status and bounds are the decision's where there is one, else the measurement's; `lower` and
        `upper` of a performance metric are its 95% interval.
    """
    return _read(db, workspace, scope, metrics, measurements.c.window_start_us >= since_us, column)


def newest_series(
    db: Database, workspace: str, scope: Scope, metrics: Sequence[str], past_us: int, column: str | None = None
) -> pa.Table:
    """The same of the windows that start within `past_us` of the newest one's start, that one included."""
    m = measurements.c
    newest = (
        sa.select(m.window_start_us)
        .where(_within(workspace, scope, metrics))
        .order_by(m.window_start_us.desc())
        .limit(1)
        .correlate(None)
        .scalar_subquery()
    )
    return _read(db, workspace, scope, metrics, m.window_start_us > newest - past_us, column)


SEGMENTS = pa.schema(
    [
        ("start_us", pa.int64()), ("segment", pa.string()), ("metric", pa.string()),
        ("value", pa.float64()), ("lower", pa.float64()), ("upper", pa.float64()), ("rows", pa.float64()),
    ]
)  # fmt: skip


def newest_segments(db: Database, workspace: str, scope: Scope, metrics: Sequence[str], since_us: int) -> pa.Table:
    """These metrics of every segment in the newest window that any of them is measured in, from `since_us` on; of schema SEGMENTS.

    Args:
        scope: of which the segment does not count.
    """
    m = measurements.c
    here = sa.and_(
        m.workspace == workspace, m.model == scope.model, m.version == scope.version, m.segment != "",
        m.size == scope.size, m.metric.in_(metrics), m.window_start_us >= since_us,
    )  # fmt: skip
    newest = sa.select(sa.func.max(m.window_start_us)).where(here).correlate(None).scalar_subquery()
    query = (
        sa.select(m.window_start_us, m.segment, m.metric, m.value, m.lower, m.upper, m.rows)
        .where(here, m.window_start_us == newest)
        .order_by(m.segment, m.metric)
    )
    with db.read() as connection:
        rows = connection.execute(query).all()
    columns = list(zip(*rows, strict=True)) or [()] * len(SEGMENTS)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SEGMENTS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SEGMENTS)


def _read(
    db: Database,
    workspace: str,
    scope: Scope,
    metrics: Sequence[str],
    when: sa.ColumnElement[bool],
    column: str | None,
) -> pa.Table:
    m, d = measurements.c, decisions.c
    query = (
        sa.select(
            m.window_start_us, m.window_end_us, m.span_start_us, m.metric, m.column, m.value, decided.EXPECTED,
            sa.func.coalesce(d.p_value, m.p_value), d.alpha,
            sa.func.coalesce(m.lower, d.lower), sa.func.coalesce(m.upper, d.upper),
            m.rows, m.reference_rows, decided.STATUS, decided.ABNORMAL, decided.BASIS, d.usual_lower, d.usual_upper,
            d.delta,
        )
        .select_from(measurements.outerjoin(decisions, decided.SAME))
        .where(_within(workspace, scope, metrics), when)
        .order_by(m.window_start_us, m.metric, m.column)
    )  # fmt: skip
    if column is not None:
        query = query.where(m.column == column)
    with db.read() as connection:
        return _table(connection.execute(query).all())


def _table(rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(SERIES)
    columns[2] = tuple(span or start for span, start in zip(columns[2], columns[0], strict=True))
    arrays = [
        pa.array([bool(v) for v in values] if field.name == "abnormal" else values, type=field.type)
        for values, field in zip(columns, SERIES, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=SERIES)
