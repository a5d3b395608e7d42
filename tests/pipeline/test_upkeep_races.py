"""Processes at once: a collector that appends, two workers that merge whatever they find, a reader that reads all the while."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from kernel.clock import DAY_US
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.message import Partition

PREDICTIONS = Partition("driftglass.predictions", 0)
START_US = 1_362_096_000_000_000
FLUSHES, A_FLUSH = 40, 10

# It says how often it was fenced.
COLLECTOR = """
import json, sys
from pathlib import Path
from collector.fold import Folder
from collector.settings import CollectorSettings
from collector.sink import Sink
from kernel.clock import SystemClock
from kernel.errors import FencedError
from store.database import Database
from store.records import RecordLog
from store.registry import Registry
from stream.message import Message, Partition

folder = sys.argv[1]
flushes = json.loads(Path(f"{folder}/flushes.json").read_text())
partition, clock = Partition("driftglass.predictions", 0), SystemClock()
db = Database(f"sqlite:///{folder}/state.db")
folding = Folder(Registry(db, "default", clock), 50)
sink = Sink("default", db, RecordLog(f"{folder}/records"), folding, clock, CollectorSettings())
sink.recover([partition])
fenced = offset = 0
for records in flushes:
    values = [json.dumps(record).encode() for record in records]
    now_us = clock.now_us()
    batch = [Message(partition, offset + i, v, "application/json", {}, now_us) for i, v in enumerate(values)]
    offset += len(batch)
    sink.take({partition: batch})
    try:
        sink.flush()
    except FencedError:
        fenced += 1
        break
print(fenced)
"""

# Without a lease, so that the two are always in each other's way; it says how many files it merged and how often it was outrun.
WORKER = """
import sys
from pathlib import Path
from kernel.errors import FencedError
from store.record_compaction import compact, stored_files
from store.record_merging import merges
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from testing.waiting import wait_until

folder, log, kind = Path(sys.argv[1]), RecordLog(f"{sys.argv[1]}/records"), RecordKind.PREDICTIONS

def due():
    table = log.table("default", kind)
    merge = next(merges(stored_files(table), 2, 64 << 20), None) if table else None
    return (folder / "end").exists() or (merge and (table, merge))

merged = outrun = 0
while (found := wait_until(due, timeout_s=120, what="files to merge, or the end")) is not True:
    table, merge = found
    try:
        merged += compact(table, log.files_of(table), kind, merge, 64 << 20)
    except FencedError:
        outrun += 1
print(merged, outrun)
"""


@pytest.fixture
def begin() -> Iterator:
    """Begins processes; whatever still runs at the end is ended."""
    with ExitStack() as closing:

        def one(script: str, *arguments: str) -> subprocess.Popen[str]:
            child = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)
            closing.callback(child.wait)
            closing.callback(child.kill)
            return child

        yield one


def said(child: subprocess.Popen[str]) -> list[int]:
    text, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    return [int(number) for number in text.split()]


def test_appending_merging_and_reading_at_once_lose_and_double_nothing(
    workspace, prediction, begin, wait_until
) -> None:
    flushes = [[prediction(n) for n in range(f * A_FLUSH, (f + 1) * A_FLUSH)] for f in range(FLUSHES)]
    (workspace.folder / "flushes.json").write_text(json.dumps(flushes))
    workers = [begin(WORKER, str(workspace.folder)) for _ in range(2)]
    collector = begin(COLLECTOR, str(workspace.folder))
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    seen = reads = 0
    while collector.poll() is None:
        batches = reader.predictions("flight-delay", START_US, START_US + DAY_US, {})
        ids = [name for batch in batches for name in batch["id"].to_pylist()]
        assert ids == [f"id-{n}" for n in range(len(ids))]  # whole flushes in their order: each row once, none missing
        assert len(ids) % A_FLUSH == 0
        assert len(ids) >= seen
        seen, reads = len(ids), reads + 1
    assert said(collector) == [0]
    wait_until(lambda: len(workspace.table().file_uris()) <= FLUSHES // 4, what="merged files")
    (workspace.folder / "end").touch()
    assert sum(said(worker)[0] for worker in workers) > FLUSHES // 2
    assert reads
    assert workspace.record_rows() == sorted(("flight-delay", "1", f"id-{n}") for n in range(FLUSHES * A_FLUSH))
    assert workspace.table().transaction_version(str(PREDICTIONS)) == FLUSHES * A_FLUSH
    assert workspace.profile().rows == workspace.window_rows() == FLUSHES * A_FLUSH
