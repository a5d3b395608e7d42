"""The sink of a collector over a new SQLite database and a record log in one folder, as the ingestion workloads measure it."""

from pathlib import Path

from collector.fold import Folder
from collector.settings import CollectorSettings
from collector.sink import Sink
from kernel.clock import SystemClock
from store.database import Database
from store.migrate import migrate
from store.records import RecordLog
from store.registry import Registry


def new_database(folder: Path) -> Database:
    """A migrated database in the folder."""
    db = Database(f"sqlite:///{folder}/state.db")
    migrate(db)
    return db


def sink_over(db: Database, folder: Path) -> Sink:
    """A sink with the default settings; no partition is recovered yet."""
    settings, clock = CollectorSettings(), SystemClock()
    fold = Folder(Registry(db, "default", clock), settings.max_segments)
    return Sink("default", db, RecordLog(str(folder / "records")), fold, clock, settings)
