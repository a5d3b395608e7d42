"""What a record costs the collector when many models, or many open windows, take turns: CPU time from messages to commits.

Every model has been met and measured before the clock runs. Arguments: how many models, how many hours the records spread over.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.ingest import PARTITION
from bench.messages import START_US, rows_of
from bench.probe import report
from bench.sinks import new_database, sink_over
from bench.size import sized
from collector.sink import Sink
from driftglass_client.wire import CONTENT_ARROW, HEADER_MODEL
from kernel.clock import HOUR_US
from kernel.windows import WindowSize
from store import models
from store.registry import INFERRED_AFTER
from stream.message import Message

RECORDS = sized(500_000, 5_000)
ROWS_A_MESSAGE = 500
MESSAGES_A_FLUSH = 500  # about the 64 MB after which a flush is due


def main() -> None:
    n_models, hours = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        db = new_database(Path(name))
        for number in range(n_models):
            models.declare(db, "default", models.Model(f"m{number}", window=WindowSize("1h")), 0)
        sink = sink_over(db, Path(name))
        sink.recover([PARTITION])
        warm = n_models * (INFERRED_AFTER // ROWS_A_MESSAGE)
        _flush(sink, _messages(n_models, hours, 0, warm))
        messages = list(_messages(n_models, hours, warm, RECORDS // ROWS_A_MESSAGE))
        began_s = time.process_time()
        for start in range(0, len(messages), MESSAGES_A_FLUSH):
            _flush(sink, messages[start : start + MESSAGES_A_FLUSH])
        report({"us_a_record": (time.process_time() - began_s) / RECORDS * 1e6})
        db.close()


def _flush(sink: Sink, messages: Iterator[Message] | list[Message]) -> None:
    sink.take({PARTITION: list(messages)})
    sink.flush()


def _messages(n_models: int, hours: int, first: int, count: int) -> Iterator[Message]:
    """Batches of one model each, the models taking turns, each batch over all hours."""
    rng, now_us = np.random.default_rng(first), time.time_ns() // 1_000
    ts_us = np.sort(START_US + HOUR_US * (np.arange(ROWS_A_MESSAGE) % hours) + np.arange(ROWS_A_MESSAGE))
    for number in range(first, first + count):
        table = rows_of(rng, number * ROWS_A_MESSAGE, ROWS_A_MESSAGE)
        table = table.set_column(table.column_names.index("ts"), "ts", pa.array(ts_us, pa.timestamp("us", "UTC")))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        headers = {HEADER_MODEL: f"m{number % n_models}"}
        yield Message(PARTITION, number, sink.getvalue().to_pybytes(), CONTENT_ARROW, headers, now_us)


main()
