"""The log that the settings name.

A client is imported when it is opened, which spares the others its cost at every start.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernel.errors import SettingsError
from kernel.settings import KafkaSettings, LogSettings
from stream.message import Appender, Assignment, Source

if TYPE_CHECKING:
    from stream.confluent_source import ConfluentSource
    from stream.kafka_source import KafkaSource


def ensure_topics(settings: LogSettings, topics: Sequence[str]) -> None:
    """Make the topics that are not there yet; the local log makes its own.

    Raises:
        UnavailableError: the log is away, or refuses.
    """
    if settings.kind == "kafka":
        from stream.kafka_client import ensure_topics as ensure_kafka_topics

        ensure_kafka_topics(settings.kafka, topics, settings.kafka.partitions)


def open_source(settings: LogSettings, topics: Sequence[str], listener: Assignment) -> Source:
    """A reader of these topics; the listener hears of its partitions from within `poll`.

    Raises:
        UnavailableError: the log is away, lacks a topic, or (local) is read by another process.
        SettingsError: the log cannot be used with these settings.
    """
    if settings.kind == "kafka":
        return _kafka_source(settings.kafka)(settings.kafka, topics, listener)
    from stream.local_source import LocalSource

    return LocalSource(settings.local, topics, listener)


def _kafka_source(settings: KafkaSettings) -> type["KafkaSource"] | type["ConfluentSource"]:
    if settings.client == "kafka-python":
        from stream.kafka_source import KafkaSource

        return KafkaSource
    try:
        from stream.confluent_source import ConfluentSource  # of an extra
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "confluent_kafka":
            raise
        raise SettingsError(
            "log.kafka.client is 'confluent', and confluent-kafka is missing: install it, pip install 'driftglass[confluent]'"
        ) from error
    return ConfluentSource


def open_appender(settings: LogSettings) -> Appender:
    """A writer to the log.

    Raises:
        UnavailableError: the log is away.
        SettingsError: the log cannot be used with these settings.
    """
    if settings.kind == "kafka":
        from stream.kafka_appender import KafkaAppender

        return KafkaAppender(settings.kafka)
    from stream.local_appender import LocalAppender

    return LocalAppender(settings.local)
