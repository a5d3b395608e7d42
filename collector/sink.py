"""From messages to committed state, exactly once: the order of a flush, and what is done when a partition comes to us.

A flush, per kind of record:
    1. dead letters, unique by (source, offset, row), so that writing them again changes nothing
    2. the record log: one Delta commit, with the end offset of each source partition in it
    3. one SQL transaction: profiles, windows, watermarks, events, figures, and each offset moved from where it stood

A process may die between any two of these. Whoever gets the partition next recovers it:
    1. U, where the offset stands in SQL; V, how far the record log reaches
    2. what lies between U and V is folded from the record log, never from the log of messages, and SQL moves to V
    3. reading goes on at V
    4. the ids of the last hour of ingestion are read back from the record log, by the order in which they came and not by this
       process's time of day, which may have been set
A partition that another process owns is noticed in step 2 or 3 of the flush; it is dropped unwritten and recovered the same way. So
is, in step 3, what was counted on a grid that has a later version since (store/recount.py).
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import attrgetter

import pyarrow.compute as pc

from collector.figures import latest
from collector.fold import Folder
from collector.gather import Place, Records, gather, joined
from collector.identity import IdentityFilter, identities
from collector.letters import few
from collector.settings import CollectorSettings
from driftglass_client.wire import CONTENT_ARROW
from kernel.clock import SECOND_US, Clock
from kernel.errors import FencedError
from store import dead_letters
from store.commit import Flush, LogEnd, commit, next_offsets, note_read
from store.database import Database
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.codecs.arrow_sizes import unpacked_bytes
from stream.codecs.batch import Decoded
from stream.codecs.decode import decode
from stream.codecs.json_records import unreadable
from stream.codecs.topics import RecordKind, kind_of
from stream.message import POLL_BYTES, Message, Partition

_IDS_AT_ONCE = 1 << 20
_SQL_ALONE = (RecordKind.EVENTS, RecordKind.BUSINESS)  # few, so that step 2 has nothing of them


@dataclass(slots=True)
class Progress:
    """Where one partition stands.

    Attributes:
        offset: the first offset not yet committed; None while nothing of the partition ever was.
        seen: the identities of its last hour.
        messages: read and not yet committed.
        sizes: their bytes, each unpacked; an empty message counts too, because it moves the offset.
        size: the sum.
        ahead: an end of the log that was looked up, and that reading is still to come to.
    """

    offset: int | None
    seen: IdentityFilter
    messages: list[Message] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    size: int = 0
    ahead: LogEnd | None = None

    def keep(self, messages: Sequence[Message]) -> None:
        """Hold messages that were read."""
        sizes = [(unpacked_bytes(m.value) if m.content_type == CONTENT_ARROW else len(m.value)) + 1 for m in messages]
        self.messages.extend(messages)
        self.sizes.extend(sizes)
        self.size += sum(sizes)

    def first(self, room: int) -> list[Message]:
        """The first messages, until they fill the room; one at least."""
        if self.size <= room:
            return list(self.messages)
        return self.messages[: bisect_left(list(accumulate(self.sizes)), room) + 1]

    def passed(self) -> LogEnd | None:
        """The end that was ahead, where all before it is committed."""
        was = self.ahead
        return was if was is not None and self.offset is not None and self.offset >= was.offset else None

    def reach(self, offset: int) -> None:
        """Let go what lies before an offset, which is committed."""
        count = bisect_left(self.messages, offset, key=attrgetter("offset"))
        self.size -= sum(self.sizes[:count])
        del self.messages[:count], self.sizes[:count]
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Flushed:
    """What one flush did.

    Attributes:
        accepted, refused, doubled: records.
    """

    accepted: int = 0
    refused: int = 0
    doubled: int = 0

    def plus(self, other: "Flushed") -> "Flushed":
        """Both together."""
        return Flushed(self.accepted + other.accepted, self.refused + other.refused, self.doubled + other.doubled)


class Sink:
    """Where the messages of one workspace's partitions go. Not thread-safe."""

    def __init__(
        self, workspace: str, db: Database, log: RecordLog, folder: Folder, clock: Clock, settings: CollectorSettings
    ) -> None:
        self._workspace = workspace
        self._db = db
        self._log = log
        self._reader = RecordReader(log, workspace)
        self._folder = folder
        self._clock = clock
        self._settings = settings
        self._open: dict[Partition, Progress] = {}

    def recover(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Take partitions over.

        Returns:
            Where to read on, of each partition of which anything was ever committed.
        """
        self.drop(partitions)
        standing = next_offsets(self._db, self._workspace, partitions)
        for partition in partitions:
            offset = self._catch_up(partition, standing.get(partition))
            if offset is not None:
                standing[partition] = offset
            self._open[partition] = Progress(offset, self._remembered(partition))
        return standing

    def drop(self, partitions: Sequence[Partition]) -> None:
        """Forget partitions, with all that was read of them and not committed."""
        for partition in partitions:
            self._open.pop(partition, None)

    def take(self, messages: Mapping[Partition, Sequence[Message]]) -> None:
        """Keep messages until the next flush."""
        for partition, batch in messages.items():
            self._open[partition].keep(batch)

    @property
    def pending_bytes(self) -> int:
        """What was taken and not flushed, unpacked."""
        return sum(progress.size for progress in self._open.values())

    def held(self) -> dict[Partition, list[Message]]:
        """What was taken and not flushed, of each partition that has some."""
        return {p: list(progress.messages) for p, progress in self._open.items() if progress.messages}

    def flush(self) -> Flushed:
        """Commit all that was taken.

        Raises:
            FencedError, UnavailableError: perhaps some steps were done; recover the partitions and read again.
            collector.isolation.DATA_ERRORS: the same, and it will be so again: some message cannot be brought in.
        """
        done = Flushed()
        while due := self._due():
            for kind in RecordKind:
                done = done.plus(
                    self._flush_kind(kind, {p: mine for p, mine in due.items() if kind_of(p.topic) is kind})
                )
        return done

    def _due(self) -> dict[Partition, list[Message]]:
        """What is committed at once: all that was taken, unless that is unpacked far more than a flush."""
        room, due = self._settings.flush_bytes + POLL_BYTES, {}
        for partition, progress in self._open.items():
            if progress.messages and room > 0:
                due[partition] = progress.first(room)
                room -= sum(progress.sizes[: len(due[partition])])
        return due

    def give_up(self, message: Message, reason: str) -> Flushed:
        """Make a whole message a dead letter and go past it: nothing else of its partition may be taken and not flushed."""
        progress = self._open[message.partition]
        letter = dead_letters.of_refusal(unreadable(message, reason), self._clock.now_us())
        dead_letters.save(self._db, self._workspace, [letter])
        self._commit(Flush({message.partition: (progress.offset, message.offset + 1)}))
        return Flushed(refused=1)

    def committed(self) -> dict[Partition, int]:
        """The first offset not yet committed, of each partition of which anything was."""
        return {p: progress.offset for p, progress in self._open.items() if progress.offset is not None}

    def note_read(self, ends: Mapping[Partition, int]) -> None:
        """Note how far partitions are read: to the end of the log, as looked up just before, or to an end it had before."""
        mine, now_us = {p: end for p, end in ends.items() if p in self._open}, self._clock.now_us()
        caught_up = {p: end for p, end in mine.items() if self._open[p].offset == end}
        through = {p: was for p in mine if (was := self._open[p].passed()) is not None}
        for partition in through.keys() | {p for p in mine if self._open[p].ahead is None}:
            self._open[partition].ahead = LogEnd(mine[partition], now_us)
        if caught_up or through:
            note_read(self._db, self._workspace, caught_up, through, now_us)

    def _flush_kind(self, kind: RecordKind, due: Mapping[Partition, Sequence[Message]]) -> Flushed:
        if not due:
            return Flushed()
        spans = {partition: (self._open[partition].offset, mine[-1].offset + 1) for partition, mine in due.items()}
        if kind in _SQL_ALONE:
            return self._flush_to_sql(kind, due, spans)
        records, refused, doubled = self._records(kind, due)
        # Folding settles the types of new columns, so it comes before the record log has rows that need them.
        change = self._folder.fold(kind, records, spans)
        self._record(kind, records, spans)
        self._commit(change)
        return Flushed(sum(len(r.table) for r in records), refused, doubled)

    def _flush_to_sql(
        self,
        kind: RecordKind,
        due: Mapping[Partition, Sequence[Message]],
        spans: Mapping[Partition, tuple[int | None, int]],
    ) -> Flushed:
        decoded = [decode(mine, kind) for mine in due.values()]
        refused = self._bury(decoded, due)
        events = [event for d in decoded for event in d.events]
        figures = latest([batch for d in decoded for batch in d.batches])
        self._commit(Flush(spans, events=events, figures=figures))
        return Flushed(sum(d.accepted for d in decoded), refused)

    def _records(self, kind: RecordKind, due: Mapping[Partition, Sequence[Message]]) -> tuple[list[Records], int, int]:
        """The rows that are to be kept, how many records were refused, and how many came twice.

        What was decoded is let go here: the rows are a copy of it, and what comes next needs the memory.
        """
        decoded = [decode(mine, kind) for mine in due.values()]
        if kind is RecordKind.PREDICTIONS:
            decoded = [self._folder.check(d) for d in decoded]
        refused = self._bury(decoded, due)
        batches = [batch for d in decoded for batch in d.batches]
        filters = {partition: self._open[partition].seen for partition in due}
        records, doubled = gather(kind, batches, filters, self._clock)
        return records, refused, doubled

    def _bury(self, decoded: Sequence[Decoded], due: Mapping[Partition, Sequence[Message]]) -> int:
        """Step 1."""
        refusals = [refusal for d in decoded for refusal in d.refusals]
        messages = (message for mine in due.values() for message in mine)
        letters = (dead_letters.of_refusal(r, self._clock.now_us()) for r in few(refusals, messages))
        dead_letters.save(self._db, self._workspace, letters)
        return len(refusals)

    def _record(
        self, kind: RecordKind, records: Sequence[Records], spans: Mapping[Partition, tuple[int | None, int]]
    ) -> None:
        """Step 2; a partition that gives no rows only moves its offset, in step 3."""
        held = {place.partition for r in records for place in r.places}
        ends = {partition: (first or 0, end) for partition, (first, end) in spans.items() if partition in held}
        if records:
            self._log.append(self._workspace, kind, [r.table for r in records], ends, self._ids_since_us(held))

    def _ids_since_us(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Since when the ids of each are remembered; a partition without ids is left out."""
        known = {partition: self._open[partition].seen.since_us for partition in partitions}
        return {partition: since_us for partition, since_us in known.items() if since_us is not None}

    def _commit(self, flush: Flush) -> None:
        """Step 3."""
        commit(self._db, self._workspace, flush, self._clock.now_us())
        for partition, (_, end) in flush.spans.items():
            self._open[partition].reach(end)

    def _catch_up(self, partition: Partition, offset: int | None) -> int | None:
        """Fold what is in the record log and not yet in SQL; returns where SQL stands then."""
        kind = kind_of(partition.topic)
        if kind in _SQL_ALONE:
            return offset
        end = self._log.end(self._workspace, kind, partition)
        if end is None or end <= (offset or 0):
            return offset
        rows = self._reader.span(kind, partition, offset or 0, end)
        records = joined({Place(model, partition): table for model, table in rows.items()})
        while True:
            try:
                flush = self._folder.fold(kind, records, {partition: (offset, end)})
                commit(self._db, self._workspace, flush, self._clock.now_us())
            except FencedError:
                standing = next_offsets(self._db, self._workspace, [partition]).get(partition)
                if standing != offset:  # the one who died was not dead yet, and did it
                    return standing
                continue  # a column has got a new grid meanwhile
            return end

    def _remembered(self, partition: Partition) -> IdentityFilter:
        horizon_us, limit = round(self._settings.dedup_horizon_s * 1_000_000), self._settings.dedup_limit
        seen, kind = IdentityFilter(horizon_us, limit), RecordKind.PREDICTIONS
        if kind_of(partition.topic) is not kind:
            return seen
        since_us = self._log.ids_since_us(self._workspace, kind, partition)
        rows = None if since_us is None else self._reader.identities(kind, partition, since_us, horizon_us)
        passed_us = round(self._clock.monotonic_s() * SECOND_US)
        if rows is None:
            return seen
        for start in range(0, len(rows), _IDS_AT_ONCE):
            part = rows.slice(start, _IDS_AT_ONCE)
            seen.admit(identities(part), passed_us, pc.min(part["taken_in_us"]).as_py())
        return seen
