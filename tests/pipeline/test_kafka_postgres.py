"""The same path at scale: Apache Kafka, a group of two collectors, PostgreSQL; counted to the last record."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from kernel.profile import WindowProfile
from kernel.profile_codec import decode_profile
from kernel.settings import KafkaSettings, LogSettings
from store import dead_letters
from store.database import Database
from store.migrate import check, migrate
from store.records import RecordLog
from store.tables import offsets, profiles, windows
from stream.codecs.topics import RecordKind
from stream.message import Outgoing
from stream.open import open_appender
from testing.collector_group import Member, running
from testing.kafka_broker import admin_client, create_topic

PARTITIONS = 4


@pytest.fixture(params=["kafka-python", "confluent"])
def settings(request: pytest.FixtureRequest, kafka: str) -> LogSettings:
    name = f"test-{uuid.uuid4().hex}"
    admin = admin_client(kafka)
    for kind in RecordKind:
        create_topic(admin, f"{name}.{kind}", PARTITIONS)
    admin.close()
    topics = {f"{name}.{kind}": "default" for kind in RecordKind}
    served = KafkaSettings(bootstrap=kafka, client=request.param, group=name, session_timeout_ms=6_000)
    return LogSettings(kind="kafka", kafka=served, topics=topics)


@pytest.fixture
def db(postgres_url: str) -> Iterator[Database]:
    made = Database(postgres_url)
    migrate(made)
    check(made)
    yield made
    made.close()


def test_two_collectors_in_a_group_count_every_record_once(db, tmp_path, settings, prediction, wait_until) -> None:
    (topic,) = [t for t in settings.topics if t.endswith("predictions")]
    records = [prediction(n) for n in range(3_000)]
    sent = [*records, *records[::50]]  # some twice, to the same bucket
    appender = open_appender(settings)

    def send(some) -> None:
        batch = [Outgoing(json.dumps(r).encode(), bucket=int(r["id"][3:]) % 8) for r in some]
        appender.append(topic, [*batch, Outgoing(b"{}", bucket=0)], 30)

    first, second = Member(db, tmp_path, settings), Member(db, tmp_path, settings)

    def rows() -> int:
        with db.read() as connection:
            query = sa.select(sa.func.coalesce(sa.func.sum(windows.c.rows), 0)).where(windows.c.size == "1d")
            return int(connection.scalar(query))

    send(sent[:1_000])
    with running(first):
        wait_until(lambda: rows() >= 1_000, what="the first collector")
        with running(second):  # joins: the partitions are shared anew
            for start in range(1_000, len(sent), 500):
                send(sent[start : start + 500])
            wait_until(lambda: first.collector.totals.doubled + second.collector.totals.doubled >= 60, timeout_s=60)
        wait_until(lambda: rows() >= 3_000, timeout_s=60, what="all records")
    appender.close()

    with db.read() as connection:
        parts = [decode_profile(blob) for blob in connection.scalars(sa.select(profiles.c.blob))]
        ends = connection.execute(
            sa.select(offsets.c.topic, sa.func.sum(offsets.c.next_offset)).group_by(offsets.c.topic)
        ).all()
    whole = WindowProfile.merge(parts)
    assert whole.rows == rows() == 3_000
    by_carrier = Counter(r["features"]["carrier"] for r in records)
    assert sorted(whole.columns["feature.carrier"].cells.rows.tolist()) == sorted(by_carrier.values())
    table = RecordLog(str(tmp_path)).table("default", RecordKind.PREDICTIONS)
    assert table.count() == 3_000
    batches = 1 + len(range(1_000, len(sent), 500))
    assert dead_letters.count(db, "default") == batches
    assert dict(ends)[topic] == len(sent) + batches
