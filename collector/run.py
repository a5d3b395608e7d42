"""The collector's loop: read, keep, flush; and begin again from what is committed whenever something failed."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from collector.isolation import DATA_ERRORS, flush_apart
from collector.settings import CollectorSettings
from collector.sink import Flushed, Sink
from kernel.clock import Clock
from kernel.errors import FencedError, UnavailableError
from stream.message import Message, Partition, Source

_log = logging.getLogger("driftglass.collector")

_POLL_S = 0.2
_LOOK_AT_ENDS_S = 1.0
_TRIM_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


@dataclass(slots=True)
class Totals:
    """What the collector did since it began."""

    accepted: int = 0
    refused: int = 0
    doubled: int = 0
    flushes: int = 0
    recoveries: int = 0

    def add(self, flushed: Flushed) -> None:
        """Count a flush."""
        self.accepted += flushed.accepted
        self.refused += flushed.refused
        self.doubled += flushed.doubled
        self.flushes += 1


@dataclass(slots=True)
class _Times:
    """When things were last done, on the clock that never jumps.

    Attributes:
        back_s: when to try again, while we stand by; None while all is well.
        pause_s: how long to stand by the next time.
    """

    flushed_s: float
    looked_s: float = -math.inf
    trimmed_s: float = -math.inf
    back_s: float | None = None
    pause_s: float = _FIRST_PAUSE_S


class Collector:
    """Reads the partitions it is assigned and brings their messages into the sink of their workspace.

    Args:
        sinks: by topic.
        open_source: builds the source around this collector, which is the source's listener.
    """

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        open_source: Callable[["Collector"], Source],
        clock: Clock,
        settings: CollectorSettings,
    ) -> None:
        self._sinks = sinks
        self._clock = clock
        self._settings = settings
        self._assigned: set[Partition] = set()
        self._begun: dict[Partition, int] = {}  # where reading began, for those of which nothing was ever committed
        self._times = _Times(flushed_s=clock.monotonic_s())
        self.totals = Totals()
        self._source = open_source(self)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Work until `stopping` says so; then flush and hand the partitions back."""
        try:
            while not stopping():
                self.step()
            self._attempt(self._flush)
        finally:
            self._source.close()

    def step(self) -> None:
        """Read once, and flush where it is time; or stand by once."""
        if self._times.back_s is not None:
            self._stand_by(self._times.back_s)
            return
        self._attempt(self._read)
        if self._times.back_s is None and self._due():
            self._attempt(self._flush)

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Take partitions over: recover them, and read on where they stand. While we stand by, that comes later."""
        self._assigned |= set(partitions)
        self._forget_beginnings(partitions)
        if self._times.back_s is None:
            self._recover(partitions)
        else:
            self._source.pause(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Let partitions go, with all that is not committed; whoever comes next reads it again."""
        self._assigned -= set(partitions)
        self._forget_beginnings(partitions)
        self._drop(partitions)

    def _read(self) -> None:
        messages = self._poll()
        for topic, mine in _by_topic(messages).items():
            self._sinks[topic].take({partition: messages[partition] for partition in mine})
        if self._since(self._times.looked_s) >= _LOOK_AT_ENDS_S:
            self._look_at_ends()

    def _poll(self) -> dict[Partition, list[Message]]:
        messages = self._source.poll(_POLL_S)
        for partition, batch in messages.items():
            self._begun.setdefault(partition, batch[0].offset)
        return messages

    def _flush(self) -> None:
        for sink in self._unique_sinks():
            self.totals.add(_flushed(sink))
        self._times.flushed_s, self._times.pause_s = self._clock.monotonic_s(), _FIRST_PAUSE_S
        if self._since(self._times.trimmed_s) >= _TRIM_S:
            self._trim()

    def _trim(self) -> None:
        """What is committed is never read from the log again, so the local log may free it."""
        for sink in self._unique_sinks():
            for partition, offset in sink.committed().items():
                self._source.trim(partition, offset)
        self._times.trimmed_s = self._clock.monotonic_s()

    def _look_at_ends(self) -> None:
        for topic, mine in _by_topic(sorted(self._assigned)).items():
            ends = self._source.ends(mine)
            self._sinks[topic].note_read(ends)
        self._times.looked_s = self._clock.monotonic_s()

    def _due(self) -> bool:
        pending = self._pending_bytes()
        if not pending:
            self._times.flushed_s = self._clock.monotonic_s()
        late = self._since(self._times.flushed_s) >= self._settings.flush_interval_s
        return pending >= self._settings.flush_bytes or (pending > 0 and late)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do it; where it fails, begin again from what is committed: a failure is a small crash."""
        try:
            work()
        except FencedError as error:
            _log.warning("%s; reading again from what is committed", error)
            self._pause_for(0.0)
        except UnavailableError as error:
            _log.warning("%s; trying again in %.1f s", error, self._times.pause_s)
            self._pause_for(self._times.pause_s)
            self._times.pause_s = min(2 * self._times.pause_s, _LONGEST_PAUSE_S)

    def _pause_for(self, seconds: float) -> None:
        """Read nothing for that long. What is half done is dropped, because it must not be flushed again."""
        self._drop(self._assigned)
        self._source.pause(sorted(self._assigned))
        self._times.back_s = self._clock.monotonic_s() + seconds

    def _stand_by(self, back_s: float) -> None:
        """Poll the paused partitions, which is what keeps them ours; then come back, once it is time."""
        try:
            self._poll()
        except UnavailableError:  # the log is away too
            self._clock.sleep(_POLL_S)
        if self._clock.monotonic_s() >= back_s:
            self._attempt(self._come_back)

    def _come_back(self) -> None:
        self._recover(sorted(self._assigned))
        self._source.resume(sorted(self._assigned))
        self._times.back_s = None

    def _recover(self, partitions: Sequence[Partition]) -> None:
        self.totals.recoveries += 1
        for topic, mine in _by_topic(partitions).items():
            committed = self._sinks[topic].recover(mine)
            for partition in mine:
                offset = committed.get(partition, self._begun.get(partition))
                if offset is not None:
                    self._source.seek(partition, offset)

    def _drop(self, partitions: Iterable[Partition]) -> None:
        for topic, mine in _by_topic(sorted(partitions)).items():
            self._sinks[topic].drop(mine)

    def _forget_beginnings(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._begun.pop(partition, None)

    def _pending_bytes(self) -> int:
        return sum(sink.pending_bytes for sink in self._unique_sinks())

    def _unique_sinks(self) -> list[Sink]:
        return list({id(sink): sink for sink in self._sinks.values()}.values())

    def _since(self, moment_s: float) -> float:
        return self._clock.monotonic_s() - moment_s


def _flushed(sink: Sink) -> Flushed:
    """A flush; where a message stands in its way, that one is buried and the others are brought in."""
    try:
        return sink.flush()
    except DATA_ERRORS as error:
        return flush_apart(sink, error)


def _by_topic(partitions: Sequence[Partition] | Mapping[Partition, object]) -> dict[str, list[Partition]]:
    found: dict[str, list[Partition]] = {}
    for partition in partitions:
        found.setdefault(partition.topic, []).append(partition)
    return found
