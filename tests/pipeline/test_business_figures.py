"""Figures of the business by the log: each kept once, the last of a moment, and what is none of them a dead letter."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from driftglass_client.wire import CONTENT_ARROW, CONTENT_NDJSON
from kernel.clock import DAY_US, HOUR_US, to_rfc3339
from kernel.errors import FencedError
from kernel.settings import KafkaSettings, LogSettings
from store import business, dead_letters
from store.commit import next_offsets
from store.database import Database
from stream.message import Message, Outgoing, Partition
from stream.open import open_appender
from testing.collector_group import Member, running
from testing.kafka_broker import admin_client, create_topic

BUSINESS = Partition("driftglass.business", 0)
FIRST_US = 1_362_096_000_000_000  # 2013-03-01


def figure(day: int, value: Any, name: Any = "revenue", model: str = "flight-delay") -> dict[str, Any]:
    return {"model": model, "name": name, "ts": to_rfc3339(FIRST_US + day * DAY_US), "value": value}


def kept(db: Database, name: str = "revenue", model: str = "flight-delay") -> dict[int, float]:
    """By the day."""
    found = business.figures(db, "default", model, name, 0)
    days = [(us - FIRST_US) // DAY_US for us in found["ts_us"].to_pylist()]
    return dict(zip(days, found["value"].to_pylist(), strict=True))


@pytest.fixture
def flushed(workspace) -> Callable[..., Any]:
    """Brings messages of one partition in, by a collector that has just started."""

    def flush(sent: list[Message]) -> Any:
        sink = workspace.sink()
        sink.recover([BUSINESS])
        sink.take({BUSINESS: sent})
        return sink.flush()

    return flush


def test_figures_of_several_series_and_models_are_kept_by_their_moment(workspace, messages, flushed) -> None:
    sent = [figure(1, 8_200), figure(0, 8_000.5), figure(0, 310, "handling time"), figure(0, 7, model="other")]
    assert flushed(messages([sent[0], sent[1:]], partition=BUSINESS)).accepted == 4
    assert kept(workspace.db) == {0: 8_000.5, 1: 8_200}
    assert kept(workspace.db, "handling time") == {0: 310}
    assert kept(workspace.db, model="other") == {0: 7}


def test_what_is_sent_again_is_one_figure_and_the_last_in_the_log_counts(workspace, messages, flushed) -> None:
    flushed(messages([figure(0, 1), figure(0, 1), figure(1, 5), figure(1, 6)], partition=BUSINESS))
    assert kept(workspace.db) == {0: 1, 1: 6}
    flushed(messages([[figure(0, 3), figure(0, 2)], figure(2, 9)], first=4, partition=BUSINESS))
    assert kept(workspace.db) == {0: 2, 1: 6, 2: 9}


def test_a_correction_in_json_after_arrow_counts_though_json_is_decoded_first(workspace, messages, flushed) -> None:
    table = pa.table({"name": ["revenue"], "ts": [to_rfc3339(FIRST_US)], "value": [2]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    now_us = workspace.clock.now_us()
    arrow = [Message(BUSINESS, at, body, CONTENT_ARROW, {"model": "flight-delay"}, now_us) for at in (1, 3)]
    before, between = messages([figure(0, 1), b"", figure(0, 3)], partition=BUSINESS)[::2]
    flushed([before, arrow[0], between])
    assert kept(workspace.db) == {0: 3}
    flushed([arrow[1]])
    assert kept(workspace.db) == {0: 2}


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"name": ""}, "name", "1 to 100 characters"),
        ({"name": "x" * 101}, "name", "1 to 100 characters"),
        ({"name": None}, "name", "is missing"),
        ({"name": 7}, "name", "must be a text"),
        ({"value": None}, "value", "is missing"),
        ({"value": "much"}, "value", "must be a number"),
        ({"value": 10**400}, "value", "number"),
        ({"ts": None}, "ts", "is missing"),
        ({"ts": "yesterday"}, "ts", "RFC 3339"),
        ({"ts": "2100-01-01T00:00:00Z"}, "ts", "ahead"),
        ({"model": None}, "model", "1 to 255"),
    ],
)
@pytest.mark.parametrize("good", [1, 20], ids=["one by one", "in columns"])
def test_a_figure_that_is_none_is_a_dead_letter_that_says_why_and_the_others_are_kept(
    workspace, messages, flushed, change, field, reason, good
) -> None:
    bad = {name: value for name, value in (figure(50, 1) | change).items() if value is not None}
    done = flushed(messages([*(figure(day, day) for day in range(good)), bad], partition=BUSINESS))
    assert (done.accepted, done.refused) == (good, 1)
    (letter,) = dead_letters.listing(workspace.db, "default", 10)
    assert (letter.offset, letter.field) == (good, field)
    assert reason in letter.reason
    assert kept(workspace.db) == {day: day for day in range(good)}


def test_names_that_are_not_listed_are_ignored_whatever_they_hold(workspace, messages, flushed) -> None:
    more = {"id": "x" * 300, "label": [1], "features": "none", "currency": "EUR"}
    for good in (1, 20):
        assert flushed(messages([figure(d, 1) | more for d in range(good)], good - 1, BUSINESS)).refused == 0


def test_whoever_was_replaced_writes_no_figure(workspace, messages) -> None:
    batch = messages([figure(0, 1), figure(0, 2)], partition=BUSINESS)
    replaced, owner = workspace.sink(), workspace.sink()
    for sink in (replaced, owner):
        sink.recover([BUSINESS])
    owner.take({BUSINESS: batch})
    owner.flush()
    replaced.take({BUSINESS: batch[:1]})
    with pytest.raises(FencedError):
        replaced.flush()
    assert kept(workspace.db) == {0: 2}


def test_over_kafka_to_postgresql_every_figure_is_kept_once_and_the_last_counts(
    kafka, migrated_postgres_url, tmp_path, wait_until
) -> None:
    topic = f"test-{uuid.uuid4().hex}.business"
    admin = admin_client(kafka)
    create_topic(admin, topic, 2)
    admin.close()
    served = KafkaSettings(bootstrap=kafka, group=topic)
    settings = LogSettings(kind="kafka", kafka=served, topics={topic: "default"})
    db = Database(migrated_postgres_url)
    hours = [figure(0, n) | {"ts": to_rfc3339(FIRST_US + n * HOUR_US)} for n in range(48)]
    corrected = [one | {"value": -one["value"]} for one in hours[::2]]
    lines = [b"\n".join(json.dumps(one).encode() for one in some) for some in (hours, hours, corrected)]
    appender = open_appender(settings)
    appender.append(topic, [Outgoing(some, CONTENT_NDJSON, bucket=1) for some in lines], 30)
    appender.append(topic, [Outgoing(b'{"model": "flight-delay"}', bucket=0)], 30)
    appender.close()
    places = [Partition(topic, n) for n in range(2)]
    with running(Member(db, tmp_path, settings)):
        wait_until(lambda: sum(next_offsets(db, "default", places).values()) == 4, timeout_s=60, what="all messages")
    found = business.figures(db, "default", "flight-delay", "revenue", 0)
    (letter,) = dead_letters.listing(db, "default", 10)
    db.close()
    assert found["value"].to_pylist() == [n if n % 2 else -n for n in range(48)]
    assert (letter.field, letter.reason) == ("ts", "is missing")
