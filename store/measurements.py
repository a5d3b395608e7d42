"""Measurements as they are read page by page."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from store import decided
from store.database import Database
from store.pages import Moment, decode_cursor, encode_cursor
from store.tables import decisions as d
from store.tables import measurements as t
from store.tables import models


@dataclass(frozen=True, slots=True)
class StoredMeasurement:
    """A measurement as it is stored: version as in kernel/versions.py, segment "" for all rows, column "" for the whole model.

    Attributes:
        status, basis: as decided, or as measured where that is still to come.
        p_own, delta: by the series' own past; None where nothing was judged by it.
        usual_lower, usual_upper: what it was called beyond; None of metrics that are not held against what is usual.
    """

    model: str
    version: str
    segment: str
    size: str
    window_start_us: int
    window_end_us: int
    span_start_us: int
    metric: str
    column: str
    value: float | None
    expected: float | None
    excess: float | None
    p_value: float | None
    p_change: float | None
    alpha: float | None
    lower: float | None
    upper: float | None
    rows: float | None
    reference_rows: float | None
    status: str
    basis: str
    p_own: float | None
    delta: float | None
    usual_lower: float | None
    usual_upper: float | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which measurements; None for any.

    Attributes:
        start_us, end_us: windows that start in [start, end).
    """

    model: str | None = None
    version: str | None = None
    size: str | None = None
    metric: str | None = None
    column: str | None = None
    segment: str | None = None
    start_us: int | None = None
    end_us: int | None = None


_DECIDED: Mapping[str, Any] = MappingProxyType(
    {
        "status": decided.STATUS,
        "basis": decided.BASIS,
        "expected": decided.EXPECTED,
        **{name: d.c[name] for name in ("p_own", "delta", "usual_lower", "usual_upper")},
    }
)
_COLUMNS: list[Any] = [_DECIDED[f.name] if f.name in _DECIDED else t.c[f.name] for f in fields(StoredMeasurement)]
# The key of the table, ordered as its index by series has it: a page costs its rows, wherever it begins.
_ORDER = (t.c.model, t.c.metric, t.c.column, t.c.window_start_us, t.c.version, t.c.segment, t.c.size)
_Key = tuple[str, str, str, Moment, str, str, str]


def page(
    db: Database, workspace: str, wanted: Wanted, limit: int, cursor: str | None = None
) -> tuple[list[StoredMeasurement], str | None]:
    """Measurements by model, metric and column, each series by its windows; and the cursor of the next page.

    A walk along the cursors meets every row that is there throughout exactly once, whatever is added or replaced meanwhile.

    Args:
        cursor: as the page before gave it; None for the first page.

    Returns:
        At most `limit` rows, and None as the cursor after the last.

    Raises:
        ContractError: the cursor is none of ours.
    """
    query = (
        sa.select(*_COLUMNS)
        .select_from(t.outerjoin(d, decided.SAME))
        .where(t.c.workspace == workspace, *_conditions(wanted))
    )
    if cursor is not None:
        query = query.where(sa.tuple_(*_ORDER) > _after(cursor))
    with db.read() as connection:
        found = [StoredMeasurement(*row) for row in connection.execute(query.order_by(*_ORDER).limit(limit + 1))]
    rows = found[:limit]
    return rows, _encode(rows[-1]) if len(found) > limit else None


def has_size(db: Database, workspace: str, size: str, model: str | None = None) -> bool:
    """Whether anything is measured in windows of a length, of one model or of any; one index seek a model."""
    here = (t.c.workspace == workspace, t.c.model == models.c.model, t.c.size == size)
    query = sa.select(models.c.model).where(models.c.workspace == workspace, sa.exists().where(*here)).limit(1)
    if model is not None:
        query = query.where(models.c.model == model)
    with db.read() as connection:
        return connection.execute(query).first() is not None


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    names = ("model", "version", "size", "metric", "column", "segment")
    same = [t.c[name] == getattr(wanted, name) for name in names if getattr(wanted, name) is not None]
    since = [] if wanted.start_us is None else [t.c.window_start_us >= wanted.start_us]
    until = [] if wanted.end_us is None else [t.c.window_start_us < wanted.end_us]
    return [*same, *since, *until]


def _encode(last: StoredMeasurement) -> str:
    return encode_cursor([getattr(last, column.name) for column in _ORDER])


def _after(cursor: str) -> sa.Tuple:
    """The key as PostgreSQL wants it: each value of its column's own type."""
    pairs = zip(decode_cursor(cursor, _Key), _ORDER, strict=True)
    return sa.tuple_(*(sa.literal(value, column.type) for value, column in pairs))
