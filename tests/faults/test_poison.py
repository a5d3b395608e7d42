"""Poison at the head of every partition: it becomes a dead letter, and everything behind it arrives."""

import itertools
import json
import random
import struct
from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from driftglass_client.wire import CONTENT_ARROW, CONTENT_JSON, CONTENT_NDJSON, HEADER_MODEL
from kernel.clock import to_rfc3339
from stream.codecs.topics import RecordKind
from stream.message import Outgoing
from stream.open import open_appender
from testing.faults.records import Record, as_arrow
from testing.faults.scale import Scale
from testing.faults.world import PARTITIONS, World

MOMENT = to_rfc3339(Record(0).ts_us)
RARE = (0x20000, 0x2A000)  # of four bytes each in UTF-8, and nothing that compression shortens


def arrow(columns: dict[str, pa.Array], compression: str | None = None) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def moments(rows: int) -> pa.Array:
    return pa.array([Record(0).ts_us] * rows, pa.timestamp("us", "UTC"))


def record(**more: object) -> bytes:
    return json.dumps({"model": "poison", "id": "p", "ts": MOMENT, **more}).encode()


def poisons(chance: random.Random) -> dict[str, tuple[bytes, str]]:
    """Bodies that cannot be brought in, with their content types."""
    good = as_arrow([Record(number) for number in range(0, 90, 3)])
    ids = np.cumsum([0, *(len(Record(number).id) for number in range(0, 90, 3))]).astype("<i4")
    rare = ["".join(chr(chance.randrange(*RARE)) for _ in range(250)) for _ in range(3)]
    one_large = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 1_000_000]))
    return {
        "no bytes": (b"", CONTENT_JSON),
        "bytes of nothing": (chance.randbytes(10_000), CONTENT_JSON),
        "bytes of nothing, said to be Arrow": (chance.randbytes(10_000), CONTENT_ARROW),
        "Arrow cut short": (good[: len(good) // 2], CONTENT_ARROW),
        "Arrow whose texts lie beyond its end": (good.replace(ids.tobytes(), (ids * 1_000_000).tobytes()), CONTENT_ARROW),
        "Arrow of a billion rows, it says": (good.replace(struct.pack("<q", 30), struct.pack("<q", 1 << 30)), CONTENT_ARROW),
        "Arrow that unpacks to a gigabyte": (
            arrow({"ts": moments(20), "feature.a": pa.array(["x" * 50_000_000] * 20, pa.large_string())}, "zstd"),
            CONTENT_ARROW,
        ),
        "Arrow of one large text, 20,000 times": (arrow({"ts": moments(20_000), "feature.a": one_large}), CONTENT_ARROW),
        "deep nesting": (b'{"model": "poison", "ts": ' + b"[" * 500_000, CONTENT_JSON),
        "deep nesting that ends": (record(x=0)[:-2] + b"[" * 50_000 + b"]" * 50_000 + b"}", CONTENT_JSON),
        "20 MB of a text that never ends": (record(x="y" * 20_000_000)[:-2], CONTENT_JSON),
        "very many lines that are no records": (b"1\n" * 50_000, CONTENT_NDJSON),
        "half a surrogate pair": (b'{"model": "poison", "id": "\\ud800", "ts": "' + MOMENT.encode() + b'"}', CONTENT_JSON),
        "an unknown content type": (b"<record/>", "application/xml"),
        "names too long for an index together": (
            record(model=rare[0], version=rare[1], features={rare[1][:240]: rare[2]}),
            CONTENT_JSON,
        ),
    }  # fmt: skip


def messages(chance: random.Random) -> Iterator[tuple[RecordKind, Outgoing]]:
    """Every poison once, over all partitions."""
    for bucket, (body, content_type) in zip(itertools.cycle(range(PARTITIONS)), poisons(chance).values(), strict=False):
        yield RecordKind.PREDICTIONS, Outgoing(body, content_type, bucket, {HEADER_MODEL: "poison"})
    event = {"kind": "deploy", "ts": MOMENT, "title": "half a pair: \ud800"}
    yield RecordKind.EVENTS, Outgoing(json.dumps(event).encode(), bucket=0)


def test_poison_at_the_head_of_a_partition_becomes_a_dead_letter_and_holds_nothing_up(
    world: World, scale: Scale
) -> None:
    chance = random.Random(world.seed)
    appender = open_appender(world.log)
    sent = [message for _ in range(scale(short=1, long=2)) for message in messages(chance)]
    for kind, message in sent:
        world.fault(partial(appender.append, world.topic(kind), [message], 60.0))
    appender.close()
    world.collectors.start(2)
    with world.load() as load:
        load.wait_for(scale(short=600, long=3_000))
        world.wait_for_commits()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())
    assert buried(world) == len(sent)


def buried(world: World) -> int:
    """Messages of which there is a dead letter."""
    engine = sa.create_engine(world.database_url)
    try:
        with engine.connect() as connection:
            query = sa.text('select count(distinct (source, "offset")) from dead_letters where workspace = :w')
            return int(connection.scalar(query, {"w": world.workspace}) or 0)
    finally:
        engine.dispose()
