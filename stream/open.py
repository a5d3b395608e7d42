"""The log that the settings name."""

from collections.abc import Sequence

from kernel.settings import LogSettings
from stream.kafka_appender import KafkaAppender
from stream.kafka_client import ensure_topics as ensure_kafka_topics
from stream.kafka_source import KafkaSource
from stream.local_appender import LocalAppender
from stream.local_source import LocalSource
from stream.message import Appender, Assignment, Source


def ensure_topics(settings: LogSettings, topics: Sequence[str]) -> None:
    """Make the topics that are not there yet; the local log makes its own.

    Raises:
        UnavailableError: the log is away, or refuses.
    """
    if settings.kind == "kafka":
        ensure_kafka_topics(settings.kafka, topics, settings.kafka.partitions)


def open_source(settings: LogSettings, topics: Sequence[str], listener: Assignment) -> Source:
    """A reader of these topics; the listener hears of its partitions from within `poll`.

    Raises:
        UnavailableError: the log is away, lacks a topic, or (local) is read by another process.
        SettingsError: the log cannot be used with these settings.
    """
    if settings.kind == "kafka":
        return KafkaSource(settings.kafka, topics, listener)
    return LocalSource(settings.local, topics, listener)


def open_appender(settings: LogSettings) -> Appender:
    """A writer to the log.

    Raises:
        UnavailableError: the log is away.
        SettingsError: the log cannot be used with these settings.
    """
    if settings.kind == "kafka":
        return KafkaAppender(settings.kafka)
    return LocalAppender(settings.local)
