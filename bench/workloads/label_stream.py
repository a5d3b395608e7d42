"""A million labels in Arrow messages, taken in by a collector's sink, and the month of windows that they touch measured again.

One process does both, one after the other; a service has two processes for it. The predictions were taken in and measured before.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from bench.label_log import DAYS, MODEL, START_US, month
from bench.probe import once, report
from bench.sinks import new_database, sink_over
from bench.size import sized
from collector.sink import Sink
from detectors.evaluate import Evaluator
from detectors.settings import DetectorSettings
from driftglass_client.wire import CONTENT_ARROW, HEADER_MODEL
from kernel.clock import DAY_US, ManualClock, to_rfc3339
from store import models
from store.database import Database
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.message import Message, Partition

PREDICTIONS, LABELS, EVENTS = (Partition(f"driftglass.{kind}", 0) for kind in ("predictions", "labels", "events"))
ROWS = sized(3_000_000, 2_000) // DAYS
LABELLED = sized(1_000_000, 200) // DAYS
ROWS_A_MESSAGE, MESSAGES_A_FLUSH = 1_000, 250
RECEIVED_US = START_US + 200 * DAY_US
END = b'{"kind": "end-of-stream", "ts": "%s", "title": "done"}'


class Stream:
    """Tables of a partition as messages, and how far it has come."""

    def __init__(self, sink: Sink, partition: Partition) -> None:
        self._sink = sink
        self._partition = partition
        self.offset = 0

    def take(self, tables: Iterator[pa.Table]) -> int:
        """Take in and store; returns the records that were accepted."""
        accepted = 0
        for table in tables:
            messages = [self._message(table.slice(at, ROWS_A_MESSAGE)) for at in range(0, len(table), ROWS_A_MESSAGE)]
            for at in range(0, len(messages), MESSAGES_A_FLUSH):
                self._sink.take({self._partition: messages[at : at + MESSAGES_A_FLUSH]})
                accepted += self._sink.flush().accepted
        return accepted

    def _message(self, rows: pa.Table) -> Message:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        self.offset += 1
        body = sink.getvalue().to_pybytes()
        return Message(self._partition, self.offset - 1, body, CONTENT_ARROW, {HEADER_MODEL: MODEL}, RECEIVED_US)


def main() -> None:
    clock = ManualClock(RECEIVED_US)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        db = new_database(folder)
        models.declare(db, "default", replace(Model(MODEL), task="binary", positive_class="late"), clock.now_us())
        sink = sink_over(db, folder)
        sink.recover([PREDICTIONS, LABELS, EVENTS])
        days = list(month(ROWS, LABELLED))
        predictions = Stream(sink, PREDICTIONS)
        assert predictions.take(table for table, _ in days) == ROWS * DAYS
        _end(sink, clock, predictions.offset)
        evaluator = _evaluator(db, folder, clock)
        assert evaluator.step().measured == DAYS
        late = pa.concat_tables(labels for _, labels in days)
        labels = Stream(sink, LABELS)
        taken = once(lambda: labels.take(iter([late])))
        measured = once(evaluator.step)
        assert evaluator.step().measured == 0
        seconds = taken["seconds"] + measured["seconds"]
        cpu = taken["cpu_seconds"] + measured["cpu_seconds"]
        report(
            {
                "labels": len(late),
                "seconds": seconds,
                "cpu_seconds": cpu,
                "taken_seconds": taken["seconds"],
                "measured_seconds": measured["seconds"],
                "labels_a_minute": 60 * len(late) / seconds,
            }
        )
        db.close()


def _end(sink: Sink, clock: ManualClock, offset: int) -> None:
    """Nothing more comes, so every window may close."""
    body = END % to_rfc3339(clock.now_us()).encode()
    sink.take({EVENTS: [Message(EVENTS, 0, body, "application/json", {}, clock.now_us())]})
    sink.flush()
    sink.note_read({PREDICTIONS: offset, EVENTS: 1})


def _evaluator(db: Database, folder: Path, clock: ManualClock) -> Evaluator:
    reader = RecordReader(RecordLog(str(folder / "records")), "default")
    return Evaluator(db, reader, "default", clock, DetectorSettings(label_pause_s=0.0), "bench")


main()
