import json
import subprocess
import sys
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from testing.waiting import wait_until

MEMBER = """
import json, sys
from kafka import KafkaConsumer
topic, settings = json.loads(sys.argv[1])
consumer = KafkaConsumer(**settings)
consumer.partitions_for_topic(topic)
consumer.subscribe([topic])
while True:
    consumer.poll(timeout_ms=500)
"""


def subscribed(topic: str, **settings: Any) -> KafkaConsumer:
    """Subscribe as tests/conftest.py says: a group that forms before the consumer knows the topic assigns nothing."""
    consumer = KafkaConsumer(**settings)
    consumer.partitions_for_topic(topic)
    consumer.subscribe([topic])
    return consumer


def test_a_record_produced_is_consumed_by_a_group(kafka, kafka_topic):
    topic = kafka_topic(partitions=3)
    producer = KafkaProducer(bootstrap_servers=kafka)
    sent = producer.send(topic, value=b"late", key=b"UA", partition=2).get(timeout=10)
    producer.close()
    consumer = subscribed(topic, bootstrap_servers=kafka, group_id=topic, auto_offset_reset="earliest")

    polled = wait_until(lambda: consumer.poll(timeout_ms=100), what="the record")

    [record] = polled[TopicPartition(topic, 2)]
    assert (record.key, record.value, record.offset) == (b"UA", b"late", sent.offset)
    consumer.close()


def test_topics_have_the_partitions_asked_for_and_names_of_their_own(kafka, kafka_topic):
    first, second = kafka_topic(partitions=4), kafka_topic()
    consumer = KafkaConsumer(bootstrap_servers=kafka)

    assert first != second
    assert consumer.partitions_for_topic(first) == {0, 1, 2, 3}
    assert consumer.partitions_for_topic(second) == {0}
    consumer.close()


def test_a_killed_member_gives_its_partitions_up_within_seconds(kafka, kafka_topic):
    topic = kafka_topic(partitions=2)
    settings = {"bootstrap_servers": kafka, "group_id": topic, "heartbeat_interval_ms": 200, "session_timeout_ms": 3000}
    survivor = subscribed(topic, **settings)

    def assigned_to_survivor() -> int:
        survivor.poll(timeout_ms=500)
        return len(survivor.assignment())

    wait_until(lambda: assigned_to_survivor() == 2, what="both partitions for the only member")
    doomed = subprocess.Popen([sys.executable, "-c", MEMBER, json.dumps([topic, settings])])
    try:
        wait_until(lambda: assigned_to_survivor() == 1, what="one partition for each member")
    finally:
        doomed.kill()
        doomed.wait()

    wait_until(lambda: assigned_to_survivor() == 2, what="both partitions for the survivor")
    survivor.close()
