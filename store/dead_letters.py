"""Dead letters: the records that were refused, with the reason and their own bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa

from store.database import Database, upsert
from store.tables import dead_letters
from stream.codecs.batch import Refusal

_COLUMNS = [column for column in dead_letters.columns if column.name != "workspace"]
_AT_ONCE = 10_000  # rows; they and what the driver makes of them are held besides the letters
_NUL, _SHOWN_NUL = "\0", "\N{SYMBOL FOR NULL}"  # no database keeps U+0000 in a text


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was refused.

    Attributes:
        source: where it came from: topic/partition, or gateway/REQUEST; with offset and row its identity.
        row: its index within the message; -1 for the whole message.
        field, reason: what is wrong, and why.
        body: the record as it was received, to be mended and sent again.
    """

    source: str
    offset: int
    row: int
    field: str
    reason: str
    content_type: str
    body: bytes
    received_us: int


def of_refusal(refusal: Refusal, received_us: int, source: str = "") -> DeadLetter:
    """The letter of a refused record; its source is the record's partition unless another is named."""
    return DeadLetter(
        source or str(refusal.partition),
        refusal.offset,
        refusal.row,
        refusal.field,
        refusal.reason,
        refusal.content_type,
        refusal.body,
        received_us,
    )


def save(db: Database, workspace: str, letters: Iterable[DeadLetter]) -> int:
    """Store letters, all or none; one that is there already, by (source, offset, row), stays as it is.

    Returns:
        How many are new.

    Raises:
        UnavailableError: the database cannot be reached; nothing was stored.
    """
    rows = ({"workspace": workspace, **_storable(letter)} for letter in letters)
    part = list(islice(rows, _AT_ONCE))
    if not part:
        return 0
    new = 0
    with db.write() as connection:
        while part:
            new += upsert(connection, dead_letters, part)
            part = list(islice(rows, _AT_ONCE))
    return new


def _storable(letter: DeadLetter) -> dict[str, object]:
    values = {column.name: getattr(letter, column.name) for column in _COLUMNS}
    return {k: _storable_text(v) if isinstance(v, str) else v for k, v in values.items()}


def _storable_text(text: str) -> str:
    """As UTF-8 can write it: half a surrogate pair becomes a question mark."""
    return text.replace(_NUL, _SHOWN_NUL).encode(errors="replace").decode()


def listing(
    db: Database, workspace: str, limit: int = 100, *, field: str | None = None, source: str | None = None
) -> list[DeadLetter]:
    """The newest letters first, at most `limit`.

    Args:
        field: only those that are refused for this field.
        source: only those from there.
    """
    query = sa.select(*_COLUMNS).where(_chosen(workspace, field, source))
    newest = query.order_by(
        dead_letters.c.received_us.desc(), dead_letters.c.source, dead_letters.c.offset, dead_letters.c.row
    )
    with db.read() as connection:
        return [DeadLetter(**row) for row in connection.execute(newest.limit(limit)).mappings()]


def count(db: Database, workspace: str, *, field: str | None = None, source: str | None = None) -> int:
    """How many letters there are."""
    query = sa.select(sa.func.count()).select_from(dead_letters).where(_chosen(workspace, field, source))
    with db.read() as connection:
        return int(connection.execute(query).scalar_one())


def _chosen(workspace: str, field: str | None, source: str | None) -> sa.ColumnElement[bool]:
    conditions = [dead_letters.c.workspace == workspace]
    if field is not None:
        conditions.append(dead_letters.c.field == field)
    if source is not None:
        conditions.append(dead_letters.c.source == source)
    return sa.and_(*conditions)
