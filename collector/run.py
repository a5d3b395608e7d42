"""The collector's loop: read, keep, flush; and begin again from what is committed whenever something failed."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from collector.settings import CollectorSettings
from collector.sink import Flushed, Sink
from kernel.clock import SECOND_US, Clock
from kernel.errors import FencedError, UnavailableError
from stream.message import Partition, Source

_log = logging.getLogger("driftglass.collector")

_POLL_S = 0.2
_LOOK_FOR_IDLENESS_S = 1.0
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
    flushed_us: int
    looked_us: int = 0
    trimmed_us: int = 0
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
        self._stopping: Callable[[], bool] = lambda: False
        self._times = _Times(flushed_us=clock.now_us())
        self.totals = Totals()
        self._source = open_source(self)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Work until `stopping` says so; then flush and hand the partitions back."""
        self._stopping = stopping
        try:
            while not stopping():
                self.step()
            self._attempt(self._flush)
        finally:
            self._source.close()

    def step(self) -> None:
        """Read once, and flush where it is time."""
        self._attempt(self._read)
        if self._due():
            self._attempt(self._flush)

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Take partitions over: recover them, and read on where they stand."""
        self._assigned |= set(partitions)
        self._forget_beginnings(partitions)
        self._recover(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Let partitions go, with all that is not committed; whoever comes next reads it again."""
        self._assigned -= set(partitions)
        self._forget_beginnings(partitions)
        self._drop(partitions)

    def _read(self) -> None:
        messages = self._source.poll(_POLL_S)
        for partition, batch in messages.items():
            self._begun.setdefault(partition, batch[0].offset)
        for topic, mine in _by_topic(messages).items():
            self._sinks[topic].take({partition: messages[partition] for partition in mine})
        if self._since(self._times.looked_us) >= _LOOK_FOR_IDLENESS_S:
            self._look_for_idleness()

    def _flush(self) -> None:
        for sink in self._unique_sinks():
            self.totals.add(sink.flush())
        self._times = replace(self._times, flushed_us=self._clock.now_us(), pause_s=_FIRST_PAUSE_S)
        if self._since(self._times.trimmed_us) >= _TRIM_S:
            self._trim()

    def _trim(self) -> None:
        """What is committed is never read from the log again, so the local log may free it."""
        for sink in self._unique_sinks():
            for partition, offset in sink.committed().items():
                self._source.trim(partition, offset)
        self._times.trimmed_us = self._clock.now_us()

    def _look_for_idleness(self) -> None:
        for topic, mine in _by_topic(sorted(self._assigned)).items():
            ends = self._source.ends(mine)
            self._sinks[topic].note_idle(ends)
        self._times.looked_us = self._clock.now_us()

    def _due(self) -> bool:
        pending = self._pending_bytes()
        if not pending:
            self._times.flushed_us = self._clock.now_us()
        late = self._since(self._times.flushed_us) >= self._settings.flush_interval_s
        return pending >= self._settings.flush_bytes or (pending > 0 and late)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do it; where it fails, begin again from what is committed: a failure is a small crash."""
        try:
            work()
        except (FencedError, UnavailableError) as error:
            _log.warning("%s; reading again from what is committed", error)
            self._drop(self._assigned)  # half done, they must not be flushed again
            if isinstance(error, UnavailableError):
                self._pause()
            self._recover_until_done()

    def _recover_until_done(self) -> None:
        while not self._stopping():
            try:
                self._recover(sorted(self._assigned))
            except UnavailableError as error:
                _log.warning("%s; trying again in %.1f s", error, self._times.pause_s)
                self._pause()
            else:
                return

    def _pause(self) -> None:
        if not self._stopping():
            self._clock.sleep(self._times.pause_s)
            self._times.pause_s = min(2 * self._times.pause_s, _LONGEST_PAUSE_S)

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

    def _since(self, moment_us: int) -> float:
        return (self._clock.now_us() - moment_us) / SECOND_US


def _by_topic(partitions: Sequence[Partition] | Mapping[Partition, object]) -> dict[str, list[Partition]]:
    found: dict[str, list[Partition]] = {}
    for partition in partitions:
        found.setdefault(partition.topic, []).append(partition)
    return found
