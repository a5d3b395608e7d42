"""The bare loops beside the collector: the same reader of the log, the plain decoder, an append of flat columns to Delta.

Nothing is validated, de-duplicated, profiled or committed to SQL, and a crash loses or doubles records. Arguments: arrow or json;
"append", "decode" for no record log at all, or "client" (json, Kafka) for the client and the decoder alone; who reads
(bench.ingest.own_log); how many messages and rows the log holds; the log.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from bench.client_loop import values
from bench.ingest import FLUSH_BYTES, WARM_RECORDS, TimedSource, own_log, warm_messages
from bench.messages import CATEGORICAL, NUMERIC, arrow_messages, json_messages
from bench.probe import report
from kernel.settings import KafkaSettings
from stream.message import Message, Partition

Features = msgspec.defstruct("Features", [*((n, float) for n in NUMERIC), *((n, str) for n in CATEGORICAL)])


class Prediction(msgspec.Struct):
    """A record as its producer declares it: a typed decoder is msgspec's fastest."""

    model: str
    version: str
    id: str
    ts: str
    prediction: str
    latency_ms: float
    features: Features  # type: ignore[valid-type]
    scores: dict[str, float]


DECODER = msgspec.json.Decoder(Prediction)
PLAIN = [name for name in Prediction.__struct_fields__ if name not in ("features", "scores")]


class Nobody:
    """Listens to assignments and does nothing."""

    def on_assigned(self, _partitions: Sequence[Partition]) -> None:
        pass

    def on_revoked(self, _partitions: Sequence[Partition]) -> None:
        pass


def main() -> None:
    what, depth, reader = sys.argv[1:4]
    messages, rows, where = int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = arrow_messages if what == "arrow" else json_messages
        table = str(folder / "records")
        _take(warm_messages(list(made(WARM_RECORDS, seed=5))), what, depth, table)
        settings = own_log(where, folder, reader)
        if depth == "client":
            report(_client(settings.kafka, rows))
            return
        source = TimedSource(settings, Nobody(), messages)
        held: list[Message] = []
        size = done = 0
        while not source.drained:
            for found in source.poll(0.2).values():
                held += found
                size += sum(len(m.value) for m in found)
            if size >= FLUSH_BYTES or source.drained:
                done += _take(held, what, depth, table)
                held, size = [], 0
        source.close()
        assert done == rows
        if depth == "append":
            assert DeltaTable(table).count() == rows + WARM_RECORDS
        report(source.figures(rows))


def _client(settings: KafkaSettings, rows: int) -> dict[str, float]:
    """Decode single records as the client gives them."""
    batches = values(settings)
    done = len(next(batches))
    began_s, cpu_began_s = time.perf_counter(), time.process_time()
    while done < rows:
        done += len([DECODER.decode(value) for value in next(batches)])
    seconds, cpu_seconds = time.perf_counter() - began_s, time.process_time() - cpu_began_s
    batches.close()
    assert done == rows
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "records_per_s": rows / seconds}


def _take(messages: Sequence[Message], what: str, depth: str, uri: str) -> int:
    if what == "arrow":
        table = pa.concat_tables([pa.ipc.open_stream(m.value).read_all() for m in messages])
        write_deltalake(uri, table, mode="append")
        return int(table.num_rows)
    records = [DECODER.decode(m.value) for m in messages]
    if depth == "append":
        write_deltalake(uri, _columns(records), mode="append")
    return len(records)


def _columns(records: Sequence[Prediction]) -> pa.Table:
    columns = {name: pa.array([getattr(r, name) for r in records]) for name in PLAIN}
    columns["ts"] = columns["ts"].cast(pa.timestamp("us", "UTC"))
    columns |= {f"feature.{n}": pa.array([getattr(r.features, n) for r in records]) for n in (*NUMERIC, *CATEGORICAL)}
    columns["score.late"] = pa.array([r.scores["late"] for r in records])
    return pa.table(columns)


main()
