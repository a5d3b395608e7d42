"""Reading the local log: one process reads a topic, all of its partitions."""

import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kernel.errors import UnavailableError
from kernel.settings import LocalLogSettings
from stream.local_file import LAST_OFFSET, LocalFile
from stream.message import POLL_BYTES, Assignment, Message, Partition, size_of

_LOOK_EVERY_S = 0.02  # looking whether any process has committed reads one shared word

_NEXT_MESSAGES = """
SELECT place, timestamp_us, content_type, headers, value FROM messages WHERE place >= ? AND place <= ? ORDER BY place
"""


class LocalSource:
    """The source of the local log. It has all partitions of its topics from the first poll until it is closed.

    A lock on a file beside the log, a topic each, keeps a second reader out; the system frees it when the process ends,
    however it ends.

    Raises:
        SettingsError, UnavailableError: as LocalFile does; and UnavailableError when another reads one of the topics.
    """

    def __init__(self, settings: LocalLogSettings, topics: Sequence[str], listener: Assignment) -> None:
        self._listener = listener
        self._file = LocalFile(settings)
        topics = list(dict.fromkeys(topics))
        self._locks: list[int] = []
        self._next: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._assigned = False
        try:
            for topic in topics:
                self._file.add_topic(topic)
                self._locks.append(_lock(_lock_path(settings.path, topic), topic))
        except BaseException:
            self._release()
            raise
        self._all = [Partition(topic, number) for topic in topics for number in range(settings.partitions)]

    def poll(self, timeout_s: float, max_bytes: int = POLL_BYTES) -> dict[Partition, list[Message]]:
        """Messages of the partitions that are not paused; see Source."""
        deadline = time.monotonic() + timeout_s
        if not self._assigned:
            self._assign()
        while True:
            version = self._file.version()
            found = self._read(max_bytes)
            if found or time.monotonic() >= deadline:
                return found
            while self._file.version() == version and (left := deadline - time.monotonic()) > 0:
                time.sleep(min(_LOOK_EVERY_S, left))

    def seek(self, partition: Partition, offset: int) -> None:
        """Deliver this offset next.

        Raises:
            UnavailableError: the log does not hold it, and it is not the next to be written; or not assigned.
        """
        if partition not in self._next:
            raise UnavailableError(f"{partition} is not assigned to this reader")
        extent = self._file.extent(partition)
        if not extent.first_offset <= offset <= extent.next_offset:
            raise UnavailableError(
                f"{partition} cannot be read from offset {offset}: the local log {self._file.path} holds "
                f"{extent.first_offset} to {extent.next_offset}; it was trimmed, or is not the one these offsets belong to"
            )
        self._next[partition] = offset

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Deliver nothing of these until `resume`."""
        self._paused.update(partitions)

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Deliver these again."""
        self._paused.difference_update(partitions)

    def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The offset that the next message of each will get."""
        return {partition: self._file.extent(partition).next_offset for partition in partitions}

    def trim(self, partition: Partition, before_offset: int) -> None:
        """Free the messages before this offset; their offsets are not given again.

        Raises:
            UnavailableError: the file cannot be written.
        """
        with self._file.write() as sql:
            extent = self._file.extent(partition)
            first = min(max(before_offset, extent.first_offset), extent.next_offset)
            sql.execute("DELETE FROM messages WHERE place >= ? AND place < ?", (extent.place(0), extent.place(first)))
            sql.execute("UPDATE partitions SET first_offset = ? WHERE id = ?", (first, extent.id))

    def close(self) -> None:
        """Give the topics up."""
        if self._assigned:
            self._assigned = False
            self._next.clear()
            self._listener.on_revoked(self._all)
        self._release()

    def _assign(self) -> None:
        self._next = {partition: self._file.extent(partition).first_offset for partition in self._all}
        self._listener.on_assigned(self._all)
        self._assigned = True

    def _read(self, max_bytes: int) -> dict[Partition, list[Message]]:
        """What fits, beginning with the partition whose turn it is."""
        found: dict[Partition, list[Message]] = {}
        for partition in list(self._next):
            if max_bytes <= 0:
                break
            if partition in self._paused:
                continue
            messages = self._read_partition(partition, max_bytes)
            if messages:
                found[partition] = messages
                max_bytes -= size_of(messages)
        for partition, messages in found.items():  # to the end of the queue: the next poll begins with the others
            del self._next[partition]
            self._next[partition] = messages[-1].offset + 1
        return found

    def _read_partition(self, partition: Partition, max_bytes: int) -> list[Message]:
        start = self._next[partition]
        extent = self._file.extent(partition)
        messages = []
        with self._file.read() as sql:
            rows = sql.execute(_NEXT_MESSAGES, (extent.place(start), extent.place(LAST_OFFSET)))
            for place, timestamp_us, content_type, packed, value in rows:
                headers = msgspec.json.decode(packed, type=dict[str, str]) if packed else {}
                messages.append(Message(partition, place & LAST_OFFSET, value, content_type, headers, timestamp_us))
                max_bytes -= len(value)
                if max_bytes <= 0:
                    break
            rows.close()
        if messages and messages[0].offset != start:
            raise UnavailableError(
                f"{partition}: offsets {start} to {messages[0].offset - 1} were trimmed from the local log "
                f"{self._file.path} before they were read"
            )
        return messages

    def _release(self) -> None:
        while self._locks:
            os.close(self._locks.pop())
        self._file.close()


def _lock_path(log: Path, topic: str) -> Path:
    return log.with_name(f"{log.name}.{topic}.reader")


def _lock(path: Path, topic: str) -> int:
    """An open lock on the file; closing it, or the end of the process, frees it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise UnavailableError(
            f"topic {topic} of the local log is read by another process ({path} is locked): "
            f"stop it first, or use Kafka to share the work"
        ) from error
    return handle
