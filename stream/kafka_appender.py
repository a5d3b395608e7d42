"""Appending to Kafka: one idempotent producer, shared by all threads, that waits for all in-sync replicas."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from driftglass_client.wire import HEADER_CONTENT_TYPE
from kernel.errors import FullError, UnavailableError
from kernel.settings import KafkaSettings
from stream.kafka_client import MAX_MESSAGE_BYTES, REQUEST_TIMEOUT_MS, as_ours, check_topics, connect, translated
from stream.message import Outgoing

PENDING_BYTES = 64 << 20
_LINGER_MS = 5  # callers that come together share a request; also what a lone caller waits at most
_BATCH_BYTES = 256 << 10
_METADATA_TIMEOUT_MS = 5_000
_CLOSE_TIMEOUT_S = 5.0


class KafkaAppender:
    """The appender of Kafka.

    Args:
        settings: where Kafka is.
        pending_bytes: values that may be on their way, at most; beyond, `append` raises FullError. kafka-python itself
            has no such limit.

    Raises:
        UnavailableError: Kafka does not answer.
    """

    def __init__(self, settings: KafkaSettings, pending_bytes: int = PENDING_BYTES) -> None:
        self._settings = settings
        self._pending_bytes = pending_bytes
        self._pending = 0
        self._lock = threading.Lock()
        self._closed = False
        self._producer = connect(
            KafkaProducer,
            settings,
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            batch_size=_BATCH_BYTES,
            max_request_size=MAX_MESSAGE_BYTES,
            max_block_ms=_METADATA_TIMEOUT_MS,
            delivery_timeout_ms=3 * REQUEST_TIMEOUT_MS,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )

    def append(self, topic: str, batch: Sequence[Outgoing], timeout_s: float) -> None:
        """Return when all in-sync replicas have all of the batch.

        Raises:
            FullError: too much is on its way already.
            UnavailableError: Kafka did not take it within `timeout_s`, or there is no such topic.
            ContractError: a message is larger than the topic takes.
        """
        if not batch:
            return
        deadline = time.monotonic() + timeout_s
        partitions = self.partitions(topic)
        self._reserve(sum(len(message.value) for message in batch))
        sent: list[Any] = []
        try:
            with translated(self._settings):
                for message in batch:
                    sent.append(self._send(topic, message, partitions))  # noqa: PERF401 - what was sent before an error counts
            for future in sent:
                self._await(future, deadline - time.monotonic(), timeout_s)
        finally:
            self._release_when_done(batch, sent)

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has.

        Raises:
            UnavailableError: there is no such topic, or Kafka does not answer.
        """
        if self._closed:
            raise UnavailableError("the log is closed")
        try:
            return len(self._producer.partitions_for(topic))
        except KafkaTimeoutError as error:
            check_topics(self._settings, [topic])
            raise as_ours(self._settings, error) from error
        except KafkaError as error:
            raise as_ours(self._settings, error) from error

    def close(self) -> None:
        """Send what is pending, for a few seconds at most, and disconnect."""
        self._closed = True
        try:
            self._producer.close(timeout=_CLOSE_TIMEOUT_S)
        except KafkaTimeoutError:
            # kafka-python then neither ends its thread nor gives its batches up; their callers have been told already.
            self._producer._sender.force_close()
            self._producer.close(timeout=_CLOSE_TIMEOUT_S)

    def _reserve(self, size: int) -> None:
        with self._lock:
            if self._pending and self._pending + size > self._pending_bytes:
                raise FullError(
                    f"{self._pending} bytes are on their way to Kafka at {self._settings.bootstrap}; try again"
                )
            self._pending += size

    def _release(self, size: int, _outcome: object = None) -> None:
        with self._lock:
            self._pending -= size

    def _release_when_done(self, batch: Sequence[Outgoing], sent: Sequence[Any]) -> None:
        """Give back what was reserved; for a message that is still on its way, once it has arrived or failed."""
        done = sum(len(message.value) for message in batch)
        for future, message in zip(sent, batch, strict=False):
            if not future.is_done:
                done -= len(message.value)
                future.add_both(self._release, len(message.value))
        self._release(done)

    def _send(self, topic: str, message: Outgoing, partitions: int) -> Any:
        partition = None if message.bucket is None else message.bucket % partitions
        return self._producer.send(topic, message.value, headers=_headers(message), partition=partition)

    def _await(self, future: Any, left_s: float, timeout_s: float) -> None:
        try:
            future.get(max(0.0, left_s))
        except KafkaTimeoutError as error:
            raise UnavailableError(
                f"Kafka at {self._settings.bootstrap} did not take the messages within {timeout_s:g} s; try again"
            ) from error
        except KafkaError as error:
            raise as_ours(self._settings, error) from error


def _headers(message: Outgoing) -> list[tuple[str, bytes]]:
    pairs = [(HEADER_CONTENT_TYPE, message.content_type), *message.headers.items()]
    return [(name, value.encode()) for name, value in pairs]
