"""The log of incoming messages as the rest of Driftglass sees it: Kafka and the local log stand behind these protocols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from driftglass_client.wire import CONTENT_JSON

POLL_BYTES = 16 << 20


def size_of(messages: Sequence["Message"]) -> int:
    """Bytes of the messages' values."""
    return sum([len(message.value) for message in messages])


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of a topic; ordered by topic, then number.

    >>> str(Partition("driftglass.predictions", 3))
    'driftglass.predictions/3'
    """

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message as it lies in the log: a struct, because there may be one for every record.

    Attributes:
        offset: its place in the partition; ascending, never used twice, not always dense.
        content_type: which decoder reads the value; lower case, without parameters.
        headers: all other headers, names in lower case.
        timestamp_us: when it was written to the log.
    """

    partition: Partition
    offset: int
    value: bytes
    content_type: str
    headers: Mapping[str, str]
    timestamp_us: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be appended.

    Attributes:
        bucket: picks the partition, bucket mod number of partitions; None: any.
        headers: further headers; the content type is not among them.
    """

    value: bytes
    content_type: str = CONTENT_JSON
    bucket: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Assignment(Protocol):
    """Who is told which partitions a source may read. Called only from within `poll` and `close`, on the caller's thread.

    The two methods may call `seek`, `pause`, `resume` and `ends` of the source, never `poll` or `close`. What they raise
    comes out of that `poll`.
    """

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """These partitions are ours from now on; no message of them has been delivered yet.

        A partition that is not sought here begins at the oldest message that the log has.
        """
        ...

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """These are no longer ours, perhaps already another's; nothing of them will be delivered."""
        ...


class Source(Protocol):
    """Reads the partitions that are assigned to it. Not thread-safe: one thread at a time."""

    def poll(self, timeout_s: float, max_bytes: int = POLL_BYTES) -> dict[Partition, list[Message]]:
        """Messages of the assigned partitions that are not paused, each list in offset order, none empty.

        Waits up to `timeout_s` for a first message, then takes what is there: about `max_bytes` of values, always at
        least one message when there is one, however large.

        Raises:
            UnavailableError: the log is away, or has dropped messages that were not read yet.
        """
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Deliver `offset` next, or the first message after it.

        Raises:
            UnavailableError: the log does not reach that far, or has dropped messages from there on; or the partition is
                not assigned.
        """
        ...

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Deliver nothing of these until `resume`; the place is kept."""
        ...

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Deliver these again."""
        ...

    def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The end of each partition: the offset that its next message will get.

        Raises:
            UnavailableError: the log is away.
        """
        ...

    def trim(self, partition: Partition, before_offset: int) -> None:
        """Messages before this offset are not needed any more: the local log frees them, Kafka keeps its own retention."""
        ...

    def close(self) -> None:
        """Give the partitions up (`on_revoked` is called). Nothing is called after it; a second close does nothing."""
        ...


class Appender(Protocol):
    """Writes to the log. Thread-safe; concurrent calls share one commit."""

    def append(self, topic: str, batch: Sequence[Outgoing], timeout_s: float) -> None:
        """Return when all of the batch is durable; messages of one partition keep their order.

        After an error some of the batch may be in the log, or come to be: the sender repeats it all, and records are
        known again by their ids.

        Raises:
            FullError: the buffer or the disk limit is reached; it says after how many seconds to try again.
            UnavailableError: the log is away, or did not answer within `timeout_s`.
        """
        ...

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has; at least 1.

        Raises:
            UnavailableError: the log is away, or has no such topic.
        """
        ...

    def close(self) -> None:
        """Write what is pending and let go; a second close does nothing."""
        ...
