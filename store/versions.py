"""Which versions a model has, and which of them stands for it where nobody names one."""

from dataclasses import dataclass

import sqlalchemy as sa

from store.database import Database
from store.tables import measurements, models, profiles, windows

LATELY = 7
"""Windows with records, the newest: in these the versions of a model are held against one another."""


@dataclass(frozen=True, slots=True)
class Main:
    """The version that stands for a model, and its newest window."""

    version: str
    start_us: int
    end_us: int


def are_several(workspace: str, model: str | sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a model has records of more versions than one, within a statement; "" is one where records name none."""
    p = profiles.alias().c
    here = (p.workspace == workspace, p.model == model)
    first = sa.select(sa.func.min(p.version)).where(*here).scalar_subquery()
    other = profiles.alias().c
    return sa.exists().where(other.workspace == workspace, other.model == model, other.version > first)


def has_several(tx: sa.Connection, workspace: str, model: str) -> bool:
    """The same of one model."""
    return bool(tx.scalar(sa.select(are_several(workspace, model))))


def main(db: Database, workspace: str, model: str) -> str:
    """The version that stands for a model (`main_of`); "" where nothing of it is measured yet."""
    with db.read() as connection:
        found = main_of(connection, workspace, model).get(model)
    return found.version if found else ""


def main_of(tx: sa.Connection, workspace: str, model: str | None = None) -> dict[str, Main]:
    """The version that stands for a model, or for each that is measured.

    It has most rows in the newest windows of the model; of equals it is the one that was seen last, then the first by name.

    So a version that has just begun, or a row that came without one, changes nothing, and one that took over all of the traffic
    stands for the model once it has most of these windows.
    """
    m = measurements.c
    newest = sa.func.max(m.window_start_us)
    query = (
        sa.select(m.model, m.version, newest, sa.func.max(m.window_end_us))
        .join(models, sa.and_(models.c.workspace == m.workspace, models.c.model == m.model))
        .where(m.workspace == workspace, *_rows(), m.window_start_us >= since_us())
        .group_by(m.model, m.version)
        .order_by(m.model, sa.func.sum(m.value).desc(), newest.desc(), m.version)
    )
    if model is not None:
        query = query.where(m.model == model)
    found: dict[str, Main] = {}
    for name, version, start_us, end_us in tx.execute(query):
        found.setdefault(name, Main(version, start_us, end_us))
    return found


def since_us() -> sa.ColumnElement[int]:
    """Where the newest `LATELY` windows with records of a row of `models` begin, within a statement: 0 where there are fewer."""
    w = windows.c
    starts = (
        sa.select(w.start_us)
        .where(w.workspace == models.c.workspace, w.model == models.c.model, w.size == models.c.window)
        .where(w.rows > 0, w.measured_us.is_not(None))
        .order_by(w.start_us.desc())
        .limit(1)
        .offset(LATELY - 1)
    )
    return sa.func.coalesce(starts.correlate(models).scalar_subquery(), 0)


def _rows() -> tuple[sa.ColumnElement[bool], ...]:
    """How many rows a version had in a window of its model's own length."""
    m = measurements.c
    return m.metric == "rows", m.column == "", m.segment == "", m.size == models.c.window
