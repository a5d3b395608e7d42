"""What a client sends, and what it asks of the thing that carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Message:
    """One encoded batch of one model, ready for the wire.

    Args:
        topic: wire.PREDICTIONS_TOPIC or wire.LABELS_TOPIC.
        content_type: wire.CONTENT_ARROW or wire.CONTENT_NDJSON.
        body: the rows, encoded.
        rows: how many.
        workspace: the workspace of all rows.
        model: the model of all rows.
        key: the same for every attempt to send this batch, so that a retried batch counts once.
        bucket: the bucket of all rows, or None where the receiver splits.
    """

    topic: str
    content_type: str
    body: bytes
    rows: int
    workspace: str
    model: str
    key: str
    bucket: int | None = None


class Transport(Protocol):
    """Carries messages to the log. Only the client's own thread calls it, one call at a time."""

    @property
    def name(self) -> str:
        """A short name, fixed for the kind of transport; a part of the spool's path."""

    @property
    def splits_by_bucket(self) -> bool:
        """Whether a message must hold rows of one bucket only."""

    def send(self, message: Message, timeout_s: float) -> int:
        """Hand one message over; returns how many of its rows were rejected once it is durable.

        Raises:
            UnavailableError: trying again may help.
            TooLargeError: half of the message may be accepted.
            RefusedError: the message can never be accepted.
        """

    def close(self) -> None:
        """Let go of connections; nothing is called afterwards."""

    def forked(self) -> None:
        """Forget, in a child process, every connection and thread of the parent without touching them."""
