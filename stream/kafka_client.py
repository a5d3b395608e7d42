"""Connections to Apache Kafka, and its errors as ours."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    KafkaConfigurationError,
    KafkaError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    RecordListTooLargeError,
    RetriableError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from kafka.net.compat import KafkaNetClient

from driftglass_client.wire import BUCKETS
from kernel.errors import ContractError, SettingsError, UnavailableError
from kernel.settings import KafkaSettings

BOOTSTRAP_TIMEOUT_MS = 4_000
REQUEST_TIMEOUT_MS = 10_000
MAX_MESSAGE_BYTES = 32 << 20

Client = TypeVar("Client")


def connect(kind: Callable[..., Client], settings: KafkaSettings, **config: Any) -> Client:
    """A client of kafka-python that has reached the brokers.

    Raises:
        UnavailableError: none answers within a few seconds.
        SettingsError: Kafka refuses the configuration.
    """
    made: list[KafkaNetClient] = []

    def network(**network_config: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**network_config))
        return made[-1]

    try:
        with translated(settings):
            return kind(
                bootstrap_servers=[server.strip() for server in settings.bootstrap.split(",")],
                bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                kafka_client=network,
                **config,
            )
    except ValueError as error:
        raise SettingsError(
            f"log.kafka.bootstrap is {settings.bootstrap!r}: write host:port, comma-separated"
        ) from error
    except BaseException:
        for client in made:  # kafka-python leaves its thread running when the first contact fails
            client.close()
        raise


@contextmanager
def translated(settings: KafkaSettings) -> Iterator[None]:
    """Raise what kafka-python raises as an error of ours."""
    try:
        yield
    except KafkaError as error:
        raise as_ours(settings, error) from error


def as_ours(settings: KafkaSettings, error: KafkaError) -> SettingsError | ContractError | UnavailableError:
    """The error of ours that says what a person can do."""
    at = f"Kafka at {settings.bootstrap}"
    match error:
        case KafkaConfigurationError():
            return SettingsError(f"{at} cannot be used with these settings: {error}; check log.kafka")
        case MessageSizeTooLargeError() | RecordListTooLargeError():
            reason = (
                "a message is larger than its topic takes: send smaller batches, or raise the topic's max.message.bytes"
            )
            return ContractError("", f"{at}: {reason}")
        case AuthorizationError():
            return UnavailableError(f"{at} does not let us in: {error}; check the rights of this user")
        case OffsetOutOfRangeError():
            return UnavailableError(f"{at} has dropped messages before they were read ({error}): raise its retention")
        case UnknownTopicOrPartitionError():
            return UnavailableError(f"{at} has no such topic or partition ({error}): create it")
        case RetriableError():
            return UnavailableError(f"{at} does not answer: check log.kafka.bootstrap")
        case _:
            return UnavailableError(f"{at} has failed: {error}")


def ensure_topics(settings: KafkaSettings, topics: Sequence[str], partitions: int = BUCKETS) -> None:
    """Create the topics that do not exist yet, with the cluster's default replication; return when they can be used.

    A topic that exists is left as it is, whatever its number of partitions.

    Raises:
        UnavailableError: Kafka does not answer, or does not let us.
    """
    options = {"num_partitions": partitions, "configs": {"max.message.bytes": str(MAX_MESSAGE_BYTES)}}
    admin = connect(KafkaAdminClient, settings)
    try:
        with translated(settings):
            for topic in _missing(admin, topics):
                _create(admin, topic, options)
            admin.wait_for_topics(topics)
    finally:
        admin.close()


def check_topics(settings: KafkaSettings, topics: Sequence[str]) -> None:
    """Make sure that the topics exist.

    Raises:
        UnavailableError: one does not; or Kafka does not answer.
    """
    admin = connect(KafkaAdminClient, settings)
    try:
        with translated(settings):
            missing = _missing(admin, topics)
    finally:
        admin.close()
    if missing:
        raise UnavailableError(
            f"Kafka at {settings.bootstrap} has no topic {', '.join(missing)}: create it, with {BUCKETS} partitions"
        )


def _missing(admin: KafkaAdminClient, topics: Sequence[str]) -> list[str]:
    return sorted(set(topics) - set(admin.list_topics()))


def _create(admin: KafkaAdminClient, topic: str, options: dict[str, Any]) -> None:
    try:
        admin.create_topics({topic: options})
    except TopicAlreadyExistsError:
        return  # another process was faster
