"""Queries of one workspace's record log. DuckDB does the reading; rows come in columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from deltalake.exceptions import DeltaError

from kernel.errors import UnavailableError
from store.record_pruning import Choice
from store.record_schema import PARTITION_COLUMN, stored_schema
from store.records import RecordLog
from stream.codecs.topics import RecordKind

RECORDS = "records"
_KEPT: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_file_cache": False,  # nothing of the files that a query has read outlives it
    "async_threads": 0,  # eight a reader that are no use here
}


class RecordQueries:
    """Runs queries, each on a connection of its own to one DuckDB, which takes longer to start than most of them."""

    def __init__(self, log: RecordLog, workspace: str) -> None:
        self._log = log
        self._workspace = workspace
        self._duckdb: duckdb.DuckDBPyConnection | None = None
        self._memory = ""

    def run(
        self,
        kind: RecordKind,
        query: str,
        values: Sequence[Any],
        *,
        files: Choice,
        beside: Mapping[str, pa.Table] | None = None,
        also: Mapping[RecordKind, Choice] | None = None,
    ) -> pa.Table | None:
        """The answer of a query over `records`: the rows of one kind, in these files.

        Args:
            values: of its parameters.
            beside: tables that it joins, by name.
            also: files of other kinds that it reads, as `labels_log` or `predictions_log`; empty where there are none.

        Returns:
            None where there are no such records.

        Raises:
            UnavailableError: the record log is away.
        """
        with self._connection() as connection:
            try:
                if not self._offer(connection, RECORDS, kind, files):
                    return None
                for other, chosen in (also or {}).items():
                    if not self._offer(connection, f"{other.value}_log", other, chosen):
                        connection.register(f"{other.value}_log", stored_schema(other).empty_table())
                for name, more in (beside or {}).items():
                    connection.register(name, more)
                found = connection.sql(query, params=values).to_arrow_table()
            except (duckdb.Error, DeltaError, OSError) as error:
                self._duckdb = None  # after some errors it would answer nothing more
                raise UnavailableError(f"the record log cannot be read: {error}") from error
            # To be told its limit once more has it give back what it holds and does not use.
            connection.execute(f"set global memory_limit = '{self._memory}'")
            return found

    def _connection(self) -> duckdb.DuckDBPyConnection:
        kept = self._duckdb
        if kept is None:
            kept = self._duckdb = duckdb.connect(config=_KEPT)
            [(self._memory,)] = kept.execute("select current_setting('memory_limit')").fetchall()
        connection = kept.cursor()
        connection.execute("set TimeZone = 'UTC'")
        return connection

    def _offer(self, connection: duckdb.DuckDBPyConnection, name: str, kind: RecordKind, files: Choice) -> bool:
        """Give the queries a view of some files of a table, if there are any."""
        table = self._log.table(self._workspace, kind)
        paths = [] if table is None else files(table)
        if table is None or not paths:
            return False
        _view(connection, name, kind, paths, self._log.files_of(table))
        return True


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, kind: RecordKind, paths: Sequence[str], files: pafs.FileSystem
) -> None:
    """A view of these files alone; DuckDB reads those of a folder itself, in half of the time."""
    if isinstance(files, pafs.SubTreeFileSystem):
        names = ", ".join("'" + f"{files.base_path}{path}".replace("'", "''") + "'" for path in paths)
        connection.execute(
            f"create temp view {name} as select * from read_parquet([{names}], hive_partitioning = false)"
        )
        return
    schema = stored_schema(kind)
    schema = schema.remove(schema.get_field_index(PARTITION_COLUMN))
    format_ = pads.ParquetFileFormat()
    connection.register(name, pads.FileSystemDataset.from_paths(list(paths), schema, format_, files))
