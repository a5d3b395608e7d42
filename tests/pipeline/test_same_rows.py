"""The same stream, whichever way it comes, leaves the same state.

The promise: let every model's grids be fixed beforehand, as a reference fixes them. Then what is stored is a function of the
records that were sent, whatever the log, however many collectors share it, in whichever order the records come and how often each
is sent (within the horizon, to its own bucket): the same rows in the record log by identity and content; summed over source
partitions the same profiles, every whole number and every sum of exact weights to the last count, means and squares up to
rounding; the same rows in every window; the same largest ts. Without fixed grids the first flush fits them, so the cells of
numeric columns, and they alone, depend on which records come first.
"""

import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import SystemClock
from kernel.settings import KafkaSettings, LocalLogSettings, LogSettings
from kernel.windows import WindowSize
from store import models
from store.database import Database
from store.registry import Registry
from stream.codecs.topics import RecordKind
from stream.open import ensure_topics, open_appender
from testing.collector_counts import WindowCounts, assert_same
from testing.collector_group import Member, running
from testing.collector_storage import Storage
from testing.flight_stream import as_messages, flat_table, in_disorder, records
from testing.migrated import open_migrated
from testing.waiting import wait_until

COUNT = 20_000
STREAM = records(COUNT)
SHAPES = {
    "delay": models.Model("delay", window=WindowSize("1h"), rollups=(WindowSize("1d"),), segments=("carrier", "night")),
    "fare": models.Model("fare", window=WindowSize("1h")),
    "seats": models.Model("seats", window=WindowSize("1d")),
}
PATIENCE_S = 180.0


@dataclass(frozen=True)
class State:
    """What a run has left."""

    rows: list[Any]
    profiles: dict[Any, WindowCounts]
    windows: dict[Any, Any]
    reached_us: dict[str, int]
    doubled: int
    shares: list[int]  # of the collectors, in records


def _prepared(url: str) -> Database:
    """A database in which every model has a reference's grids."""
    db = open_migrated(url)
    registry = Registry(db, "default", SystemClock())
    for name, shape in SHAPES.items():
        models.declare(db, "default", shape, 0)
        registry.refresh([name])
        registry.specs(name, flat_table([r for r in records(3_000, seed=7) if r["model"] == name]), provisional=False)
    return db


def _local(folder: Path) -> LogSettings:
    topic = f"test.{RecordKind.PREDICTIONS}"
    return LogSettings(kind="local", local=LocalLogSettings(path=folder / "log.db"), topics={topic: "default"})


def _kafka(servers: str) -> LogSettings:
    name = f"test-{uuid.uuid4().hex}"
    served = KafkaSettings(bootstrap=servers, group=name, partitions=4, session_timeout_ms=10_000)
    settings = LogSettings(kind="kafka", kafka=served, topics={f"{name}.{RecordKind.PREDICTIONS}": "default"})
    ensure_topics(settings, list(settings.topics))
    return settings


def _collect(stream: list[Any], settings: LogSettings, url: str, folder: Path, joining: int = 0) -> State:
    """Send the stream and collect it; after half of it so many collectors join."""
    db, (topic,) = _prepared(url), settings.topics
    storage = Storage(folder / "records", db)
    batches = list(as_messages(stream))
    members = [Member(db, folder / "records", settings) for _ in range(1 + joining)]
    appender = open_appender(settings)

    def send(some: list[Any]) -> None:
        for batch in some:
            appender.append(topic, batch, PATIENCE_S)

    def come_to(messages: int) -> None:
        wait_until(lambda: storage.messages_counted() >= messages, PATIENCE_S, f"{messages} messages")

    half = len(batches) // 2
    with running(members[0]):
        send(batches[:half])
        come_to(sum(map(len, batches[: half // 2])))
        with running(*members[1:]):
            wait_until(
                lambda: all(m.collector.totals.recoveries for m in members), PATIENCE_S, "a share of the partitions"
            )
            send(batches[half:])
            come_to(sum(map(len, batches)))
    appender.close()
    try:
        reached: Counter[str] = Counter()
        for (model, _), ts_us in storage.watermarks().items():
            reached[model] = max(reached[model], ts_us)
        rows = sorted((row[3:] for row in storage.log_rows(RecordKind.PREDICTIONS)), key=lambda row: row[:3])
        totals = [member.collector.totals for member in members]
        return State(
            rows,
            storage.merged_profiles(storage.known()),
            storage.windows(),
            dict(reached),
            sum(t.doubled for t in totals),
            [t.accepted for t in totals],
        )
    finally:
        db.close()


def _assert_same(found: State, expected: State) -> None:
    assert found.rows == expected.rows
    assert_same(found.profiles, expected.profiles)
    assert (found.windows, found.reached_us) == (expected.windows, expected.reached_us)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> State:
    """One collector behind the local log, on SQLite."""
    folder = tmp_path_factory.mktemp("plain")
    return _collect(STREAM, _local(folder), f"sqlite:///{folder}/state.db", folder)


def test_every_record_of_the_stream_is_there(plain: State) -> None:
    assert [(model, version, id_) for model, version, id_, *_ in plain.rows] == sorted(
        (r["model"], r["version"], r["id"]) for r in STREAM
    )
    assert sum(w.rows for place, w in plain.profiles.items() if place.segment == "") == COUNT
    by_carrier: Counter[str] = Counter()
    for place, window in plain.profiles.items():
        by_carrier.update(window.columns["feature.carrier"].cells if place.segment == "" else {})
    assert by_carrier == Counter(r["feature.carrier"] for r in STREAM if "feature.carrier" in r)


def test_a_stream_in_disorder_and_partly_sent_twice_gives_the_same(plain: State, tmp_path: Path) -> None:
    found = _collect(in_disorder(STREAM), _local(tmp_path), f"sqlite:///{tmp_path}/state.db", tmp_path)
    _assert_same(found, plain)
    assert found.doubled == COUNT // 100


def test_kafka_gives_the_same_as_the_local_log(plain: State, kafka: str, tmp_path: Path) -> None:
    _assert_same(_collect(STREAM, _kafka(kafka), f"sqlite:///{tmp_path}/state.db", tmp_path), plain)


def test_two_collectors_on_postgresql_give_the_same_as_one_on_sqlite(
    plain: State, kafka: str, postgres_url: str, tmp_path: Path
) -> None:
    """The second joins midway, so that partitions change hands; the stream is in disorder and partly sent twice as well."""
    found = _collect(in_disorder(STREAM, seed=2), _kafka(kafka), postgres_url, tmp_path, joining=1)
    _assert_same(found, plain)
    assert min(found.shares) > 0
