"""The outbox: rows written with the change that causes them, sent later, at least once.

Work is leased: a row is claimed in a short transaction, by the database's clock, and what came of it is written only while the
token holds. Rows of one subject go out in the order they were written.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from store.database import Database, database_now_us


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that is ours to send.

    Attributes:
        key: its id.
        token: proves that the lease is still ours.
        attempts: tries so far, this one included.
        created_us: when it was written, by the wall clock.
        target: where it goes, such as a notifier's name; "" where there is one place only.
        payload: what to send.
    """

    key: str
    token: str
    attempts: int
    created_us: int
    target: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outbox:
    """A table of things to send.

    Attributes:
        table: has state, attempts, next_try_us, last_error, created_us, payload and a lease.
        key: the column of the id.
        sent: the state of what is sent.
        sent_us: the column of the moment it was.
        target: the column that says where it goes, if any.
        subject: columns of a subject; a subject's rows go out in order, one at a time.
    """

    table: sa.Table
    key: str
    sent: str
    sent_us: str
    target: str | None = None
    subject: tuple[str, ...] = ()

    def claim(
        self, db: Database, workspace: str, now_us: int, lease_us: int, limit: int, owner: str = ""
    ) -> list[Claim]:
        """Lease the rows that are due, oldest first; each counts as tried from here on."""
        token, t = secrets.token_hex(8), self.table
        with db.write() as tx:
            due = sa.select(t).where(*self._due(workspace, now_us)).order_by(t.c.created_us, t.c[self.key])
            rows = tx.execute(due.limit(limit).with_for_update(skip_locked=True)).mappings().all()
            mine = (t.c.workspace == workspace, t.c[self.key].in_([row[self.key] for row in rows]))
            lease = {"owner": owner, "token": token, "until_us": database_now_us() + lease_us}
            if rows:
                tx.execute(sa.update(t).where(*mine).values(attempts=t.c.attempts + 1, **lease))
        return [self._claimed(row, token) for row in rows]

    def _claimed(self, row: sa.RowMapping, token: str) -> Claim:
        target = row[self.target] if self.target else ""
        return Claim(row[self.key], token, row["attempts"] + 1, row["created_us"], target, row["payload"])

    def _due(self, workspace: str, now_us: int) -> list[sa.ColumnElement[bool]]:
        t = self.table
        due = [
            t.c.workspace == workspace,
            t.c.state == "pending",
            t.c.next_try_us <= now_us,
            t.c.until_us < database_now_us(),
        ]
        if self.subject:
            earlier = t.alias()
            same = [earlier.c[name] == t.c[name] for name in ("workspace", *self.subject)]
            due.append(~sa.exists().where(*same, earlier.c.state == "pending", earlier.c.created_us < t.c.created_us))
        return due

    def hold(self, db: Database, workspace: str, claim: Claim, lease_us: int) -> bool:
        """Lease it anew, for one that waited behind others; False when the lease was lost meanwhile."""
        return self._change(db, workspace, claim, {"until_us": database_now_us() + lease_us})

    def mark_sent(self, db: Database, workspace: str, claim: Claim, now_us: int) -> bool:
        """Record that it was sent; False when the lease was lost meanwhile."""
        return self._close(db, workspace, claim, {"state": self.sent, self.sent_us: now_us, "last_error": ""})

    def mark_failed(self, db: Database, workspace: str, claim: Claim, error: str) -> bool:
        """Record that it will not be tried again; False when the lease was lost meanwhile."""
        return self._close(db, workspace, claim, {"state": "failed", "last_error": error})

    def postpone(self, db: Database, workspace: str, claim: Claim, error: str, next_try_us: int) -> bool:
        """Give it back, to be tried again from then on; False when the lease was lost meanwhile."""
        return self._close(db, workspace, claim, {"next_try_us": next_try_us, "last_error": error})

    def _close(self, db: Database, workspace: str, claim: Claim, values: dict[str, Any]) -> bool:
        return self._change(db, workspace, claim, {"token": "", "until_us": 0, **values})

    def _change(self, db: Database, workspace: str, claim: Claim, values: dict[str, Any]) -> bool:
        t = self.table
        ours = (t.c.workspace == workspace, t.c[self.key] == claim.key, t.c.token == claim.token)
        with db.write() as tx:
            return tx.execute(sa.update(t).where(*ours).values(values)).rowcount == 1
