"""How far event time has come, per model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kernel.clock import DAY_US, MINUTE_US
from store.database import Database, in_parts
from store.tables import events, offsets, watermarks
from stream.codecs.topics import RecordKind, kind_of

IDLE_AFTER_US = MINUTE_US
GIVEN_UP_US = DAY_US
SILENCE_US = 7 * DAY_US  # for which a model that sends nothing is looked at
_MODELS_A_QUERY = 5_000
END_OF_STREAM = "end-of-stream"
ENDED_US = 2**62  # the watermark of a model of which no more will come


@dataclass(frozen=True, slots=True)
class Reach:
    """What one partition says of a model.

    Attributes:
        max_ts_us: the largest ts seen there.
        idle_since_us: since when nothing of the model came there; None while it may lie there unread.
        checked_us: the moment up to which that is known: all that lay there then is read.
        read_us: when anything of the partition was last read, or found to be read to its end.
    """

    max_ts_us: int
    idle_since_us: int | None
    checked_us: int
    read_us: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """An end-of-stream event: when it was taken in, and the moment that it names."""

    received_us: int
    ts_us: int


def watermark(reaches: Sequence[Reach], end: End | None, now_us: int) -> int | None:
    """How far a model's event time has come; None while it has none.

    The smallest of its partitions' largest ts. A partition in which nothing of it came for a minute or more, whatever else comes
    there, holds it back at the moment up to which all is read that lay there, and no further back: lag is not silence, and while
    nobody looks, nobody knows what lies there. Where that is so of all, event time moves with the clock if it is within a week and
    a day of it, so that silence is seen, and years that are replayed do not end today; and after an end-of-stream event, once all
    was read, every window may close. A partition that nobody has read for a day longer than others is given up, and left out.

    Args:
        end: the last end-of-stream event of the model; None where there is none. What came with a later ts has taken it back.

    >>> watermark([Reach(10, None, 0), Reach(7, None, 0)], None, 0)
    7
    >>> watermark([Reach(10, None, 0, read_us=2 * DAY_US), Reach(7, None, 0)], None, 0)
    10
    """
    if not reaches:
        return None
    given_up_us = max(r.read_us for r in reaches) - GIVEN_UP_US
    reaches = [r for r in reaches if r.read_us >= given_up_us]
    furthest = max(r.max_ts_us for r in reaches)
    ended = end is not None and furthest <= end.ts_us
    if end and ended and all(r.idle_since_us is not None and r.checked_us >= end.received_us for r in reaches):
        return ENDED_US
    busy = [r for r in reaches if r.idle_since_us is None or r.checked_us - r.idle_since_us < IDLE_AFTER_US]
    if busy:
        return min(r.max_ts_us if r in busy else max(r.max_ts_us, r.checked_us) for r in reaches)
    looked_us = min(now_us, *(r.checked_us for r in reaches))
    return looked_us if abs(looked_us - furthest) <= SILENCE_US + DAY_US else furthest


def stored(workspace: str, model: sa.ColumnElement[str]) -> sa.ScalarSelect[int]:
    """How far a model's event time has come, within a statement: by the records alone, without the clock or the end of a stream.

    Null where it has no partition. In the transaction of a flush this is where event time stood before it, until it raises the
    watermarks.
    """
    at, (since_us, checked_us) = watermarks.c, _quiet()
    busy = sa.or_(since_us.is_(None), checked_us - since_us < IDLE_AFTER_US)
    return (
        sa.select(sa.func.coalesce(sa.func.min(sa.case((busy, at.max_ts_us))), sa.func.max(at.max_ts_us)))
        .select_from(_joined())
        .where(at.workspace == workspace, at.model == model, at.topic.endswith(RecordKind.PREDICTIONS.value))
        .scalar_subquery()
    )


def of_models(db: Database, workspace: str, now_us: int) -> dict[str, int]:
    """The watermark of each model that has one."""
    reaches: dict[str, list[Reach]] = {}
    at, (since_us, checked_us) = watermarks.c, _quiet()
    query = sa.select(
        at.model,
        at.topic,
        at.max_ts_us,
        since_us.label("since_us"),
        checked_us.label("checked_us"),
        offsets.c.updated_us,
    ).select_from(_joined())
    with db.read() as connection:
        for row in connection.execute(query.where(at.workspace == workspace)):
            if kind_of(row.topic) is RecordKind.PREDICTIONS:
                reaches.setdefault(row.model, []).append(_reach(row))
        ended = _ended(connection, workspace)
    found = {model: watermark(of, ended.get(model, ended.get("")), now_us) for model, of in reaches.items()}
    return {model: mark for model, mark in found.items() if mark is not None}


def _joined() -> sa.FromClause:
    """What is known of each model in each partition, beside how far the partition is read."""
    at, of = watermarks.c, offsets.c
    partition = sa.and_(of.workspace == at.workspace, of.topic == at.topic, of.partition == at.partition)
    return sa.outerjoin(watermarks, offsets, partition)


def _quiet() -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    """Since when nothing of a model came in a partition, null where it may lie there unread, and up to when that is known.

    Of a partition that others keep busy, too, all that lay there at a moment is read some time.
    """
    at, of = watermarks.c, offsets.c
    idle_us = sa.case((of.idle_since_us.is_(None), 0), else_=of.updated_us)
    through_us = sa.func.coalesce(of.through_us, 0)
    checked_us = sa.case((idle_us > through_us, idle_us), else_=through_us)
    since_us = sa.func.coalesce(at.seen_us, of.idle_since_us)
    return sa.case((since_us <= checked_us, since_us)), checked_us


def _reach(row: Any) -> Reach:
    return Reach(row.max_ts_us, row.since_us, row.checked_us, row.updated_us or 0)


def _ended(connection: sa.Connection, workspace: str) -> dict[str, End]:
    """The last end of each model's stream; "" stands for all models."""
    query = (
        sa.select(events.c.model, events.c.received_us, events.c.ts_us)
        .where(events.c.workspace == workspace, events.c.kind == END_OF_STREAM)
        .order_by(events.c.ts_us, events.c.received_us)
    )
    return {model: End(*of) for model, *of in connection.execute(query)}


def furthest(
    db: Database, workspace: str, models: Sequence[str], kind: RecordKind = RecordKind.PREDICTIONS
) -> dict[str, int]:
    """The largest ts of the predictions, or of the labels, of each of some models that has any."""
    at = watermarks.c
    query = sa.select(at.model, at.topic, at.max_ts_us).where(at.workspace == workspace, at.topic.endswith(kind.value))
    found: dict[str, int] = {}
    with db.read() as connection:
        for some in in_parts(sorted(models), _MODELS_A_QUERY):
            for model, topic, ts_us in connection.execute(query.where(at.model.in_(some))):
                if kind_of(topic) is kind:
                    found[model] = max(ts_us, found.get(model, ts_us))
    return found
