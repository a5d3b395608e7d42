"""Values as a client of Kafka gives them, with nothing of ours around it: no group, no message objects, no listener."""

from collections.abc import Generator

from confluent_kafka import TopicPartition as ConfluentPartition
from kafka import KafkaConsumer, TopicPartition

from bench.ingest import CONFLUENT, PARTITION
from kernel.settings import KafkaSettings
from stream.confluent_client import consumer

WAIT_S = 0.2
MESSAGES = 10_000


def values(settings: KafkaSettings) -> Generator[list[bytes]]:
    """The log from its beginning, without end; the first batch is empty, and says that reading begins.

    Settings and sizes of fetches are our sources'.
    """
    return _confluent(settings) if settings.client == CONFLUENT else _kafka_python(settings)


def _confluent(settings: KafkaSettings) -> Generator[list[bytes]]:
    client = consumer(settings)
    client.assign([ConfluentPartition(PARTITION.topic, PARTITION.number, 0)])
    try:
        yield []
        while True:
            batch = client.consume(1, WAIT_S)
            yield [message.value() for message in batch + client.consume(MESSAGES, 0.0)]
    finally:
        client.close()


def _kafka_python(settings: KafkaSettings) -> Generator[list[bytes]]:
    partition = TopicPartition(PARTITION.topic, PARTITION.number)
    size = settings.fetch_max_bytes
    client = KafkaConsumer(
        bootstrap_servers=settings.bootstrap,
        fetch_max_bytes=size,
        max_partition_fetch_bytes=size,
        metrics_enabled=False,
    )
    client.assign([partition])
    client.seek(partition, 0)
    try:
        yield []
        while True:
            found = client.poll(timeout_ms=WAIT_S * 1_000, max_records=MESSAGES)
            yield [record.value for record in found.get(partition, ())]
    finally:
        client.close()
