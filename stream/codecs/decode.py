"""Messages to records: the one way in, for the collector and the gateway alike."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from driftglass_client.wire import CONTENT_ARROW, CONTENT_JSON, CONTENT_NDJSON
from stream.codecs.arrow_batches import decode_arrow
from stream.codecs.batch import Decoded, Refusal
from stream.codecs.events import decode_events
from stream.codecs.json_batches import decode_json
from stream.codecs.json_records import unreadable
from stream.codecs.settle import Origin
from stream.codecs.topics import RecordKind
from stream.message import Message, Partition

CONTENT_TYPES = (CONTENT_JSON, CONTENT_NDJSON, CONTENT_ARROW)
_JSON = ("", CONTENT_JSON, CONTENT_NDJSON)


def decode(messages: Sequence[Message], kind: RecordKind, key: str | None = None, *, beside: bool = False) -> Decoded:
    """Decode and validate, the same for the same messages whenever it runs: a time is judged by its message's own timestamp.

    Args:
        messages: of any partitions and content types; no content type means JSON.
        kind: what the topic carries.
        key: for messages that are not in the log yet: a missing id becomes KEY:ROW.
        beside: take the labels that stand in the records of predictions, where neither an id nor a label is needed.

    Returns:
        Batches by partition in order of first appearance, JSON before Arrow; refusals by place. What is wrong with a record
        never raises: it becomes a refusal.
    """
    decoded = Decoded()
    by_partition: dict[Partition, list[Message]] = {}
    for partition, run in groupby(messages, attrgetter("partition")):
        by_partition.setdefault(partition, []).extend(run)
    for partition, mine in by_partition.items():
        for part in _parts(mine, kind, Origin(partition, key, beside)):
            decoded.batches.extend(part.batches)
            decoded.events.extend(part.events)
            decoded.refusals.extend(part.refusals)
    decoded.refusals.sort(key=lambda r: (r.partition, r.offset, r.row))
    return decoded


def _parts(messages: Sequence[Message], kind: RecordKind, origin: Origin) -> Iterator[Decoded]:
    """What the messages of one partition hold, by their content type."""
    json = [m for m in messages if m.content_type in _JSON]
    arrow = [m for m in messages if m.content_type == CONTENT_ARROW]
    if kind is RecordKind.EVENTS:
        known: tuple[str, ...] = _JSON
        yield decode_events(json, origin)
    else:
        known = (*_JSON, CONTENT_ARROW)
        yield decode_json(json, kind, origin)
        yield decode_arrow(arrow, kind, origin)
    yield Decoded(refusals=[_unknown(m, known) for m in messages if m.content_type not in known])


def _unknown(message: Message, known: Sequence[str]) -> Refusal:
    allowed = ", ".join(name for name in known if name)
    return unreadable(message, f"has the content type {message.content_type!r}; it must be one of {allowed}")
