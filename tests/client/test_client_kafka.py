"""The Kafka transport against a real broker."""

import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from driftglass_client import Client, ClientSettings, KafkaTransport, wire
from driftglass_client.errors import UnavailableError
from driftglass_client.transport import Message

PARTITIONS = 3


@pytest.fixture
def topics(kafka: str) -> Iterator[str]:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    present = set(admin.list_topics())
    kinds, workspaces = (wire.PREDICTIONS_TOPIC, wire.LABELS_TOPIC), (wire.DEFAULT_WORKSPACE, "team")
    wanted = {wire.topic_in(kind, workspace) for kind in kinds for workspace in workspaces} - present
    if wanted:
        admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in sorted(wanted)])
    yield kafka
    admin.close()


def read_all(kafka: str, topic: str, model: str) -> list[Any]:
    """Every message of one model, by partition and offset, up to the end of the topic as it is now."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    parts = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    ends = consumer.end_offsets(parts)
    found = []
    while any(consumer.position(part) < ends[part] for part in parts):
        for records in consumer.poll(timeout_ms=1_000).values():
            found.extend(records)
    consumer.close()
    return [record for record in found if dict(record.headers)[wire.HEADER_MODEL] == model.encode()]


def rows_of(record: Any) -> list[dict[str, Any]]:
    if dict(record.headers)[wire.HEADER_CONTENT_TYPE] == wire.CONTENT_ARROW.encode():
        return pa.ipc.open_stream(record.value).read_all().to_pylist()
    return [json.loads(line) for line in record.value.splitlines()]


@pytest.mark.kafka
def test_a_prediction_and_its_label_meet_in_one_partition(topics: str) -> None:
    model = f"client-{uuid.uuid4().hex}"
    client = Client(model, "1", kafka=topics, settings=ClientSettings(workspace="team"))
    made = [client.log_prediction({"x": float(i)}, "late") for i in range(500)]
    for id_ in made:
        client.log_label(id_, "late")
    assert client.flush(60)
    assert client.stats()["sent"] == 1_000
    client.close()
    places = []
    for topic in ("driftglass.team.predictions", "driftglass.team.labels"):
        records = read_all(topics, topic, model)
        assert all(dict(record.headers)[wire.HEADER_WORKSPACE] == b"team" for record in records)
        partitions = len({record.partition for record in records})
        assert partitions > 1
        place = {row["id"]: record.partition for record in records for row in rows_of(record)}
        assert sum(len(rows_of(record)) for record in records) == 500
        for record in records:
            assert len({wire.bucket_of("team", model, row["id"]) for row in rows_of(record)}) == 1
        places.append(place)
    assert places[0] == places[1]
    assert set(places[0]) == set(made)


@pytest.mark.kafka
def test_a_child_has_a_producer_of_its_own(topics: str) -> None:
    model = f"client-{uuid.uuid4().hex}"
    client = Client(model, "1", kafka=topics)
    client.log_prediction({}, id="parent")
    assert client.flush(60)
    child = os.fork()
    if child == 0:
        client.log_prediction({}, id="child")
        os._exit(0 if client.flush(60) else 1)
    assert os.waitpid(child, 0)[1] == 0
    client.log_prediction({}, id="parent again")
    assert client.flush(60)
    client.close()
    records = read_all(topics, wire.PREDICTIONS_TOPIC, model)
    assert sorted(row["id"] for record in records for row in rows_of(record)) == ["child", "parent", "parent again"]


@pytest.mark.kafka
def test_a_batch_over_the_brokers_limit_is_halved(topics: str) -> None:
    model = f"client-{uuid.uuid4().hex}"
    client = Client(model, "1", transport=KafkaTransport(topics, max_request_size=20_000))
    for i in range(200):
        client.log_prediction({"text": "x" * 1_000}, id=str(i))
    client.log_prediction({"text": "x" * 30_000}, id="alone too large")
    assert client.flush(60)
    assert (client.stats()["sent"], client.stats()["too_large"]) == (200, 1)
    client.close()
    records = read_all(topics, wire.PREDICTIONS_TOPIC, model)
    assert sorted(int(row["id"]) for record in records for row in rows_of(record)) == list(range(200))


def test_no_broker_is_an_unavailable_log() -> None:
    transport = KafkaTransport("127.0.0.1:9")
    message = Message(wire.PREDICTIONS_TOPIC, wire.CONTENT_NDJSON, b"{}", 1, "default", "m", "key", 0)
    with pytest.raises(UnavailableError):
        transport.send(message, 0.5)
    transport.close()
