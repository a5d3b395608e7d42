"""Hand messages over: try again, split, spool, replay, and count what is lost."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from pathlib import Path
from typing import Callable

from driftglass_client.counts import Counts
from driftglass_client.errors import RefusedError, TooLargeError, UnavailableError
from driftglass_client.packer import split
from driftglass_client.settings import ClientSettings
from driftglass_client.spool import Spool, SpoolFullError, rows_of
from driftglass_client.transport import Message, Transport

logger = logging.getLogger("driftglass_client")

NEVER = float("inf")


class Delivery:
    """Takes each message to its end: sent, spooled, or lost and counted. Used by one thread; only hurry() is not.

    Args:
        transport: carries the messages.
        spool: holds them while the log is away; None to lose them.
        settings: timeouts and pauses.
        counts: where the end of each record is counted.
    """

    def __init__(self, transport: Transport, spool: Spool | None, settings: ClientSettings, counts: Counts) -> None:
        self._transport = transport
        self._spool = spool
        self._settings = settings
        self._counts = counts
        self._hurry = threading.Event()
        self._deadline_s = NEVER
        self._backoff = Backoff(settings)

    def hurry(self, deadline_s: float) -> None:
        """From now on, finish by `deadline_s` of the monotonic clock; what is not sent by then is spooled or lost."""
        self._deadline_s = deadline_s
        self._hurry.set()

    @property
    def expired(self) -> bool:
        """Whether the deadline of hurry() has passed."""
        return time.monotonic() >= self._deadline_s

    def deliver(self, message: Message, room_is_short: Callable[[], bool]) -> None:
        """Take one message to its end; `room_is_short` says whether waiting would cost newer records their place."""
        if self._spool is not None:
            self.replay()
            if self._spool.paths():
                self._put_away(deque([message]))
                return
        pending = deque([message])
        give_up_s = time.monotonic() + self._settings.retry_s
        while pending:
            if self.expired:
                self._put_away(pending, "closed")
                return
            try:
                self._send_all(pending)
            except UnavailableError as error:
                wait_s = self._backoff.failed(error)
                spool_now = self._spool is not None and room_is_short()
                if spool_now or time.monotonic() + wait_s > min(give_up_s, self._deadline_s):
                    self._put_away(pending)
                    return
                self._wait(wait_s)

    def replay(self) -> None:
        """Send what the spool holds, oldest first, until it is empty, the log fails, or a linger has passed."""
        if self._spool is None or not self._backoff.due or not self._spool.paths():
            return
        until_s = min(time.monotonic() + self._settings.linger_ms / 1e3, self._deadline_s)
        try:
            with self._spool.reading() as mine:
                for path in self._spool.paths() if mine else []:
                    if not self._replayed(self._spool, path) or time.monotonic() >= until_s:
                        return
        except OSError as error:
            logger.warning("Driftglass cannot read its spool: %s", error)
            self._backoff.failed(UnavailableError("the spool cannot be read"))

    def spooled_rows(self) -> int:
        """Rows that wait in the spool."""
        return self._spool.rows() if self._spool is not None else 0

    def _replayed(self, spool: Spool, path: Path) -> bool:
        """Whether one file of the spool has come to its end; if not, what is left of it takes its place."""
        try:
            message = spool.get(path)
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("Driftglass drops a damaged batch %s: %s", path, error)
            self._counts.add("spool_damaged", rows_of(path))
            path.unlink()
            return True
        pending = deque([message])
        try:
            self._send_all(pending)
        except UnavailableError as error:
            self._backoff.failed(error)
            if pending[0] is not message:
                spool.replace(path, list(pending))
            return False
        path.unlink()
        return True

    def _send_all(self, pending: deque[Message]) -> None:
        """Send and remove messages from the left; raises UnavailableError with the rest still in `pending`."""
        while pending:
            message = pending[0]
            timeout_s = max(min(self._settings.timeout_s, self._deadline_s - time.monotonic()), 0.05)
            try:
                rejected = self._transport.send(message, timeout_s)
            except TooLargeError as error:
                pending.popleft()
                pending.extendleft(reversed(self._parts(message, error)))
            except RefusedError as error:
                pending.popleft()
                self._refused(message, error)
            else:
                pending.popleft()
                self._counts.add("sent", message.rows - rejected)
                self._counts.add("rejected", rejected)
            self._backoff.worked()

    def _parts(self, message: Message, error: TooLargeError) -> tuple[Message, ...]:
        if message.rows > 1:
            try:
                return split(message)
            except RuntimeError as unsplittable:
                logger.warning("Driftglass drops a batch that is too large: %s", unsplittable)
        self._refused(message, error)
        return ()

    def _refused(self, message: Message, error: RefusedError) -> None:
        logger.debug("a batch of %d rows was refused: %s", message.rows, error)
        self._counts.add(error.reason, message.rows)

    def _put_away(self, pending: deque[Message], reason: str = "unreachable") -> None:
        for message in pending:
            loss = self._spooled(message) if self._spool is not None else reason
            if loss is not None:
                self._counts.add(loss, message.rows)

    def _spooled(self, message: Message) -> str | None:
        assert self._spool is not None  # noqa: S101 - narrows the type; _put_away has asked
        try:
            self._spool.put(message)
        except SpoolFullError:
            return "spool_full"
        except OSError as error:
            logger.warning("Driftglass cannot write its spool: %s", error)
            return "spool_failed"
        return None

    def _wait(self, wait_s: float) -> None:
        """Pause between attempts; a hurry cuts the pause of before short, not those after it."""
        if self._hurry.is_set():
            time.sleep(max(min(wait_s, self._deadline_s - time.monotonic()), 0.0))
        else:
            self._hurry.wait(wait_s)


class Backoff:
    """Pauses that double with each failure in a row, with jitter, or as long as the log asked for."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._random = random.SystemRandom()
        self._failures = 0
        self._due_s = 0.0

    @property
    def due(self) -> bool:
        """Whether the pause after the last failure is over."""
        return time.monotonic() >= self._due_s

    def failed(self, error: UnavailableError) -> float:
        """Note a failure; returns the pause before the next attempt, in seconds."""
        longest_s = min(self._settings.retry_first_s * 2 ** min(self._failures, 30), self._settings.retry_max_s)
        wait_s = self._random.uniform(longest_s / 2, longest_s)
        if error.retry_after_s is not None:
            wait_s = max(wait_s, error.retry_after_s)
        self._failures += 1
        self._due_s = time.monotonic() + wait_s
        return wait_s

    def worked(self) -> None:
        """Note that the log answered."""
        self._failures = 0
        self._due_s = 0.0
