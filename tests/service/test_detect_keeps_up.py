"""`driftglass detect` keeps the record log in order beside its measuring, and ends when it is told to."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from store.database import Database
from store.migrate import migrate
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition

KIND = RecordKind.PREDICTIONS
PARTITION = Partition("driftglass.predictions", 0)
START_US = 1_362_096_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace whose record log has twelve small files of one day."""
    settings = {
        "store": {"database": f"sqlite:///{tmp_path}/state.db", "records": str(tmp_path / "records")},
        "log": {"local": {"path": str(tmp_path / "log.db")}},
        "upkeep": {"interval_s": 0.1},
    }
    (tmp_path / "driftglass.yaml").write_text(yaml.safe_dump(settings))
    db = Database(settings["store"]["database"])
    migrate(db)
    db.close()
    log = RecordLog(settings["store"]["records"])
    for n in range(12):
        log.append("default", KIND, [records(n)], {PARTITION: (n, n + 1)})
    return tmp_path


def records(offset: int) -> pa.Table:
    moment = pa.scalar(START_US + offset, pa.int64()).cast(pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "model": ["flight-delay"],
            "id": [f"id-{offset}"],
            "ts": [moment],
            "ingested_at": [moment],
            "topic": [PARTITION.topic],
            "partition": pa.array([PARTITION.number], pa.int32()),
            "offset": [offset],
            "row": pa.array([0], pa.int32()),
        }
    )


def files(folder: Path) -> list[str]:
    table = RecordLog(str(folder / "records")).table("default", KIND)
    return [] if table is None else list(table.file_uris())


def test_detect_merges_small_files_and_ends_on_a_signal(folder: Path, wait_until: Callable[..., object]) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGLASS_")}
    environment = clean | {"DRIFTGLASS_CONFIG": str(folder / "driftglass.yaml")}
    child = subprocess.Popen([sys.executable, "-m", "service.cli", "detect"], cwd=folder, env=environment)
    try:
        wait_until(lambda: len(files(folder)) == 1, timeout_s=60, what="one file of twelve")
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait()
