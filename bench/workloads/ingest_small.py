"""What the smallest records take: single JSON messages of one feature, as many in a flush as `collector.flush_bytes` lets in.

Nothing packs more records into a flush. Argument: "good", or "bad" for records that are all refused.
"""

import sys
import tempfile
import time
from pathlib import Path

from bench.ingest import PARTITION
from bench.probe import report
from bench.sinks import new_database, sink_over
from bench.size import sized
from collector.settings import CollectorSettings
from driftglass_client.wire import CONTENT_JSON
from stream.message import Message

FLUSHES = sized(3, 1)
STEP = sized(10_000, 500)
RECORD = b'{"model":"m","version":"1","id":"%d","ts":"2013-%d-01T00:00:00Z","features":{"x":%d.5},"prediction":1}'
MONTHS = {"good": 11, "bad": 13}


def main() -> None:
    month = MONTHS[sys.argv[1]]
    flush_bytes = sized(CollectorSettings().flush_bytes, 1 << 16)
    with tempfile.TemporaryDirectory() as name:
        db = new_database(Path(name))
        sink = sink_over(db, Path(name))
        sink.recover([PARTITION])
        sent, spent_s = 0, 0.0
        for _ in range(FLUSHES):
            while sink.pending_bytes < flush_bytes:
                sink.take({PARTITION: [_message(n, month) for n in range(sent, sent + STEP)]})
                sent += STEP
            began_s = time.process_time()
            done = sink.flush()
            spent_s += time.process_time() - began_s
        if (done.refused if month > 12 else done.accepted) < STEP:
            raise AssertionError(f"not what was to be measured: {done}")
        db.close()
    report({"records_a_flush": sent / FLUSHES, "us_a_record": spent_s / sent * 1e6})


def _message(number: int, month: int) -> Message:
    value = RECORD % (number, month, number % 97)
    return Message(PARTITION, number, value, CONTENT_JSON, {}, time.time_ns() // 1_000)


main()
