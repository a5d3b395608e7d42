"""Events as they are read: what happened around models, for people to see beside the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from store.database import Database
from store.tables import events as t


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event; model is "" for the whole workspace, url "" where there is none."""

    model: str
    kind: str
    ts_us: int
    title: str
    url: str
    details: Mapping[str, Any]
    received_us: int


_COLUMNS = [t.c[f.name] for f in fields(StoredEvent)]


def listing(
    db: Database,
    workspace: str,
    model: str | None = None,
    kind: str | None = None,
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int = 100,
) -> list[StoredEvent]:
    """Events with ts in [start, end), newest first; None for any. Those of a model come with those of the whole workspace."""
    query = sa.select(*_COLUMNS).where(t.c.workspace == workspace)
    if model is not None:
        query = query.where(t.c.model.in_((model, "")))
    if kind is not None:
        query = query.where(t.c.kind == kind)
    if start_us is not None:
        query = query.where(t.c.ts_us >= start_us)
    if end_us is not None:
        query = query.where(t.c.ts_us < end_us)
    newest = query.order_by(t.c.ts_us.desc(), t.c.topic, t.c.partition, t.c.offset.desc(), t.c.row.desc())
    with db.read() as connection:
        return [StoredEvent(*row) for row in connection.execute(newest.limit(limit))]
