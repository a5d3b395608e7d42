"""Retention of the record log: whole days of rows are deleted once they are old, and the windows over them are sealed first.

A day goes when all of this is so:
    1. it ended longer ago than rows are kept, and so did every window that lies over it, of any model and size: a window has all of
       its rows or is sealed, never some of them
    2. every row of it was taken in longer ago than that: what is replayed from years ago is kept as long as what is new
    3. SQL is past the offset of every row of it: what a crash left to recover is still there

Then its windows are sealed, in one transaction, with the leases on them: whoever is measuring one writes nothing. Then the day is
taken out of both tables, each in one commit that touches no file; readers at work keep the files until vacuum.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import duckdb
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import sqlalchemy as sa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from kernel.clock import DAY_US, from_datetime
from kernel.errors import UnavailableError
from store.commit import next_offsets
from store.database import Database
from store.record_compaction import stored_files, upkeep_commit
from store.record_merging import StoredFile
from store.record_schema import PARTITION_COLUMN
from store.tables import windows
from stream.codecs.topics import RecordKind
from stream.message import Partition

SEALED = "sealed"
Tables = Mapping[RecordKind, tuple[DeltaTable, pafs.FileSystem]]


def expire(db: Database, workspace: str, tables: Tables, horizon_us: int) -> list[str]:
    """Seal and delete the days that may go; returns them.

    Args:
        tables: handles that know the newest state; what is appended meanwhile to a day that goes lets it stay.
        horizon_us: what is older goes.

    Raises:
        UnavailableError: the database or the store is away; a day that is sealed and not deleted is deleted the next time.
    """
    try:
        files = [(kind, file) for kind, (table, _) in tables.items() for file in stored_files(table)]
        days = _without_younger_windows(db, workspace, old_days((f for _, f in files), horizon_us), horizon_us)
        gone = [
            day
            for day in sorted(days)
            if _may_go(db, workspace, tables, [x for x in files if x[1].day == day], horizon_us)
        ]
        if gone:
            seal(db, workspace, gone)
            for table, _ in tables.values():
                _delete(table, gone)
    except (DeltaError, duckdb.Error, OSError) as error:
        raise UnavailableError(f"the record log of {workspace} does not let old days go: {error}") from error
    return gone


def old_days(files: Iterable[StoredFile], horizon_us: int) -> set[str]:
    """The days that ended before the horizon, and of which no file is younger.

    >>> files = [StoredFile("2013-03-01", "a", 1, 5 * DAY_US), StoredFile("2013-03-02", "b", 1, 20_000 * DAY_US)]
    >>> old_days(files, horizon_us=16_000 * DAY_US)
    {'2013-03-01'}
    """
    youngest: dict[str, int] = defaultdict(int)
    for file in files:
        youngest[file.day] = max(youngest[file.day], file.taken_in_us)
    return {day for day, taken_in_us in youngest.items() if _end_us(day) <= horizon_us and taken_in_us <= horizon_us}


def seal(db: Database, workspace: str, days: Sequence[str]) -> int:
    """Seal every window that lies over one of these days; a measuring at work loses its lease. Returns the windows sealed."""
    at = windows.c
    sealed = 0
    with db.write() as connection:
        for day in days:
            over = sa.and_(at.start_us < _end_us(day), at.end_us > _start_us(day))
            here = sa.update(windows).where(at.workspace == workspace, at.state != SEALED, over)
            sealed += connection.execute(here.values(state=SEALED, token="", until_us=0)).rowcount
    return sealed


def _without_younger_windows(db: Database, workspace: str, days: set[str], horizon_us: int) -> set[str]:
    """Less the days under a window that has not ended before the horizon."""
    if not days:
        return days
    at = windows.c
    here = (at.workspace == workspace, at.end_us > horizon_us, at.start_us < max(map(_end_us, days)))
    with db.read() as connection:
        younger = list(connection.execute(sa.select(at.start_us, at.end_us).where(*here).distinct()))
    return {d for d in days if not any(start < _end_us(d) and end > _start_us(d) for start, end in younger)}


def _may_go(
    db: Database, workspace: str, tables: Tables, files: Sequence[tuple[RecordKind, StoredFile]], horizon_us: int
) -> bool:
    """Whether every row of these files is old, and SQL is past it: read from the rows themselves."""
    for kind, (_, system) in tables.items():
        for partition, last, taken_in_us in _reaches(system, [f.path for k, f in files if k is kind]):
            standing = next_offsets(db, workspace, [partition]).get(partition, 0)
            if taken_in_us > horizon_us or last >= standing:
                return False
    return True


def _reaches(system: pafs.FileSystem, paths: Sequence[str]) -> Iterator[tuple[Partition, int, int]]:
    """Of each source partition with rows in these files the largest offset, and when the youngest row was taken in."""
    if not paths:
        return
    dataset = pads.dataset(list(paths), format="parquet", filesystem=system)
    reader = dataset.scanner(columns=["topic", "partition", "offset", "ingested_at"], fragment_readahead=1).to_reader()
    query = """select topic, "partition", max("offset"), max(epoch_us(ingested_at)) from rows group by all"""
    with duckdb.connect() as connection:
        connection.register("rows", reader)
        for topic, number, last, taken_in_us in connection.sql(query).fetchall():
            yield Partition(topic, number), last, taken_in_us


def _delete(table: DeltaTable, days: Sequence[str]) -> None:
    """Take whole days out of a table: no file is read or written."""
    names = ", ".join(f"'{day}'" for day in days)
    try:
        table.delete(f"{PARTITION_COLUMN} in ({names})", commit_properties=upkeep_commit(table))
    except CommitFailedError as error:
        raise UnavailableError(f"rows came into {table.table_uri} for a day that was to go: {error}") from error


def _start_us(day: str) -> int:
    return from_datetime(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC))


def _end_us(day: str) -> int:
    return _start_us(day) + DAY_US
