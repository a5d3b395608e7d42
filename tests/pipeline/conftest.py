"""A workspace on disk: database, record log and local log, and what is in them counted independently of our own readers."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable

from collector.fold import Folder
from collector.settings import CollectorSettings
from collector.sink import Sink
from detectors.evaluate import Evaluator
from detectors.settings import DetectorSettings
from kernel.clock import DAY_US, ManualClock, to_rfc3339
from kernel.profile import WindowProfile
from kernel.profile_codec import decode_profile
from store.gpu_settings import GpuTarget
from store.record_reads import RecordReader
from store.record_upkeep import RecordUpkeep
from store.records import RecordLog
from store.registry import Registry
from store.tables import decisions, measurements, profiles, windows
from store.upkeep_settings import UpkeepSettings
from stream.codecs.topics import RecordKind
from stream.message import Message, Partition
from testing.migrated import open_migrated

START_US = 1_362_096_000_000_000  # 2013-03-01
PREDICTIONS = Partition("driftglass.predictions", 0)


@dataclass
class Workspace:
    """Everything a collector needs, under one folder."""

    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(START_US + 400 * DAY_US))
    database: str = ""

    def __post_init__(self) -> None:
        self.db = open_migrated(self.database or f"sqlite:///{self.folder}/state.db")

    def sink(self, kind: type[Sink] = Sink, **chosen: Any) -> Sink:
        """A new process' sink, as after a start."""
        settings = CollectorSettings(**chosen)
        folder = Folder(Registry(self.db, "default", self.clock), settings.max_segments)
        return kind("default", self.db, RecordLog(str(self.folder / "records")), folder, self.clock, settings)

    def evaluator(self, owner: str = "worker", gpus: Sequence[GpuTarget] = (), **settings: Any) -> Evaluator:
        """A detector worker; labels are not debounced, and nothing waits for late records to end."""
        reader = RecordReader(RecordLog(str(self.folder / "records")), "default")
        chosen = DetectorSettings(**{"label_pause_s": 0.0, "late_pause_s": 0.0, **settings})
        return Evaluator(self.db, reader, "default", self.clock, chosen, owner, gpus)

    def upkeep(self, owner: str = "upkeep", **settings: Any) -> RecordUpkeep:
        """A worker of the record log's upkeep; two files make a merge."""
        chosen = UpkeepSettings(**{"files_a_merge": 2, **settings})
        log = RecordLog(str(self.folder / "records"))
        return RecordUpkeep(self.db, log, ["default"], self.clock, chosen, owner)

    def table(self, kind: RecordKind = RecordKind.PREDICTIONS) -> DeltaTable:
        """A handle of its own on a table of the record log."""
        return DeltaTable(self.folder / "records" / "default" / kind.value)

    def measured(self, **wanted: Any) -> list[Any]:
        """The measurements with these properties, in window order."""
        query = sa.select(measurements).where(*(measurements.c[name] == value for name, value in wanted.items()))
        with self.db.read() as connection:
            return list(connection.execute(query.order_by(measurements.c.window_start_us)))

    def decided(self, **wanted: Any) -> list[Any]:
        """The decisions with these properties, in window order."""
        query = sa.select(decisions).where(*(decisions.c[name] == value for name, value in wanted.items()))
        with self.db.read() as connection:
            return list(connection.execute(query.order_by(decisions.c.window_start_us)))

    def record_rows(self, kind: RecordKind = RecordKind.PREDICTIONS) -> list[tuple[Any, ...]]:
        """(model, version, id) of every row in the record log, sorted, read by DuckDB's own Delta-free Parquet reader."""
        table = RecordLog(str(self.folder / "records")).table("default", kind)
        if table is None:
            return []
        columns = "model, version, id" if kind is RecordKind.PREDICTIONS else "model, id, label"
        found = duckdb.execute(f"select {columns} from read_parquet(?)", [table.file_uris()]).fetchall()
        return sorted(found)

    def profile(self) -> WindowProfile:
        """The sum of every profile over all rows."""
        with self.db.read() as connection:
            blobs = connection.scalars(sa.select(profiles.c.blob).where(profiles.c.segment == ""))
            return WindowProfile.merge([decode_profile(blob) for blob in blobs])

    def window_rows(self) -> int:
        """Rows as the windows count them."""
        with self.db.read() as connection:
            return int(connection.scalar(sa.select(sa.func.sum(windows.c.rows)).where(windows.c.size == "1d")) or 0)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = Workspace(tmp_path)
    yield made
    made.db.close()


def _prediction(number: int, **more: Any) -> dict[str, Any]:
    return {
        "model": "flight-delay",
        "version": "1",
        "id": f"id-{number}",
        "ts": to_rfc3339(START_US + number * 60_000_000),
        "features": {"delay": float(number % 7), "carrier": "UA" if number % 3 else "AA", "night": number % 2 == 0},
        "prediction": "late" if number % 4 == 0 else "on_time",
        "scores": {"late": 0.25 + (number % 3) / 10},
    } | more


@pytest.fixture
def prediction() -> Callable[..., dict[str, Any]]:
    """The prediction of a number: the same number, the same record."""
    return _prediction


@pytest.fixture
def messages(workspace: Workspace) -> Callable[..., list[Message]]:
    """Records as messages of one partition, one a message, from an offset on."""

    def make(records: Sequence[Any], first: int = 0, partition: Partition = PREDICTIONS) -> list[Message]:
        values = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
        now_us = workspace.clock.now_us()
        return [Message(partition, first + i, v, "application/json", {}, now_us) for i, v in enumerate(values)]

    return make
