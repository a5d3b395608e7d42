"""One conformance suite runs over both logs: `log` is the local one, then Kafka, read by either client."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest

from kernel.settings import KafkaSettings, LocalLogSettings, LogSettings
from stream.kafka_client import ensure_topics
from stream.message import POLL_BYTES, Appender, Message, Partition, Source
from stream.open import open_appender, open_source
from testing.kafka_broker import EXTERNAL, kafka_bootstrap_servers
from testing.missing import ServiceMissingError

PARTITIONS = 4
CLIENTS = get_args(KafkaSettings.model_fields["client"].annotation)
PATIENCE_S = 30.0


@dataclass
class Listener:
    """Seeks what it is assigned to `starts`, and writes down what it hears."""

    starts: dict[Partition, int] = field(default_factory=dict)
    heard: list[tuple[str, Partition]] = field(default_factory=list)
    source: Source | None = None
    fail_once: Exception | None = None

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        self.heard += [("assigned", p) for p in partitions]
        self._fail()
        assert self.source is not None
        for partition in partitions:
            if partition in self.starts:
                self.source.seek(partition, self.starts[partition])

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        self.heard += [("revoked", p) for p in partitions]
        self._fail()

    def _fail(self) -> None:
        if self.fail_once is not None:
            error, self.fail_once = self.fail_once, None
            raise error

    @property
    def held(self) -> set[Partition]:
        held: set[Partition] = set()
        for event, partition in self.heard:
            (held.add if event == "assigned" else held.discard)(partition)
        return held


@dataclass
class Log:
    """A log with one topic, and whatever of it a test has opened."""

    settings: LogSettings
    topic: str
    opened: list[Source | Appender] = field(default_factory=list)

    @property
    def all(self) -> list[Partition]:
        return [Partition(self.topic, number) for number in range(PARTITIONS)]

    def appender(self) -> Appender:
        appender = open_appender(self.settings)
        self.opened.append(appender)
        return appender

    def source(self, listener: Listener | None = None) -> Source:
        listener = listener or Listener()
        listener.source = source = open_source(self.settings, [self.topic], listener)
        self.opened.append(source)
        return source

    def read(self, source: Source, count: int, max_bytes: int = POLL_BYTES) -> dict[Partition, list[Message]]:
        """Poll until so many messages have come."""
        read: dict[Partition, list[Message]] = {}
        deadline = time.monotonic() + PATIENCE_S
        while sum(map(len, read.values())) < count:
            assert time.monotonic() < deadline, f"{sum(map(len, read.values()))} of {count} messages came"
            for partition, messages in source.poll(1.0, max_bytes).items():
                read.setdefault(partition, []).extend(messages)
        return read

    def close(self) -> None:
        for thing in reversed(self.opened):
            thing.close()


def local_settings(path: Path, max_bytes: int = 1 << 30) -> LogSettings:
    return LogSettings(kind="local", local=LocalLogSettings(path=path, partitions=PARTITIONS, max_bytes=max_bytes))


@pytest.fixture
def listener() -> Callable[..., Listener]:
    return Listener


@pytest.fixture
def local_log(tmp_path: Path) -> Iterator[Log]:
    log = Log(local_settings(tmp_path / "log" / "log.db"), "test.predictions")
    yield log
    log.close()


@pytest.fixture
def small_local_log(tmp_path: Path) -> Iterator[Log]:
    """Holds 1 MiB."""
    log = Log(local_settings(tmp_path / "small.db", max_bytes=1 << 20), "test.predictions")
    yield log
    log.close()


@pytest.fixture
def mortal_kafka(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """The bootstrap servers of a broker of this test's own, and what kills it."""
    monkeypatch.delenv(EXTERNAL, raising=False)
    with ExitStack() as stack:
        try:
            servers = stack.enter_context(kafka_bootstrap_servers(tmp_path))
        except ServiceMissingError as error:
            pytest.skip(str(error))
        yield servers, stack.close


@pytest.fixture
def make_kafka_log(kafka: str) -> Iterator[Callable[[str], Log]]:
    """Makes a log with a topic of its own, read by this client."""
    made: list[Log] = []

    def make(client: str) -> Log:
        topic = f"test.{uuid.uuid4().hex}.predictions"
        settings = KafkaSettings(bootstrap=kafka, client=client, group=topic, session_timeout_ms=2_000)
        ensure_topics(settings, [topic], PARTITIONS)
        made.append(Log(LogSettings(kind="kafka", kafka=settings), topic))
        return made[-1]

    yield make
    for log in made:
        log.close()


@pytest.fixture(params=CLIENTS)
def kafka_log(request: pytest.FixtureRequest, make_kafka_log: Callable[[str], Log]) -> Log:
    return make_kafka_log(request.param)


@pytest.fixture(params=["local", *(pytest.param(client, marks=pytest.mark.kafka) for client in CLIENTS)])
def log(request: pytest.FixtureRequest) -> Log:
    if request.param == "local":
        local: Log = request.getfixturevalue("local_log")
        return local
    built: Log = request.getfixturevalue("make_kafka_log")(request.param)
    return built
