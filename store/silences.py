"""Silences, or maintenance windows: for so long nobody is told of the alerts that one covers. They change nothing else.

A silence is ended, never edited, so that what was told and what was not can be explained afterwards. What one that begins in the
past, or is ended before it began, means is as in Alertmanager: the first begins now, the second never silenced anything. One that
begins as it is made lasts from then on, also for a process whose clock is behind.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa

from kernel.clock import DAY_US
from kernel.errors import ContractError, NotFoundError
from store.alert_rows import Alert
from store.database import Database, Transaction
from store.pages import Moment, decode_cursor, encode_cursor
from store.tables import silences as t

SilenceState = Literal["active", "pending", "expired"]
MATCHED = ("model", "rule", "tier", "metric", "column", "version", "segment")
STATES: tuple[SilenceState, ...] = ("active", "pending", "expired")  # as they are listed
_LONGEST_US = 90 * DAY_US
_KEPT_US = 90 * DAY_US  # after it is over
_Key = tuple[Moment, Annotated[int, msgspec.Meta(ge=0, le=2)], Moment, str]


@dataclass(frozen=True, slots=True)
class Silence:
    """Whom nobody is told of, and for how long: in [from_us, over_us), by the wall clock.

    Attributes:
        matchers: what an alert has to have, by its fields; none for every alert.
        until_us: its end as it was asked for.
        over_us: the same, or the moment that somebody ended it.
    """

    silence: str
    matchers: Mapping[str, str]
    from_us: int
    until_us: int
    reason: str
    created_by: str
    created_us: int
    over_us: int

    def covers(self, alert: Alert) -> bool:
        """Whether it is about this alert; that it lasts is the caller's business."""
        return all(getattr(alert, name) == wanted for name, wanted in self.matchers.items())

    def state(self, now_us: int) -> SilenceState:
        """Whether it lasts, is to come, or is over."""
        if self.over_us <= now_us:
            return "expired"
        return "active" if self.from_us <= max(now_us, self.created_us) else "pending"


@dataclass(frozen=True, slots=True)
class NewSilence:
    """A silence to make.

    Attributes:
        matchers: exact values by the names in MATCHED.
        from_us: None for now.
        all_alerts: whether every alert of the workspace is meant; only without matchers.
    """

    matchers: Mapping[str, str]
    until_us: int
    reason: str
    by: str
    from_us: int | None = None
    all_alerts: bool = False


_COLUMNS = [t.c[f.name] for f in fields(Silence)]


def create(db: Database, workspace: str, new: NewSilence, now_us: int) -> Silence:
    """Make a silence; those that have been over for long are forgotten.

    Raises:
        ContractError: it covers nothing that is named, or is over already, or too long; says the field.
    """
    from_us = max(now_us, new.from_us or now_us)
    _require_sound(new, from_us, now_us)
    key = secrets.token_hex(16)
    silence = Silence(key, dict(new.matchers), from_us, new.until_us, new.reason, new.by, now_us, new.until_us)
    with db.write() as tx:
        tx.execute(sa.delete(t).where(t.c.workspace == workspace, t.c.over_us < now_us - _KEPT_US))
        tx.execute(sa.insert(t), [asdict(silence) | {"workspace": workspace}])
    return silence


def _require_sound(new: NewSilence, from_us: int, now_us: int) -> None:
    if new.all_alerts and new.matchers:
        raise ContractError("all", "is for every alert there is; leave it out where matchers are given")
    if not new.all_alerts and not new.matchers:
        raise ContractError("matchers", f"name at least one of {', '.join(MATCHED)}, or say all: true")
    if new.until_us <= now_us:
        raise ContractError("until", "must be in the future")
    if new.until_us <= from_us:
        raise ContractError("until", "must be later than from")
    if new.until_us - from_us > _LONGEST_US:
        raise ContractError("until", f"must be within {_LONGEST_US // DAY_US} days of from")
    if not new.reason.strip():
        raise ContractError("reason", "say why, for those who wonder that nobody was told")


def end(db: Database, workspace: str, silence: str, now_us: int) -> Silence:
    """End a silence now; one that is over stays as it is.

    Raises:
        NotFoundError: when there is none of that id.
    """
    with db.write() as tx:
        lasting = (t.c.workspace == workspace, t.c.silence == silence, t.c.over_us > now_us)
        tx.execute(sa.update(t).where(*lasting).values(over_us=now_us))
        return _one(tx, workspace, silence)


def one(db: Database, workspace: str, silence: str) -> Silence:
    """One silence.

    Raises:
        NotFoundError: when there is none of that id.
    """
    with db.read() as connection:
        return _one(connection, workspace, silence)


def _one(tx: Transaction, workspace: str, silence: str) -> Silence:
    row = tx.execute(sa.select(*_COLUMNS).where(t.c.workspace == workspace, t.c.silence == silence)).first()
    if row is None:
        raise NotFoundError(f"there is no silence {silence} in workspace {workspace}")
    return Silence(*row)


def lasting(tx: Transaction, workspace: str, since_us: int, now_us: int) -> list[Silence]:
    """The silences that lasted at any time from `since_us` to now, both included; the one that ends last first."""
    begun = sa.or_(t.c.from_us <= now_us, t.c.from_us <= t.c.created_us)
    here = (t.c.workspace == workspace, t.c.over_us > since_us, t.c.over_us > t.c.from_us, begun)
    query = sa.select(*_COLUMNS).where(*here).order_by(t.c.over_us.desc(), t.c.silence)
    return [Silence(*row) for row in tx.execute(query)]


def active(tx: Transaction, workspace: str, now_us: int) -> list[Silence]:
    """The silences that last now; the one that ends last first."""
    return lasting(tx, workspace, now_us, now_us)


def active_now(db: Database, workspace: str, now_us: int) -> list[Silence]:
    """The silences that last now, for those who only look."""
    with db.read() as connection:
        return active(connection, workspace, now_us)


def covering(silences: Sequence[Silence], alert: Alert) -> list[Silence]:
    """Those of some silences that are about an alert, in the order given."""
    return [silence for silence in silences if silence.covers(alert)]


def listing(
    db: Database,
    workspace: str,
    now_us: int,
    state: SilenceState | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> tuple[list[Silence], str | None]:
    """Silences, active ones first, then pending, then expired ones, each the newest first; and the cursor of the next page.

    A walk along the cursors meets each that was there when it began once, whatever begins or ends meanwhile.

    Raises:
        ContractError: the cursor is none of ours.
    """
    as_of_us, *after = (now_us,) if cursor is None else decode_cursor(cursor, _Key)
    rank = sa.case((t.c.over_us <= as_of_us, 2), (t.c.from_us > as_of_us, 1), else_=0)
    query = sa.select(*_COLUMNS, rank).where(t.c.workspace == workspace, t.c.created_us <= as_of_us)
    if state is not None:
        query = query.where(rank == STATES.index(state))
    if after:
        query = query.where(_comes_after(rank, *after))
    with db.read() as connection:
        found = connection.execute(query.order_by(rank, t.c.created_us.desc(), t.c.silence).limit(limit + 1)).all()
    shown = found[:limit]
    silences = [Silence(*row[:-1]) for row in shown]
    if len(found) <= limit:
        return silences, None
    return silences, encode_cursor([as_of_us, shown[-1][-1], silences[-1].created_us, silences[-1].silence])


def _comes_after(rank: sa.ColumnElement[int], last: int, created_us: int, silence: str) -> sa.ColumnElement[bool]:
    older = sa.or_(t.c.created_us < created_us, sa.and_(t.c.created_us == created_us, t.c.silence > silence))
    return sa.or_(rank > last, sa.and_(rank == last, older))
