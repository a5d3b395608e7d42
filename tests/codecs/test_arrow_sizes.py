"""An Arrow message is measured before it is unpacked: a few bytes cannot claim all of the memory."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from driftglass_client.wire import CONTENT_ARROW, HEADER_MODEL
from kernel.clock import SystemClock
from stream.codecs.arrow_sizes import MAX_BYTES, unpacked_bytes
from stream.codecs.decode import decode
from stream.codecs.topics import RecordKind
from stream.message import Message, Partition

ROWS = 1_000


def moments(rows: int = ROWS) -> pa.Array:
    return pa.array(np.arange(rows) + 1_700_000_000_000_000, pa.timestamp("us", "UTC"))


def stream(columns: dict[str, pa.Array], compression: str | None = None) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def decoded(body: bytes):
    message = Message(
        Partition("t.predictions", 0), 0, body, CONTENT_ARROW, {HEADER_MODEL: "m"}, SystemClock().now_us()
    )
    return decode([message], RecordKind.PREDICTIONS)


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_compressed_message_of_reasonable_size_is_read(compression) -> None:
    columns = {
        "ts": moments(),
        "feature.a": pa.array(np.zeros(ROWS)),
        "feature.c": pa.array(["x"] * ROWS).dictionary_encode(),
    }
    assert decoded(stream(columns, compression)).accepted == ROWS


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_compressed_message_that_unpacks_to_too_much_is_refused_without_unpacking_it(compression) -> None:
    text = pa.array(["x" * (MAX_BYTES // 8)] * 9, pa.large_string())
    found = decoded(stream({"ts": moments(9), "feature.a": text}, compression))
    assert found.accepted == 0
    assert [r.reason for r in found.refusals] == [
        "holds more than 256 MiB when it is unpacked: send it in several messages"
    ]


def test_a_dictionary_that_would_be_written_out_to_too_much_is_refused() -> None:
    value = pa.array(["x" * (MAX_BYTES // ROWS + 1)])
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(ROWS, np.int32)), value)
    found = decoded(stream({"ts": moments(), "feature.a": text}))
    assert found.accepted == 0
    assert "when it is unpacked" in found.refusals[0].reason


def test_a_large_dictionary_of_short_texts_is_no_large_column() -> None:
    values = pa.array([f"value {n}" for n in range(100_000)] + ["x" * 1_000_000])
    text = pa.DictionaryArray.from_arrays(pa.array(np.arange(ROWS, dtype=np.int32)), values)
    assert decoded(stream({"ts": moments(), "feature.a": text})).accepted == ROWS


def test_a_dictionary_of_lists_is_refused_by_its_type() -> None:
    lists = pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int8()), pa.array([[1.0, 2.0]]))
    (refusal,) = decoded(stream({"ts": moments(), "feature.a": lists})).refusals
    assert (refusal.field, "must hold numbers, texts, booleans or lists" in refusal.reason) == ("features.a", True)


def test_compressed_streams_of_broken_metadata_are_refused_and_nothing_worse() -> None:
    good = stream({"ts": moments(), "feature.a": pa.array(np.zeros(ROWS))}, "zstd")
    for broken in broken_somewhere(good, len(good)):
        found = decoded(broken)
        assert found.accepted + len(found.refusals) > 0


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_the_size_of_a_stream_of_broken_metadata_is_told(compression: str | None) -> None:
    good = stream({"ts": moments(), "feature.a": pa.array(np.zeros(ROWS))}, compression)
    for broken in broken_somewhere(good, min(len(good), 1_000)):
        assert unpacked_bytes(broken) >= len(good)
        assert decoded(broken).accepted <= ROWS


def broken_somewhere(good: bytes, before: int) -> Iterator[bytes]:
    """Copies with three bytes changed, none of them at `before` or behind."""
    chance = np.random.default_rng(7)
    for _ in range(300):
        broken = bytearray(good)
        for at in chance.integers(0, before, 3):
            broken[at] = chance.integers(0, 256)
        yield bytes(broken)


def test_a_stream_is_as_large_as_it_is_or_unpacks_to() -> None:
    columns = {"ts": moments(), "feature.a": pa.array(np.zeros(ROWS))}
    plain, packed = stream(columns), stream(columns, "zstd")
    assert unpacked_bytes(plain) == len(plain)
    assert len(packed) < 16 * ROWS <= unpacked_bytes(packed) <= len(plain)
