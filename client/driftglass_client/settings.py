"""The client's settings, from code or from DRIFTGLASS_CLIENT_* environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Callable

from driftglass_client.errors import ClientConfigError
from driftglass_client.wire import BUCKETS, DEFAULT_WORKSPACE

ENVIRONMENT_PREFIX = "DRIFTGLASS_CLIENT_"


@dataclass(frozen=True)
class ClientSettings:
    """How a client buffers, sends and gives up.

    Each field can be set by DRIFTGLASS_CLIENT_ and its name in capitals, DRIFTGLASS_CLIENT_QUEUE_RECORDS for instance.

    Args:
        url: the gateway's address; used when Client is given neither url, kafka nor transport.
        kafka: the brokers' bootstrap addresses; the same.
        api_key: sent as X-Api-Key over HTTP.
        workspace: the workspace of a Kafka message; over HTTP the API key names it.
        buckets: buckets that a Kafka batch is split into; fixed for a topic, so the collector's number.
        queue_records: records held in memory at most, the batch being sent included; the newest is dropped when full.
        batch_records: records in one message at most.
        linger_ms: how long a record waits for others.
        timeout_s: limit of one attempt to send.
        retry_s: how long a batch is tried again before it is spooled or lost.
        retry_first_s: the first pause between attempts; each next pause is twice as long, with jitter.
        retry_max_s: the longest pause.
        exit_timeout_s: how long the exit of the process may take to flush.
        spool_dir: folder for batches while the log is away; without it they are lost after retry_s.
        spool_bytes: size of the spool at most; the newest batch is dropped when full.
        sample_rate: share of ids that are sent, each with weight 1 / rate; by a hash of the id, so that every process
            keeps the same ids, and labels follow their predictions.

    Raises:
        ClientConfigError: a value is out of its range.
    """

    url: str | None = None
    kafka: str | None = None
    api_key: str | None = None
    workspace: str = DEFAULT_WORKSPACE
    buckets: int = BUCKETS
    queue_records: int = 20_000
    batch_records: int = 1_000
    linger_ms: float = 200.0
    timeout_s: float = 10.0
    retry_s: float = 30.0
    retry_first_s: float = 0.2
    retry_max_s: float = 10.0
    exit_timeout_s: float = 5.0
    spool_dir: str | None = None
    spool_bytes: int = 256 * 1024 * 1024
    sample_rate: float = 1.0

    def __post_init__(self) -> None:
        for name in ("buckets", "queue_records", "batch_records", "linger_ms", "timeout_s", "retry_first_s"):
            if not getattr(self, name) > 0:
                raise ClientConfigError(f"{name} is {getattr(self, name)!r}; it must be above 0")
        for name in ("retry_s", "retry_max_s", "exit_timeout_s", "spool_bytes"):
            if not getattr(self, name) >= 0:
                raise ClientConfigError(f"{name} is {getattr(self, name)!r}; it must be 0 or more")
        if not 0 < self.sample_rate <= 1:
            raise ClientConfigError(f"sample_rate is {self.sample_rate!r}; it must be above 0 and at most 1")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ClientSettings:
        """Settings from DRIFTGLASS_CLIENT_* variables; what is not set keeps its default.

        Raises:
            ClientConfigError: a variable cannot be read as its field's type, or is out of range.

        >>> ClientSettings.from_environment({"DRIFTGLASS_CLIENT_LINGER_MS": "50"}).linger_ms
        50.0
        """
        given: dict[str, Any] = {}
        for field in fields(cls):
            name = ENVIRONMENT_PREFIX + field.name.upper()
            text = environment.get(name)
            if text:
                given[field.name] = _read(name, text, type(field.default))
        return cls(**given)


def _read(name: str, text: str, kind: type) -> str | int | float:
    if kind not in (int, float):
        return text
    read: Callable[[str], int | float] = kind
    try:
        return read(text)
    except ValueError as error:
        raise ClientConfigError(f"{name} is {text!r}; it must be a number ({kind.__name__})") from error
