"""The record log: every accepted record once, in Delta tables, one of predictions and one of labels a workspace.

A commit carries one app transaction for each source partition in it: the offset up to which (exclusive) that partition's records
are in the table. That number, read from the handle that writes, is what makes a replay after a crash harmless. A second one says
since when the collector remembers the partition's ids, so that whoever comes next reads back the same, whatever its clock says.
"""

import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from numpy.typing import NDArray

from kernel.arrays import whole
from kernel.errors import FencedError, UnavailableError
from store.record_files import file_system, write_days
from store.record_schema import PARTITION_COLUMN, stored_schema, to_stored
from store.spread import Here, Spread
from stream.codecs.topics import RecordKind
from stream.message import Partition

# A commit every two seconds is 43,000 a day, and whoever opens the table lists them; checkpoints hold all that they say.
_PROPERTIES = {"delta.logRetentionDuration": "interval 2 hours"}

_DRAWN = re.compile(r"\x1b\[\d+m|↳")
_LONGEST_REASON = 600


class RecordLog:
    """The Delta tables under one root.

    Args:
        root: a folder, or a URL of an object store.
        storage_options: options of the object store, as delta-rs names them.
        spread: how long work over it is spread.
    """

    def __init__(
        self, root: str, storage_options: Mapping[str, str] | None = None, spread: Spread | None = None
    ) -> None:
        self.spread = spread or Here()
        self._root = root.rstrip("/")
        self._options = dict(storage_options or {})
        self._tables: dict[tuple[str, RecordKind], DeltaTable] = {}

    def __reduce__(self) -> tuple[type["RecordLog"], tuple[str, dict[str, str]]]:
        """In another process it is opened anew, and work over it is spread no further."""
        return RecordLog, (self._absolute(), self._options)

    def table(self, workspace: str, kind: RecordKind) -> DeltaTable | None:
        """The newest state of a table; None while nothing was ever written to it.

        Raises:
            UnavailableError: when the store does not answer.
        """
        key = (workspace, kind)
        try:
            if key in self._tables:
                self._tables[key].update_incremental()
            else:
                self._tables[key] = DeltaTable(self._uri(workspace, kind), storage_options=self._options)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise _silent(self._uri(workspace, kind), error) from error
        return self._tables[key]

    def files_of(self, table: DeltaTable) -> pafs.FileSystem:
        """Where a table's files lie, as a file system rooted at the table."""
        return file_system(table, self._options)

    def end(self, workspace: str, kind: RecordKind, partition: Partition) -> int | None:
        """Up to which offset (exclusive) a partition's records are in the table; None when none ever were."""
        table = self.table(workspace, kind)
        return None if table is None else self._told(table, str(partition))

    def ids_since_us(self, workspace: str, kind: RecordKind, partition: Partition) -> int | None:
        """The earliest ingested_at of the ids that the partition's last writer remembered; None where it remembered none."""
        table = self.table(workspace, kind)
        return None if table is None else self._told(table, _ids_since(partition))

    def append(
        self,
        workspace: str,
        kind: RecordKind,
        records: Sequence[pa.Table],
        spans: Mapping[Partition, tuple[int, int]],
        ids_since_us: Mapping[Partition, int] | None = None,
    ) -> None:
        """Commit records, at once and whole.

        Args:
            records: flat columns with provenance, the rows of a model together: joined only in their stored form, which is
                the same for all.
            spans: for each source partition its first offset and its end (exclusive).
            ids_since_us: for partitions whose ids count once, the earliest ingested_at of those that are remembered.

        Raises:
            FencedError: a partition's records are already there up to a later offset than its first: another process has
                taken the partition over. Nothing was written.
            UnavailableError: the store refuses; nothing was written.
        """
        table = self.table(workspace, kind) or self._create(workspace, kind)
        for partition, (first, _) in spans.items():
            end = self._told(table, str(partition))
            if end is not None and end > first:
                raise FencedError(f"{partition} is in the record log up to {end}, this batch begins at {first}")
        transactions = [Transaction(str(partition), end) for partition, (_, end) in sorted(spans.items())]
        transactions += [Transaction(_ids_since(p), since_us) for p, since_us in sorted((ids_since_us or {}).items())]
        stored = _by_model([to_stored(_by_time(r), kind) for r in records])
        try:
            table.create_write_transaction(
                write_days(file_system(table, self._options), stored),
                mode="append",
                schema=stored_schema(kind),
                partition_by=[PARTITION_COLUMN],
                commit_properties=CommitProperties(app_transactions=transactions),
            )
        except CommitFailedError as error:
            raise FencedError(f"another process wrote the same partitions to the record log: {error}") from error
        except (DeltaError, OSError) as error:
            where = self._uri(workspace, kind)
            raise UnavailableError(f"the record log {where} refuses the write: {_why(error)}") from error

    def _told(self, table: DeltaTable, subject: str) -> int | None:
        """What the table's last commit about a subject says; the commits since its checkpoint may have to be read for it."""
        try:
            version: int | None = table.transaction_version(subject)
        except (DeltaError, OSError) as error:
            raise _silent(table.table_uri, error) from error
        return version

    def _create(self, workspace: str, kind: RecordKind) -> DeltaTable:
        """The table as version 0 made it, by this process or by one that came first.

        One attempt: with more, delta-rs commits the schema of the later maker as version 1, a change at which every commit
        that is under way is refused.
        """
        uri = self._uri(workspace, kind)
        if "://" not in uri:
            Path(uri).mkdir(parents=True, exist_ok=True)
        try:
            with suppress(CommitFailedError):
                DeltaTable.create(
                    uri,
                    stored_schema(kind),
                    mode="ignore",
                    partition_by=[PARTITION_COLUMN],
                    configuration=_PROPERTIES,
                    storage_options=self._options,
                    commit_properties=CommitProperties(max_commit_retries=0),
                )
        except (DeltaError, OSError) as error:
            raise UnavailableError(f"the record log {uri} cannot be made: {_why(error)}") from error
        table = self.table(workspace, kind)
        if table is None:
            raise UnavailableError(f"the record log {uri} was made, by this or another process, but cannot be read")
        return table

    def _uri(self, workspace: str, kind: RecordKind) -> str:
        return f"{self._absolute()}/{workspace}/{kind.value}"

    def _absolute(self) -> str:
        return self._root if "://" in self._root else os.fspath(Path(self._root).resolve())


def _ids_since(partition: Partition) -> str:
    """No partition's name: those have no blank."""
    return f"{partition} ids since"


def _silent(where: str, error: Exception) -> UnavailableError:
    return UnavailableError(f"the record log {where} does not answer: {_why(error)}")


def _why(error: Exception) -> str:
    r"""What delta-rs says, in one line: it draws a tree of causes, in colours, and may add its own stack.

    >>> _why(OSError("Generic S3 error\n  \x1b[31m↳\x1b[0m Error performing PUT\n    503 Service Unavailable"))
    'Generic S3 error Error performing PUT 503 Service Unavailable'
    """
    return textwrap.shorten(_DRAWN.sub("", str(error)), _LONGEST_REASON, placeholder=" ...")


def _by_time(records: pa.Table) -> pa.Table:
    """The rows of each model in the order of their ts; traffic mostly comes in it, and sorting copies every column."""
    moments, starts = records["ts"].cast(pa.int64()).to_numpy(), _starts(records)
    ordered = moments[1:] >= moments[:-1]
    ordered[starts[1:] - 1] = True
    return records if ordered.all() else records.sort_by([("model", "ascending"), ("ts", "ascending")])


def _by_model(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of several tables, those of a model together."""
    if len(tables) == 1:
        return tables[0]
    parts: list[tuple[str, pa.Table]] = []
    for table in tables:
        starts = _starts(table)
        names = table["model"].take(pa.array(starts)).to_pylist()
        spans = zip(names, starts.tolist(), np.diff(starts, append=len(table)).tolist(), strict=True)
        parts.extend((name, table.slice(start, rows)) for name, start, rows in spans)
    return pa.concat_tables([part for _, part in sorted(parts, key=itemgetter(0))])


def _starts(records: pa.Table) -> NDArray[np.int64]:
    """Where the rows of each model begin, one of many that lie together."""
    models = whole(records["model"]).dictionary_encode().indices.to_numpy()
    return np.flatnonzero(np.diff(models, prepend=-1))
