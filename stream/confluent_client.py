"""A consumer of confluent-kafka, and its errors as ours. Topics and what is sent are kafka-python's business alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException

from kernel.errors import SettingsError, UnavailableError
from kernel.settings import KafkaSettings
from stream.kafka_client import MAX_MESSAGE_BYTES, REQUEST_TIMEOUT_MS

HEARTBEATS_PER_SESSION = 3
_PARTITION_FETCH_BYTES = 1 << 18  # a fetch is unpacked whole, into messages of some 500 B each besides their values
_LARGEST_ANSWER_BYTES = 100_000_000
_LARGEST_REQUEST_BYTES = 1_000_000
_LONGEST_SILENCE_MS = 300_000
_IDLE_FETCH_MS = 100  # what else is asked of a broker waits behind a fetch that waits for messages
_FULL_QUEUE_WAIT_MS = 10  # the client's own second lets a reader that has caught up with a full queue run dry

_REFUSED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
)
_DROPPED = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._LOG_TRUNCATION)
_UNPLACED = (KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)  # by what the client has heard, of late
_MOVING = (
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
)
_AWAY = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._WAIT_COORD,
    KafkaError.REQUEST_TIMED_OUT,
)


def consumer(settings: KafkaSettings) -> Consumer:
    """A member of the group that commits nothing and never jumps.

    It reads ahead until it holds about `fetch_max_bytes`, unpacked; then comes at most one fetch of each broker more, a
    quarter MiB a partition as it lies in the log, or one batch where a batch is larger.

    Raises:
        SettingsError: the client refuses the configuration.
    """
    size = settings.fetch_max_bytes
    config = {
        "bootstrap.servers": settings.bootstrap,
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # never jump: a place that Kafka has dropped is an error
        "isolation.level": "read_uncommitted",  # as kafka-python reads
        "check.crcs": True,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.session_timeout_ms // HEARTBEATS_PER_SESSION,
        "max.poll.interval.ms": max(_LONGEST_SILENCE_MS, settings.session_timeout_ms),
        "socket.timeout.ms": REQUEST_TIMEOUT_MS,
        "fetch.wait.max.ms": _IDLE_FETCH_MS,
        "fetch.max.bytes": size,
        "max.partition.fetch.bytes": min(size, _PARTITION_FETCH_BYTES),
        "message.max.bytes": min(size, _LARGEST_REQUEST_BYTES),  # must not be above fetch.max.bytes
        "receive.message.max.bytes": max(_LARGEST_ANSWER_BYTES, size + MAX_MESSAGE_BYTES),
        "queued.max.messages.kbytes": size >> 10,
        "fetch.queue.backoff.ms": _FULL_QUEUE_WAIT_MS,
        "allow.auto.create.topics": False,
        "log.connection.close": False,
    }
    try:
        return Consumer(config, logger=logging.getLogger("kafka.confluent"))
    except KafkaException as error:
        raise SettingsError(
            f"Kafka at {settings.bootstrap} cannot be used with these settings: {error.args[0].str()}; check log.kafka"
        ) from error


@contextmanager
def translated(settings: KafkaSettings) -> Iterator[None]:
    """Raise what confluent-kafka raises as an error of ours."""
    try:
        yield
    except KafkaException as error:
        raise as_ours(settings, error.args[0]) from error


def as_ours(settings: KafkaSettings, error: KafkaError) -> UnavailableError:
    """The error of ours that says what a person can do; the same sentences as for kafka-python."""
    at, code, said = f"Kafka at {settings.bootstrap}", error.code(), error.str()
    if code in _REFUSED:
        return UnavailableError(f"{at} does not let us in: {said}; check the rights of this user")
    if code in _DROPPED:
        return UnavailableError(f"{at} has dropped messages before they were read ({said}): raise its retention")
    if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return UnavailableError(f"{at} has no such topic or partition ({said}): create it")
    if code in _UNPLACED:
        return UnavailableError(f"{at} does not say where a partition is: it is away, or the topic has gone")
    if code in _AWAY or error.retriable():
        return UnavailableError(f"{at} does not answer: check log.kafka.bootstrap")
    return UnavailableError(f"{at} has failed: {said}")


def lacks_leader(error: KafkaError) -> bool:
    """Whether it passes by itself: a partition that is new, or moves, has no leader, or one the client has not heard of."""
    return error.code() in _MOVING
