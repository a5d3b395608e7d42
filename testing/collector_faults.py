"""A database and a record log that fail when they are told to: the process dies at a step of the commit, or a store is away."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa
import sqlalchemy as sa

from kernel.errors import UnavailableError
from store.database import Database
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition


class DiedError(Exception):
    """The process ended here."""


class Step(StrEnum):
    """A step of the commit."""

    ANY_WRITE = "any write"  # dead letters, what is new of models and columns, or the commit
    RECORD_LOG = "record log"
    TRANSACTION = "transaction"  # the first after the record log was written


class Moment(StrEnum):
    """When within a step."""

    BEFORE = "before"
    WITHIN = "within"  # all is done but committed; the record log has no such moment
    AFTER = "after"


@dataclass
class Faults:
    """What is to fail.

    Attributes:
        skip: so many steps of the kind still pass.
        died: whether the process has died, at the step and moment set.
        away: which stores do not answer: "database", "records".
    """

    step: Step | None = None
    moment: Moment = Moment.BEFORE
    skip: int = 0
    died: bool = False
    away: set[str] = field(default_factory=set)
    _recorded: bool = False

    def arm(self, step: Step, moment: Moment, skip: int = 0) -> None:
        """Let the process die there."""
        self.step, self.moment, self.skip, self.died, self._recorded = step, moment, skip, False, False

    def disarm(self) -> None:
        """Let it live."""
        self.step = None

    def check(self, store: str) -> None:
        """Where a store is away.

        Raises:
            UnavailableError: it is.
        """
        if store in self.away:
            raise UnavailableError(f"the {store} of the test is away")

    def writes(self) -> bool:
        """Whether the process dies at this write of the database."""
        due = self.step is Step.ANY_WRITE or (self.step is Step.TRANSACTION and self._recorded)
        return due and self._is_turn()

    def appends(self) -> bool:
        """Whether the process dies at this write of the record log."""
        self._recorded = True
        return self.step is Step.RECORD_LOG and self._is_turn()

    def reach(self, moment: Moment) -> None:
        """Come to a moment of the step at which the process dies.

        Raises:
            DiedError: it is the one.
        """
        if self.moment is moment:
            self.step, self.died = None, True
            raise DiedError

    def _is_turn(self) -> bool:
        self.skip -= 1
        return self.skip < 0


class FaultyDatabase(Database):
    """A database that fails as its faults say."""

    def __init__(self, url: str, faults: Faults) -> None:
        super().__init__(url)
        self._faults = faults

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """As a database does."""
        self._faults.check("database")
        with super().read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """As a database does."""
        self._faults.check("database")
        dies = self._faults.writes()
        if dies:
            self._faults.reach(Moment.BEFORE)
        with super().write() as connection:
            yield connection
            if dies:
                self._faults.reach(Moment.WITHIN)
        if dies:
            self._faults.reach(Moment.AFTER)


class FaultyRecordLog(RecordLog):
    """A record log that fails as its faults say."""

    def __init__(self, root: str, faults: Faults) -> None:
        super().__init__(root)
        self._faults = faults

    def end(self, workspace: str, kind: RecordKind, partition: Partition) -> int | None:
        """As a record log does."""
        self._faults.check("records")
        return super().end(workspace, kind, partition)

    def append(
        self,
        workspace: str,
        kind: RecordKind,
        records: Sequence[pa.Table],
        spans: Mapping[Partition, tuple[int, int]],
        ids_since_us: Mapping[Partition, int] | None = None,
    ) -> None:
        """As a record log does."""
        self._faults.check("records")
        dies = self._faults.appends()
        if dies and self._faults.moment is not Moment.AFTER:
            self._faults.reach(self._faults.moment)
        super().append(workspace, kind, records, spans, ids_since_us)
        if dies:
            self._faults.reach(Moment.AFTER)
