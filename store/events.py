"""Events as they are read: what happened around models, for people to see beside the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kernel.clock import DAY_US, from_datetime
from kernel.windows import Span
from store.database import Database, Transaction
from store.tables import events as t
from stream.codecs.events import HOLIDAY, UNTIL


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


def holidays(tx: Transaction, workspace: str, model: str, span_us: Span) -> list[Span]:
    """The holidays of a model and of its workspace that touch a span: from ts until `details.until`, else for 24 hours."""
    query = sa.select(t.c.ts_us, t.c.details).where(
        t.c.workspace == workspace, t.c.kind == HOLIDAY, t.c.model.in_((model, "")), t.c.ts_us < span_us[1]
    )
    found = [(start_us, _until(start_us, details)) for start_us, details in tx.execute(query)]
    return sorted(span for span in found if span[1] > span_us[0])


def _until(start_us: int, details: Mapping[str, Any]) -> int:
    until = details.get(UNTIL)
    return from_datetime(datetime.fromisoformat(until)) if until else start_us + DAY_US
