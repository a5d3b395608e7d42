"""A collector over a local log, SQLite and Delta tables in one folder; it can be killed, or be replaced without knowing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.fold import Folder
from collector.run import Collector
from collector.settings import CollectorSettings
from collector.sink import Sink
from kernel.clock import ManualClock
from kernel.settings import LocalLogSettings
from store.registry import Registry
from stream.codecs.topics import RecordKind, topic_of
from stream.local_source import LocalSource
from stream.message import POLL_BYTES, Message, Partition
from testing.collector_faults import Faults, FaultyDatabase, FaultyRecordLog

PARTITIONS = 2
TOPICS = [topic_of(kind) for kind in RecordKind]
ALL = [Partition(topic, number) for topic in TOPICS for number in range(PARTITIONS)]


def log_settings(folder: Path) -> LocalLogSettings:
    """The local log in a folder."""
    return LocalLogSettings(path=folder / "log.db", partitions=PARTITIONS)


class Reader(LocalSource):
    """Reads without waiting, and only so much at a time."""

    bytes_a_poll = POLL_BYTES

    def poll(self, timeout_s: float, max_bytes: int = POLL_BYTES) -> dict[Partition, list[Message]]:  # noqa: ARG002
        """What there is now."""
        return super().poll(0.0, self.bytes_a_poll)


@dataclass
class Ear:
    """Hears of assignments for a collector, until its process is gone."""

    collector: Collector
    is_deaf: bool = False

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Tell the collector."""
        self.collector.on_assigned(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Tell it, unless its process is gone."""
        if not self.is_deaf:
            self.collector.on_revoked(partitions)


class Process:
    """One collector, from its start to its end, however that comes."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.faults = Faults()
        self.db = FaultyDatabase(f"sqlite:///{folder}/state.db", self.faults)
        chosen = CollectorSettings()
        folding = Folder(Registry(self.db, "default", clock), chosen.max_segments)
        log = FaultyRecordLog(str(folder / "records"), self.faults)
        self.sink = Sink("default", self.db, log, folding, clock, chosen)
        self._log = log_settings(folder)
        self.collector = Collector(dict.fromkeys(TOPICS, self.sink), self._open, clock, chosen)

    def _open(self, collector: Collector) -> Reader:
        self._ear = Ear(collector)
        self.reader = Reader(self._log, TOPICS, self._ear)
        return self.reader

    def let_go_of_the_log(self) -> None:
        """The system takes the log back; the collector does not learn of it."""
        self._ear.is_deaf = True
        self.reader.close()

    def kill(self) -> None:
        """What SIGKILL leaves: nothing of what was in memory."""
        self.let_go_of_the_log()
        self.db.close()
