"""The thread that takes rows from the queue and sees them off."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from itertools import count, islice

from driftglass_client.columns import Row
from driftglass_client.counts import Counts
from driftglass_client.delivery import Delivery
from driftglass_client.packer import Packer
from driftglass_client.settings import ClientSettings
from driftglass_client.transport import Transport

logger = logging.getLogger("driftglass_client")

PAUSE_S = 1e-4
"""Long enough that a thread of the service which waits for the interpreter gets it; sleep(0) often is not."""


def pause() -> None:
    """Let the service's threads run; between two pauses the worker holds the interpreter for about 0.1 ms."""
    time.sleep(PAUSE_S)


class Worker:
    """One queue and one daemon thread.

    A call site takes a credit and appends a row; a credit is a fresh id, there are queue_records of them, and the
    worker gives one back for each row that has come to its end. So one `credits.pop()` is both the bound of the
    memory and the making of the id. Credits are empty until start() and after close(): then the pop fails, which
    sends the call down its slow path.

    Args:
        packer: rows to messages.
        delivery: messages to their end.
        transport: closed when the thread ends.
        settings: sizes and times.
        counts: where losses are counted.
    """

    def __init__(
        self, packer: Packer, delivery: Delivery, transport: Transport, settings: ClientSettings, counts: Counts
    ) -> None:
        self.queue: deque[Row] = deque()
        self.credits: list[str] = []
        self._packer = packer
        self._delivery = delivery
        self._transport = transport
        self._settings = settings
        self._counts = counts
        self._bell = threading.Event()
        self._closing = False
        self._taken = 0
        self._settled = 0
        self._progress = threading.Condition()
        self._numbers = map(str, count())
        self._random = os.urandom(5).hex()
        self._thread = threading.Thread(target=self._run, name="driftglass-client", daemon=True)

    @property
    def waiting(self) -> int:
        """Rows that have not come to their end: in the queue, or in the batch being sent."""
        with self._progress:
            return len(self.queue) + self._taken - self._settled

    def start(self) -> None:
        """Start the thread and hand out the credits.

        Raises:
            RuntimeError: no thread can be started.
        """
        self._thread.start()
        self.credits.extend(self._fresh_ids(self._settings.queue_records))

    def flush(self, timeout_s: float) -> bool:
        """Wait until every row queued so far has come to its end and the spool is empty; False if that takes longer."""
        with self._progress:
            target = self._taken + len(self.queue)
            self._bell.set()
            return self._progress.wait_for(
                lambda: self._settled >= target and not self._delivery.spooled_rows(), timeout_s
            )

    def close(self, timeout_s: float, spool_s: float) -> None:
        """Send what is queued within `timeout_s`, spool the rest within `spool_s`; count what is left as "closed"."""
        deadline_s = time.monotonic() + timeout_s
        with self._progress:
            self._closing = True
            self.credits.clear()
        self._delivery.hurry(deadline_s)
        self._bell.set()
        self._thread.join(timeout_s + spool_s)
        left = len(self._drain(len(self.queue)))
        with self._progress:
            self._settled += left
        self._counts.add("closed", left)
        self._counts.tell()

    def fresh_id(self) -> str:
        """An id for a row that will not be queued."""
        return self._fresh_ids(1)[0]

    def _fresh_ids(self, number: int) -> list[str]:
        """Ids that sort by the time they were made, so that files of the record log cover short ranges of them."""
        prefix = f"{time.time_ns() // 1_000_000:012x}-{self._random}-"
        return list(map(prefix.__add__, islice(self._numbers, number)))

    def _run(self) -> None:
        while True:
            closing = self._closing
            taken = 0
            try:
                taken = self._cycle()
            except Exception:
                # The thread must outlive any defect, or the client would fall silent.
                logger.exception("Driftglass lost a batch to a defect in its client")
                self._counts.add("internal", self._settle_rest())
            if closing and not self.queue:
                break
            if taken < self._settings.batch_records and not closing:
                self._bell.wait(self._settings.linger_ms / 1e3)
                self._bell.clear()
        self._transport.close()

    def _cycle(self) -> int:
        rows = self._drain(self._settings.batch_records)
        if rows:
            packed = self._packer.pack(rows)
            self._counts.add("invalid", packed.invalid, packed.why)
            self._counts.add("sampled_out", packed.sampled_out)
            for message in packed.messages:
                self._delivery.deliver(message, self._room_is_short)
        else:
            self._delivery.replay()
        self._counts.tell()
        self._settle_rest()
        return len(rows)

    def _room_is_short(self) -> bool:
        return len(self.queue) * 2 > self._settings.queue_records

    def _drain(self, most: int) -> list[Row]:
        with self._progress:
            rows = [self.queue.popleft() for _ in range(min(most, len(self.queue)))]
            self._taken += len(rows)
        return rows

    def _settle_rest(self) -> int:
        with self._progress:
            rows = self._taken - self._settled
            self._settled = self._taken
            if not self._closing:
                self.credits.extend(self._fresh_ids(rows))
            self._progress.notify_all()
        return rows
