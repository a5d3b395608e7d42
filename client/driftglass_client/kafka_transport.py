"""Messages straight to Kafka, by kafka-python (the `kafka` extra)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from driftglass_client import wire
from driftglass_client.errors import ClientConfigError, RefusedError, SendError, TooLargeError, UnavailableError
from driftglass_client.transport import Message


class KafkaTransport:
    """Produces to partition bucket % partitions with acks=all; a message counts as sent once it is acknowledged.

    Args:
        bootstrap: host:port addresses, a comma between them.
        options: settings of kafka.KafkaProducer over ours, security_protocol for instance.

    Raises:
        ClientConfigError: kafka-python is not installed.
    """

    name = "kafka"
    splits_by_bucket = True

    def __init__(self, bootstrap: str | Sequence[str], **options: Any) -> None:
        try:
            self._kafka = import_module("kafka")
            self._errors = import_module("kafka.errors")
        except ImportError as error:
            raise ClientConfigError("Kafka needs an extra: pip install 'driftglass-client[kafka]'") from error
        self._bootstrap = bootstrap.split(",") if isinstance(bootstrap, str) else list(bootstrap)
        self._options = options
        self._producer: Any = None
        self._inherited: list[Any] = []

    def send(self, message: Message, timeout_s: float) -> int:
        """Produce one message and wait for its acknowledgement; see Transport.send."""
        deadline_s = time.monotonic() + timeout_s
        try:
            producer = self._connected(timeout_s)
            topic = wire.topic_in(message.topic, message.workspace)
            partitions = sorted(producer.partitions_for(topic) or ())
            if not partitions:
                raise UnavailableError(f"topic {topic} has no partitions yet")
            future = producer.send(
                topic,
                value=message.body,
                headers=_headers(message),
                partition=partitions[(message.bucket or 0) % len(partitions)],
            )
            future.get(timeout=max(deadline_s - time.monotonic(), 0.05))
        except self._errors.KafkaError as error:
            raise self._translated(error) from error
        return 0

    def close(self) -> None:
        """Close the producer; everything it took is acknowledged or reported already."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=1)

    def forked(self) -> None:
        """Keep the parent's producer from being closed by the child: its thread and sockets are not the child's."""
        if self._producer is not None:
            self._producer._closed = True  # else its finalizer and its exit hook wait for a thread that is not here
            self._inherited.append(self._producer)
            self._producer = None

    def _connected(self, timeout_s: float) -> Any:
        if self._producer is None:
            limit_ms = max(int(timeout_s * 1000), 100)
            settings = {
                "bootstrap_servers": self._bootstrap,
                "acks": "all",
                "enable_idempotence": False,  # ids make a repeated batch count once, also across restarts
                "max_in_flight_requests_per_connection": 1,
                "bootstrap_timeout_ms": limit_ms,
                "max_block_ms": limit_ms,
                "request_timeout_ms": limit_ms,
                "delivery_timeout_ms": limit_ms + 1,
                **self._options,
            }
            self._producer = self._kafka.KafkaProducer(**settings)
        return self._producer

    def _translated(self, error: Exception) -> SendError:
        errors = self._errors
        text = f"Kafka: {error}"
        if isinstance(error, (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)):
            return TooLargeError(text)
        if isinstance(error, errors.AuthorizationError):
            return RefusedError("forbidden", text)
        if isinstance(error, errors.KafkaTimeoutError) or getattr(error, "retriable", False):
            return UnavailableError(text)
        if isinstance(error, errors.BrokerResponseError):
            return RefusedError("refused", text)
        return UnavailableError(text)


def _headers(message: Message) -> list[tuple[str, bytes]]:
    return [
        (wire.HEADER_CONTENT_TYPE, message.content_type.encode()),
        (wire.HEADER_MODEL, message.model.encode()),
        (wire.HEADER_WORKSPACE, message.workspace.encode()),
    ]
