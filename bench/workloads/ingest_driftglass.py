"""Our collector, from the bytes of the log to the committed record log and profiles, in one process.

Before the clock runs it has taken some records of the same model from another partition: the model is known, its grids are
fitted, what is compiled is loaded. Arguments: arrow or json; who reads (bench.ingest.own_log); how many messages and rows the log
holds; the log.
"""

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from bench.ingest import PARTITION, WARM_PARTITION, WARM_RECORDS, TimedSource, own_log, warm_messages
from bench.messages import arrow_messages, json_messages
from bench.probe import report
from bench.sinks import new_database, sink_over
from collector.run import Collector
from collector.settings import CollectorSettings
from collector.sink import Sink
from kernel.clock import SystemClock
from store.tables import windows


def main() -> None:
    what, reader = sys.argv[1:3]
    messages, rows, where = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        db = new_database(folder)
        sink = sink_over(db, folder)
        _warm(sink, what)
        sources: list[TimedSource] = []

        def opened(collector: Collector) -> TimedSource:
            sources.append(TimedSource(own_log(where, folder, reader), collector, messages))
            return sources[0]

        collector = Collector({PARTITION.topic: sink}, opened, SystemClock(), CollectorSettings())
        collector.run(lambda: sources[0].drained)
        assert collector.totals.accepted == rows, collector.totals
        with db.read() as connection:
            assert connection.scalar(sa.select(sa.func.sum(windows.c.rows))) == rows + WARM_RECORDS
        report({**sources[0].figures(rows), "flushes": collector.totals.flushes})
        db.close()


def _warm(sink: Sink, what: str) -> None:
    made = arrow_messages if what == "arrow" else json_messages
    sink.recover([WARM_PARTITION])
    sink.take({WARM_PARTITION: warm_messages(list(made(WARM_RECORDS, seed=5)))})
    assert sink.flush().accepted == WARM_RECORDS
    sink.drop([WARM_PARTITION])


main()
