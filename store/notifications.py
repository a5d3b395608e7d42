"""Notifications: who is to be told what about an incident, and whether that was done."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from store.alert_rows import derived_key
from store.database import Database, Transaction, in_parts, upsert
from store.outbox import Outbox
from store.tables import notifications as t

OUTBOX = Outbox(t, key="notification", sent="sent", sent_us="sent_us", target="notifier", subject=("alert", "notifier"))


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one notifier.

    Attributes:
        alert: what the messages of one incident are filed under, so that they go out in order: the incident.
        happening: firing, escalated, acknowledged or resolved.
        state: pending, sent or failed.
    """

    notification: str
    alert: str
    happening: str
    notifier: str
    state: str
    attempts: int
    last_error: str
    created_us: int
    sent_us: int | None


@dataclass(frozen=True, slots=True)
class NewNotification:
    """A message to write.

    Attributes:
        notification: `notification_key` of it.
        payload: the message as JSON.
        created_us: now, by the wall clock.
    """

    notification: str
    alert: str
    happening: str
    notifier: str
    payload: dict[str, Any]
    created_us: int


_KEYS_A_QUERY = 500
_COLUMNS = [t.c[name] for name in Notification.__slots__]


def notification_key(incident: str, opened_us: int, happening: str, notifier: str, more: str = "") -> str:
    """The key of a message: an incident that opens again is told again, and what came after a message went; all else only once.

    Args:
        more: names what came after the message of this happening went; "" for that one.
    """
    return derived_key(incident, opened_us, happening, notifier, *([more] if more else []))


def enqueue(tx: Transaction, workspace: str, new: NewNotification) -> bool:
    """Write a message once; while it was not tried yet, its payload is brought up to date.

    Returns:
        Whether it says what the payload does: not when it was tried with another one.
    """
    row = asdict(new) | {"workspace": workspace}
    if upsert(tx, t, [row]):
        return True
    mine = (t.c.workspace == workspace, t.c.notification == new.notification)
    untried = (t.c.state == "pending", t.c.attempts == 0)
    return tx.execute(sa.update(t).where(*mine, *untried).values(payload=new.payload)).rowcount > 0


def told(tx: Transaction, workspace: str, key: str) -> tuple[str, int] | None:
    """What a message is filed under and the moment (created_us) that it was written with; None when there is none."""
    row = tx.execute(sa.select(t.c.alert, t.c.created_us).where(t.c.workspace == workspace, t.c.notification == key))
    found = row.first()
    return (found.alert, found.created_us) if found else None


def written(tx: Transaction, workspace: str, keys: Sequence[str]) -> set[str]:
    """Those of some keys that a message was written with."""
    query = sa.select(t.c.notification).where(t.c.workspace == workspace)
    parts = in_parts(keys, _KEYS_A_QUERY)
    return {row[0] for part in parts for row in tx.execute(query.where(t.c.notification.in_(part)))}


def last_pending_us(tx: Transaction, workspace: str, filed: str, notifier: str) -> int:
    """The moment (created_us) of the newest message to a notifier that is filed there and waits; 0 when none does."""
    same = (t.c.workspace == workspace, t.c.alert == filed, t.c.notifier == notifier, t.c.state == "pending")
    return tx.scalar(sa.select(sa.func.max(t.c.created_us)).where(*same)) or 0


def unsent(db: Database) -> dict[tuple[str, str, str], int]:
    """How many messages are pending, and how many failed, by workspace, notifier and state; the states of which there are some."""
    by = (t.c.workspace, t.c.notifier, t.c.state)
    query = sa.select(*by, sa.func.count()).where(t.c.state.in_(("pending", "failed"))).group_by(*by)
    with db.read() as connection:
        return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}


def notifications(db: Database, workspace: str, state: str | None = None, limit: int = 100) -> list[Notification]:
    """Messages, newest first; None for any state."""
    query = sa.select(*_COLUMNS).where(t.c.workspace == workspace)
    if state is not None:
        query = query.where(t.c.state == state)
    with db.read() as connection:
        rows = connection.execute(query.order_by(t.c.created_us.desc(), t.c.notification).limit(limit))
        return [Notification(*row) for row in rows]
