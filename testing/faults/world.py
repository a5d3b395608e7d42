"""The world of a fault scenario: three brokers, a database, a folder, collectors, traffic; and the verdict at its end."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa
from kafka import KafkaConsumer, TopicPartition

from kernel.settings import KafkaSettings, LogSettings
from store.database import Database
from store.migrate import migrate
from stream.codecs.topics import RecordKind, topic_of
from stream.kafka_offsets import list_offsets
from stream.open import ensure_topics
from testing.faults.collectors import Collectors
from testing.faults.count import View, views
from testing.faults.load import Load
from testing.kafka_cluster import KafkaCluster
from testing.tcp_proxy import TcpProxy
from testing.waiting import wait_until

PARTITIONS = 4
SESSION_MS = 4_000
_CAUGHT_UP_S = 240.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of everything that was sent.

    Attributes:
        faults: injected.
        sent: records that the log had acknowledged, predictions and labels, each once.
        lost, doubled: records, where most are missing or too many.
        caught_up_s: from the end of the traffic until nothing was left to read.
    """

    faults: int
    sent: int
    lost: int
    doubled: int
    caught_up_s: float
    details: tuple[str, ...] = ()


@dataclass(slots=True)
class World:
    """Everything of one scenario; nothing in it is shared with another but the brokers.

    Attributes:
        database_url: past the proxy, for those who look from outside.
        database_proxy: what the collectors go through.
        environment: the settings of the collectors, as variables; more may be added before the first is started.
        faults: how many were injected; the scenario counts them with `fault`.
    """

    cluster: KafkaCluster
    workspace: str
    folder: Path
    database_url: str
    database_proxy: TcpProxy
    environment: dict[str, str]
    seed: int
    faults: int = 0
    collectors: Collectors = field(init=False)
    verdict_given: Verdict | None = None
    _database: sa.Engine = field(init=False)

    def __post_init__(self) -> None:
        self.collectors = Collectors(self.environment, self.folder)
        # Connections are kept, as a new one costs more than a look, and tried first, as scenarios end them.
        self._database = sa.create_engine(self.database_url, pool_pre_ping=True)

    def close(self) -> None:
        """End what runs."""
        self.collectors.close()
        self._database.dispose()

    @property
    def log(self) -> LogSettings:
        """The log, as a client sees it."""
        return LogSettings(kind="kafka", kafka=KafkaSettings(bootstrap=self.cluster.bootstrap_servers))

    @property
    def records(self) -> Path:
        """Where the record log is."""
        return self.folder / "records"

    def topic(self, kind: RecordKind) -> str:
        """The topic of a kind of record."""
        return topic_of(kind, self.workspace)

    def fault(self, do: Callable[[], object]) -> None:
        """Inject a fault, and count it."""
        do()
        self.faults += 1

    @contextmanager
    def during(self, fault: AbstractContextManager[None]) -> Iterator[None]:
        """Inject a fault that lasts as long as the block, and count it."""
        with fault:
            self.faults += 1
            yield

    @contextmanager
    def load(self, rows_a_second: float = 600.0) -> Iterator[Load]:
        """Traffic while the block lasts; at its end all that was begun is acknowledged."""
        load = Load(self.log, self.workspace, self.seed, rows_a_second)
        load.start()
        try:
            yield load
        finally:
            load.finish()

    def committed(self) -> dict[tuple[str, int], int]:
        """The offset of every partition as the database has it."""
        query = sa.text('select topic, "partition", next_offset from offsets where workspace = :w')
        with self._database.connect() as connection:
            found = connection.execute(query, {"w": self.workspace}).all()
        return {(topic, partition): offset for topic, partition, offset in found}

    def wait_for_commits(self, more: int = 1, timeout_s: float = _CAUGHT_UP_S) -> None:
        """Return once the offsets have moved by this many messages; every collector must live meanwhile."""
        goal = sum(self.committed().values()) + more
        self._wait(lambda: sum(self.committed().values()) >= goal, timeout_s, f"{more} more messages committed")

    def verdict(self, load: Load, fetch: Callable[[], object] = lambda: None) -> Verdict:
        """Wait until nothing is left to read, with no hand lent, then count everything.

        Args:
            fetch: brings the record log to `records`, where it is elsewhere.

        Raises:
            AssertionError: a collector ended by itself, or something was still left to read after minutes.
        """
        sent, began = load.finish(), time.monotonic()
        with closing(KafkaConsumer(bootstrap_servers=self.cluster.direct_servers)) as log:
            self._wait(lambda: self._is_caught_up(log), _CAUGHT_UP_S, f"no lag in {self.workspace}")
        caught_up_s = time.monotonic() - began
        fetch()
        found = views(self.database_url, self.workspace, self.records, sent)
        self.verdict_given = _verdict(self.faults, len(sent.predictions) + len(sent.labels), found, caught_up_s)
        return self.verdict_given

    def _wait(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait with every collector alive; in vain, and the error says what each of their threads was doing."""
        try:
            wait_until(lambda: self.collectors.require_alive() and condition(), timeout_s, what, every_s=_LOOK_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.collectors.autopsy()}") from error

    def _is_caught_up(self, log: KafkaConsumer) -> bool:
        """Whether everything in the log is committed, as a consumer that reads nothing sees it."""
        places = [
            TopicPartition(topic, partition)
            for topic in (self.topic(kind) for kind in RecordKind)
            for partition in log.partitions_for_topic(topic) or ()
        ]
        ends, committed = list_offsets(log, log.end_offsets, places), self.committed()
        return all(committed.get((place.topic, place.partition), 0) == end for place, end in ends.items())


@contextmanager
def a_world(cluster: KafkaCluster, database_url: str, folder: Path, workspace: str, seed: int) -> Iterator[World]:
    """A new world around a new, empty database; at the end its collectors are killed."""
    db = Database(database_url)
    migrate(db)
    db.close()
    where = urlsplit(database_url)
    with TcpProxy(where.port or 5432, where.hostname or "127.0.0.1") as proxy:
        user, _, _ = where.netloc.rpartition("@")
        proxied = where._replace(netloc=f"{user}@127.0.0.1:{proxy.port}").geturl()
        environment = _environment(cluster, proxied, folder / "records", workspace)
        world = World(cluster, workspace, folder, database_url, proxy, environment, seed)
        ensure_topics(_of_partitions(world.log), [world.topic(kind) for kind in RecordKind])
        try:
            yield world
        finally:
            world.close()


def _environment(cluster: KafkaCluster, database_url: str, records: Path, workspace: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGLASS_")}
    settings = {
        "WORKSPACE": workspace,
        "LOG__KIND": "kafka",
        "LOG__KAFKA__BOOTSTRAP": cluster.bootstrap_servers,
        "LOG__KAFKA__GROUP": workspace,
        "LOG__KAFKA__PARTITIONS": str(PARTITIONS),
        "LOG__KAFKA__SESSION_TIMEOUT_MS": str(SESSION_MS),
        "STORE__DATABASE": database_url,
        "STORE__RECORDS": str(records),
        "COLLECTOR__FLUSH_INTERVAL_S": "0.3",
        "COLLECTOR__THREADS": "1",
    }
    return clean | {f"DRIFTGLASS_{name}": value for name, value in settings.items()}


def _of_partitions(log: LogSettings) -> LogSettings:
    return log.model_copy(update={"kafka": log.kafka.model_copy(update={"partitions": PARTITIONS})})


def _verdict(faults: int, sent: int, found: list[View], caught_up_s: float) -> Verdict:
    return Verdict(
        faults,
        sent,
        max(view.lost for view in found),
        max(view.doubled for view in found),
        caught_up_s,
        tuple(text for view in found if (text := view.difference())),
    )
