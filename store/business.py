"""Figures of the business, such as revenue: what they are of, when, and how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from store.database import Database, Transaction, upsert
from store.tables import business

_ROWS_A_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class Figures:
    """A series of figures of a model.

    Attributes:
        first_us, last_us: the ts of the first and of the last of them.
    """

    name: str
    count: int
    first_us: int
    last_us: int


def put(db: Database, workspace: str, model: str, name: str, values: Sequence[tuple[int, float]]) -> None:
    """Keep figures, each (ts_us, value); one of the same moment is replaced."""
    key = {"workspace": workspace, "model": model, "name": name}
    rows = [key | {"ts_us": ts_us, "value": value} for ts_us, value in sorted(dict(values).items())]
    with db.write() as tx:
        _put(tx, rows)


def add(tx: Transaction, workspace: str, figures: pa.Table) -> None:
    """Keep figures of several series; one of the same moment is replaced.

    Args:
        figures: `model`, `name`, `ts_us` and `value`, in the order of the first three, so that no two who write wait for
            each other; of a series no moment comes twice.
    """
    for part in figures.to_batches(_ROWS_A_QUERY):
        _put(tx, [row | {"workspace": workspace} for row in part.to_pylist()])


def _put(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    for at in range(0, len(rows), _ROWS_A_QUERY):
        upsert(tx, business, rows[at : at + _ROWS_A_QUERY], update=["value"])


def listing(db: Database, workspace: str, model: str) -> list[Figures]:
    """The series of a model, by name."""
    c = business.c
    query = (
        sa.select(c.name, sa.func.count(), sa.func.min(c.ts_us), sa.func.max(c.ts_us))
        .where(c.workspace == workspace, c.model == model)
        .group_by(c.name)
        .order_by(c.name)
    )
    with db.read() as connection:
        return [Figures(*row) for row in connection.execute(query)]


def figures(db: Database, workspace: str, model: str, name: str, since_us: int) -> pa.Table:
    """The figures of one series from then on, by ts: `ts_us` and `value`."""
    c = business.c
    here = (c.workspace == workspace, c.model == model, c.name == name, c.ts_us >= since_us)
    with db.read() as connection:
        rows = connection.execute(sa.select(c.ts_us, c.value).where(*here).order_by(c.ts_us)).all()
    ts_us, values = zip(*rows, strict=True) if rows else ((), ())
    return pa.table({"ts_us": pa.array(ts_us, pa.int64()), "value": pa.array(values, pa.float64())})
