"""Leases by name: work that is one worker's at a time over all processes, held by a token until a time of the database's clock."""

import uuid

import sqlalchemy as sa

from kernel.clock import SECOND_US
from store.database import Database, Transaction, database_now_us, upsert
from store.tables import leases as t


def take(db: Database, name: str, owner: str, seconds: float) -> str | None:
    """Take a lease that nobody holds, or whose time is over; returns its token, None where another holds it.

    Args:
        owner: this worker's name, for people who look at leases.
        seconds: how long it holds unless `keep` renews it.
    """
    token = uuid.uuid4().hex
    with db.write() as connection:
        upsert(connection, t, [{"name": name, "owner": "", "token": "", "until_us": 0}])
        free = sa.update(t).where(t.c.name == name, t.c.until_us < database_now_us())
        taken = connection.execute(free.values(owner=owner, token=token, until_us=_until(seconds)))
    return token if taken.rowcount == 1 else None


def keep(db: Database, name: str, token: str, seconds: float) -> bool:
    """Renew a lease; False where it was lost."""
    with db.write() as connection:
        return renew(connection, name, token, seconds)


def renew(tx: Transaction, name: str, token: str, seconds: float) -> bool:
    """Renew a lease in the transaction of what is written under it, which nobody else can be in then; False where it was lost."""
    mine = sa.update(t).where(t.c.name == name, t.c.token == token, t.c.until_us >= database_now_us())
    return tx.execute(mine.values(until_us=_until(seconds))).rowcount == 1


def give_back(db: Database, name: str, token: str) -> None:
    """Let another take it at once; nothing where it was lost meanwhile."""
    mine = sa.update(t).where(t.c.name == name, t.c.token == token)
    with db.write() as connection:
        connection.execute(mine.values(token="", until_us=0))


def _until(seconds: float) -> sa.ColumnElement[int]:
    return database_now_us() + round(seconds * SECOND_US)
