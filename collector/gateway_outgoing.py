"""Good records to the messages that go into the log: one model and one bucket a message, of a size that the log takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from driftglass_client.wire import CONTENT_ARROW, CONTENT_NDJSON, HEADER_MODEL, HEADER_WORKSPACE, ID, NAME, bucket_of
from kernel.clock import to_rfc3339
from stream.buckets import buckets
from stream.codecs.batch import Batch, Decoded, Event
from stream.codecs.encode import encode
from stream.message import Outgoing


@dataclass(frozen=True, slots=True)
class Packing:
    """How records are packed.

    Attributes:
        buckets: of the topic.
        split: whether messages hold one bucket each; needless where the topic has a single partition.
        message_bytes: size of a message, about, at most.
    """

    workspace: str
    buckets: int
    split: bool
    message_bytes: int


def outgoing(decoded: Decoded, packing: Packing) -> list[Outgoing]:
    """The messages of all good records of a request."""
    messages = [message for batch in decoded.batches for message in _of_batch(batch, packing)]
    if decoded.events:  # all in one place, so that they keep their order
        bucket = bucket_of(packing.workspace, "", "", packing.buckets)
        headers = {HEADER_WORKSPACE: packing.workspace}
        messages.append(Outgoing(_of_events(decoded.events), CONTENT_NDJSON, bucket, headers))
    return messages


def _of_batch(batch: Batch, packing: Packing) -> Iterator[Outgoing]:
    headers = {HEADER_MODEL: batch.model, HEADER_WORKSPACE: packing.workspace}
    for bucket, table in _by_bucket(batch, packing):
        rows = max(1, table.num_rows * packing.message_bytes // max(table.nbytes, 1))
        for start in range(0, table.num_rows, rows):
            part = Batch(batch.partition, batch.model, table.slice(start, rows))
            yield Outgoing(encode(part), CONTENT_ARROW, bucket, headers)


def _by_bucket(batch: Batch, packing: Packing) -> Iterator[tuple[int | None, pa.Table]]:
    if not packing.split:
        yield None, batch.table
        return
    by = (
        ID if ID in batch.table.column_names else NAME
    )  # a series stays in one place, so that its figures keep their order
    places = buckets(packing.workspace, batch.model, batch.table[by], packing.buckets)
    order = np.argsort(places, kind="stable")
    table = batch.table.take(pa.array(order))
    ends = np.cumsum(np.bincount(places, minlength=packing.buckets))
    for bucket, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if end > start:
            yield bucket, table.slice(int(start), int(end - start))


def _of_events(events: Sequence[Event]) -> bytes:
    return b"\n".join(
        msgspec.json.encode(
            {
                "model": event.model or None,
                "kind": event.kind,
                "ts": to_rfc3339(event.ts_us),
                "title": event.title,
                "url": event.url or None,
                "details": event.details,
            }
        )
        for event in events
    )
