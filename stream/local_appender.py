"""Appending to the local log: one writer thread commits whatever is pending, so that concurrent callers share one sync."""

import shutil
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from kernel.clock import Clock, SystemClock
from kernel.errors import DriftglassError, FullError, UnavailableError
from kernel.settings import LocalLogSettings
from stream.local_file import RETRY_AFTER_S, LocalFile, check_topic
from stream.message import Outgoing, Partition

PENDING_BYTES = 64 << 20
DISK_RESERVE_BYTES = 64 << 20

_Row = tuple[int, int, str, bytes | None, bytes]


@dataclass(slots=True, eq=False)
class _Request:
    """One call of append, from the caller to the writer and back."""

    topic: str
    batch: Sequence[Outgoing]
    size: int
    done: threading.Event = field(default_factory=threading.Event)
    error: DriftglassError | None = None


class LocalAppender:
    """The appender of the local log; any number of processes may have one each.

    Args:
        settings: the file and its limits.
        clock: stamps the messages.
        pending_bytes: what may wait for the writer, at most; beyond, `append` raises FullError.
        disk_reserve_bytes: what stays free on the disk. A disk that is full to the last byte leaves SQLite no room to
            delete in: nothing could be trimmed any more.

    Raises:
        SettingsError, UnavailableError: as LocalFile does.
    """

    def __init__(
        self,
        settings: LocalLogSettings,
        clock: Clock | None = None,
        pending_bytes: int = PENDING_BYTES,
        disk_reserve_bytes: int = DISK_RESERVE_BYTES,
    ) -> None:
        self._file = LocalFile(settings)
        self._clock = clock or SystemClock()
        self._pending_bytes = pending_bytes
        self._disk_reserve_bytes = disk_reserve_bytes
        self._partitions = settings.partitions
        self._next_any = 0
        self._pending: list[_Request] = []
        self._size = 0
        self._closed = False
        self._wake = threading.Condition()
        self._writer = threading.Thread(target=self._write_until_closed, name="local-log-writer", daemon=True)
        self._writer.start()

    def append(self, topic: str, batch: Sequence[Outgoing], timeout_s: float) -> None:
        """Return when all of the batch is on the disk: all of it, or nothing.

        Raises:
            FullError: too much is pending, or the file or the disk is full.
            UnavailableError: the file cannot be written, or not within `timeout_s`.
        """
        check_topic(topic)
        if not batch:
            return
        request = _Request(topic, batch, sum(len(message.value) for message in batch))
        self._enqueue(request)
        if not request.done.wait(timeout_s) and not self._withdraw(request):
            request.done.wait()  # it is in the commit that runs now: a matter of one sync
        if request.error is not None:
            raise request.error

    def partitions(self, topic: str) -> int:  # noqa: ARG002 - all topics of a file have the same number
        """How many partitions the topic has."""
        return self._partitions

    def close(self) -> None:
        """Write what is pending and let the file go."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._writer.join()

    def _enqueue(self, request: _Request) -> None:
        with self._wake:
            if self._closed:
                raise UnavailableError(f"the local log {self._file.path} is closed")
            if self._pending and self._size + request.size > self._pending_bytes:
                raise FullError(f"{self._size} bytes wait to be written to {self._file.path}; try again")
            self._pending.append(request)
            self._size += request.size
            self._wake.notify()

    def _withdraw(self, request: _Request) -> bool:
        """Take a request back that the writer has not begun; False when it is too late for that."""
        with self._wake:
            if request not in self._pending:
                return False
            self._pending.remove(request)
            self._size -= request.size
        request.error = UnavailableError(f"the local log {self._file.path} is too slow: nothing was written; try again")
        return True

    def _write_until_closed(self) -> None:
        try:
            while group := self._take():
                self._commit(group)
        finally:
            self._closed = True
            self._file.close()

    def _take(self) -> list[_Request]:
        """Whatever is pending, waiting for the first; empty only once closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._pending or self._closed)
            group, self._pending, self._size = self._pending, [], 0
            return group

    def _commit(self, group: Sequence[_Request]) -> None:
        """Write the group in one transaction; where it does not fit, each request alone, so that small ones may."""
        error: DriftglassError | None = UnavailableError(f"the writer of {self._file.path} has failed")
        try:
            self._write(group)
            error = None
        except FullError as full:
            if len(group) > 1:
                for request in group:
                    self._commit([request])
                return
            error = full
        except DriftglassError as failed:
            error = failed
        finally:
            for request in group:
                if not request.done.is_set():
                    request.error = error
                    request.done.set()

    def _write(self, group: Sequence[_Request]) -> None:
        self._check_disk(sum(request.size for request in group))
        by_topic: dict[str, list[Outgoing]] = defaultdict(list)
        for request in group:
            by_topic[request.topic].extend(request.batch)
        for topic in by_topic:
            self._file.add_topic(topic)
        with self._file.write() as sql:
            for topic, batch in by_topic.items():
                sql.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?)", self._place(topic, batch))

    def _check_disk(self, size: int) -> None:
        """Refuse what would eat the reserve; half of it may serve what fits into the room that trimming has freed."""
        growth = max(0, size - self._file.free_bytes())
        needed = growth + self._disk_reserve_bytes if growth else self._disk_reserve_bytes // 2
        left = shutil.disk_usage(self._file.path).free
        if left < needed:
            raise FullError(
                f"the disk of the local log {self._file.path} has {left} bytes left: free some", RETRY_AFTER_S
            )

    def _place(self, topic: str, batch: Sequence[Outgoing]) -> list[_Row]:
        """The rows of a batch at the ends of their partitions, which move behind them."""
        by_number: dict[int, list[Outgoing]] = defaultdict(list)
        for message in batch:
            by_number[self._number(message)].append(message)
        now_us = self._clock.now_us()
        rows: list[_Row] = []
        for number, messages in by_number.items():
            extent = self._file.extent(Partition(topic, number))
            end = extent.next_offset + len(messages)
            self._file.sql.execute("UPDATE partitions SET next_offset = ? WHERE id = ?", (end, extent.id))
            for place, message in enumerate(messages, extent.place(extent.next_offset)):
                headers = msgspec.json.encode(message.headers) if message.headers else None
                rows.append((place, now_us, message.content_type, headers, message.value))
        return rows

    def _number(self, message: Outgoing) -> int:
        if message.bucket is not None:
            return message.bucket % self._partitions
        self._next_any = (self._next_any + 1) % self._partitions
        return self._next_any
