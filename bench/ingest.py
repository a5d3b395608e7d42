"""What the ingestion workloads share: the log that is read, and a source that says when reading began and ended."""

import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from bench.size import sized
from kernel.settings import KafkaSettings, LocalLogSettings, LogSettings
from stream.message import POLL_BYTES, Assignment, Message, Outgoing, Partition, Source
from stream.open import open_source

PARTITION = Partition("driftglass.predictions", 0)
WARM_PARTITION = Partition("driftglass.predictions", 7)  # not in the log: what is warmed up is not read again
WARM_RECORDS = sized(10_000, 2_000)
PARTITIONS = 8  # of the log that several processes share; the others have one
FLUSH_BYTES = 64 << 20
KAFKA_PYTHON, CONFLUENT = "kafka-python", "confluent"


def log_of(where: str, client: str = KAFKA_PYTHON, partitions: int = 1) -> LogSettings:
    """The log at "kafka:BOOTSTRAP", of so many partitions, read by this client; or the local one in this folder."""
    if where.startswith("kafka:"):
        group, bootstrap = f"bench-{uuid.uuid4().hex}", where.removeprefix("kafka:")
        return LogSettings(
            kind="kafka", kafka=KafkaSettings(bootstrap=bootstrap, client=client, group=group, partitions=partitions)
        )
    return LogSettings(kind="local", local=LocalLogSettings(path=Path(where) / "log.db"))


def own_log(where: str, folder: Path, reader: str) -> LogSettings:
    """The same log for one reader alone: "local", whose log is copied because its reader trims it, or a client of Kafka."""
    if reader != "local":
        return log_of(where, reader)
    shutil.copytree(where, folder / "log")
    return log_of(str(folder / "log"))


def warm_messages(outgoing: Sequence[Outgoing]) -> list[Message]:
    """Messages of a partition that is not in the log."""
    now_us = time.time_ns() // 1_000
    return [Message(WARM_PARTITION, i, m.value, m.content_type, m.headers, now_us) for i, m in enumerate(outgoing)]


class TimedSource:
    """A source whose clock runs from the assignment of its partitions to its closing, that is: to the last commit.

    Args:
        messages: how many the log holds.
    """

    def __init__(self, settings: LogSettings, listener: Assignment, messages: int) -> None:
        self._listener = listener
        self._left = messages
        self.began_s = self.ended_s = self.cpu_began_s = self.cpu_ended_s = 0.0
        self._source: Source = open_source(settings, [PARTITION.topic], self)

    @property
    def drained(self) -> bool:
        """Whether every message was delivered."""
        return self._left <= 0

    def figures(self, records: int) -> dict[str, float]:
        """The rate and its CPU time."""
        seconds = self.ended_s - self.began_s
        return {
            "seconds": seconds,
            "cpu_seconds": self.cpu_ended_s - self.cpu_began_s,
            "records_per_s": records / seconds,
        }

    def poll(self, timeout_s: float, max_bytes: int = POLL_BYTES) -> dict[Partition, list[Message]]:
        found = self._source.poll(timeout_s, max_bytes)
        self._left -= sum(len(messages) for messages in found.values())
        return found

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        self.began_s, self.cpu_began_s = time.perf_counter(), time.process_time()
        self._listener.on_assigned(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        self._listener.on_revoked(partitions)

    def seek(self, partition: Partition, offset: int) -> None:
        self._source.seek(partition, offset)

    def pause(self, partitions: Sequence[Partition]) -> None:
        self._source.pause(partitions)

    def resume(self, partitions: Sequence[Partition]) -> None:
        self._source.resume(partitions)

    def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        return self._source.ends(partitions)

    def trim(self, partition: Partition, before_offset: int) -> None:
        self._source.trim(partition, before_offset)

    def close(self) -> None:
        self.ended_s, self.cpu_ended_s = time.perf_counter(), time.process_time()
        self._source.close()
