"""Traffic in the background: predictions and labels, known by number, sent until the log has acknowledged them."""

import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from driftglass_client.wire import CONTENT_ARROW, HEADER_MODEL
from kernel.errors import UnavailableError
from kernel.settings import LogSettings
from stream.codecs.topics import RecordKind, topic_of
from stream.message import Appender, Outgoing
from stream.open import open_appender
from testing.faults.records import Record, as_arrow
from testing.waiting import wait_until

_APPEND_TIMEOUT_S = 15.0
_GIVE_UP_S = 240.0
_PAUSE_S = 0.1
_ROWS_A_STEP = 60


@dataclass(slots=True)
class Acknowledged:
    """What the log has taken: the numbers of predictions, and of predictions whose label it has.

    Attributes:
        repeats: records that were sent once more on purpose.
        retries: messages that were sent again because nobody had acknowledged them.
    """

    predictions: set[int] = field(default_factory=set)
    labels: set[int] = field(default_factory=set)
    repeats: int = 0
    retries: int = 0


class Load:
    """Sends on a thread of its own while its block lasts, at a bounded rate.

    Every step sends some new predictions, as JSON one a message or as Arrow, now and then some old ones once more, and the
    labels of some. A step that the log does not acknowledge is sent again, whole, which is how real senders double records.

    Args:
        rows_a_second: new predictions, about.
        most: new predictions, at most.
    """

    def __init__(self, log: LogSettings, workspace: str, seed: int, rows_a_second: float, most: int = 500_000) -> None:
        self._log = log
        self._workspace = workspace
        self._random = random.Random(seed)  # noqa: S311 - a seed makes it repeatable
        self._pause_s = _ROWS_A_STEP / rows_a_second
        self._most = most
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._failure: Exception | None = None
        self.acknowledged = Acknowledged()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait_for(self, more: int, timeout_s: float = _GIVE_UP_S) -> None:
        """Return once this many more predictions are acknowledged."""
        goal = len(self.acknowledged.predictions) + more
        wait_until(
            lambda: self._going() and len(self.acknowledged.predictions) >= goal,
            timeout_s,
            what=f"{more} more predictions acknowledged",
        )

    def finish(self) -> Acknowledged:
        """Send no more; returns once all that was begun is acknowledged.

        Raises:
            AssertionError: something was not acknowledged in minutes.
        """
        self._stopping.set()
        self._thread.join(_GIVE_UP_S + 2 * _APPEND_TIMEOUT_S)
        self._going()
        return self.acknowledged

    def _going(self) -> bool:
        if self._failure is not None:
            raise AssertionError(f"the load has ended: {self._failure}") from self._failure
        return True

    def _run(self) -> None:
        appender = open_appender(self._log)
        try:
            for first in range(0, self._most, _ROWS_A_STEP):
                if self._stopping.wait(self._pause_s):
                    return
                self._step(appender, first)
        except (AssertionError, UnavailableError) as error:
            self._failure = error
        finally:
            appender.close()

    def _step(self, appender: Appender, first: int) -> None:
        new = [Record(number) for number in range(first, first + _ROWS_A_STEP)]
        as_messages = self._as_arrow if self._random.random() < 0.5 else self._as_json
        self._send(appender, RecordKind.PREDICTIONS, list(as_messages(new)))
        self.acknowledged.predictions.update(record.number for record in new)
        if self._random.random() < 0.3:
            again = [Record(self._random.randrange(first + _ROWS_A_STEP)) for _ in range(20)]
            self._send(appender, RecordKind.PREDICTIONS, list(self._as_json(again)))
            self.acknowledged.repeats += len(again)
        if self._random.random() < 0.3:
            known = self._random.sample(new, 10)
            self._send(appender, RecordKind.LABELS, [self._message(r, r.label()) for r in known])
            self.acknowledged.labels.update(record.number for record in known)

    def _as_json(self, records: list[Record]) -> Iterator[Outgoing]:
        return (self._message(record, record.as_json()) for record in records)

    def _message(self, record: Record, body: object) -> Outgoing:
        return Outgoing(json.dumps(body).encode(), bucket=record.bucket(self._workspace))

    def _as_arrow(self, records: list[Record]) -> Iterator[Outgoing]:
        """One message a model and bucket."""
        together: dict[tuple[str, int], list[Record]] = {}
        for record in records:
            together.setdefault((record.model, record.bucket(self._workspace)), []).append(record)
        for (model, bucket), part in together.items():
            yield Outgoing(as_arrow(part), CONTENT_ARROW, bucket, {HEADER_MODEL: model})

    def _send(self, appender: Appender, kind: RecordKind, batch: list[Outgoing]) -> None:
        """Send until it is acknowledged."""
        deadline = time.monotonic() + _GIVE_UP_S
        while True:
            try:
                appender.append(topic_of(kind, self._workspace), batch, _APPEND_TIMEOUT_S)
            except UnavailableError as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"not acknowledged within {_GIVE_UP_S:g} s: {error}") from error
                self.acknowledged.retries += len(batch)
                time.sleep(_PAUSE_S)  # as a sender waits before it tries again
            else:
                return
