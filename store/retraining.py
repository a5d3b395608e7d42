"""Retraining requests: written once an incident, posted to a webhook where there is one."""

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from store.database import Database, Transaction, upsert
from store.outbox import Outbox
from store.tables import retraining_requests as t

OUTBOX = Outbox(t, key="request", sent="posted", sent_us="posted_us")


@dataclass(frozen=True, slots=True)
class RetrainingRequest:
    """One request.

    Attributes:
        alert: the alert that asked for it; "" when a person did.
        payload: what is posted.
        state: pending, posted, recorded (there is no webhook) or failed.
    """

    request: str
    model: str
    version: str
    alert: str
    reason: str
    payload: dict[str, Any]
    state: str
    attempts: int
    last_error: str
    created_us: int
    posted_us: int | None


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request to write.

    Attributes:
        request: its id.
        model, version: what to train again; version "" for all.
        alert: what asked for it; "" when a person did.
        reason: one sentence.
        payload: what to post.
        state: pending where there is a webhook to post it to, else recorded.
        created_us: now, by the wall clock.
    """

    request: str
    model: str
    version: str
    alert: str
    reason: str
    payload: dict[str, Any]
    state: str
    created_us: int


_COLUMNS = [t.c[name] for name in RetrainingRequest.__slots__]


def write_request(tx: Transaction, workspace: str, new: NewRequest) -> bool:
    """Write a request once; one of that id that exists stays as it is.

    Returns:
        Whether it is new.
    """
    row = asdict(new) | {"workspace": workspace}
    return upsert(tx, t, [row]) == 1


def retraining_requests(
    db: Database, workspace: str, model: str | None = None, state: str | None = None, limit: int = 100
) -> list[RetrainingRequest]:
    """Requests, newest first; None for any."""
    query = sa.select(*_COLUMNS).where(t.c.workspace == workspace)
    for column, wanted in ((t.c.model, model), (t.c.state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    with db.read() as connection:
        rows = connection.execute(query.order_by(t.c.created_us.desc(), t.c.request).limit(limit))
        return [RetrainingRequest(*row) for row in rows]
