"""Which files of the record log a read has to open: by what Delta says of each, so that a read costs what it asks for.

Each function makes a choice of files; a choice takes the table and names the files' paths within it.
"""

from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from kernel.clock import to_datetime
from kernel.windows import Span
from stream.message import Partition

Choice = Callable[[DeltaTable], list[str]]

_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999  # 0001-01-01 and 9999-12-31


def of_days(spans_us: Sequence[Span]) -> Choice:
    """The files of the days (UTC) that these spans touch."""
    days = [(_day(start), _day(end)) for start, end in spans_us]

    def chosen(table: DeltaTable) -> list[str]:
        found = (
            table.file_uris(file_pruning_predicate=[("day", ">=", first), ("day", "<=", last)]) for first, last in days
        )
        return _within(table, dict.fromkeys(uri for uris in found for uri in uris))

    return chosen


def added_since(moment_us: int) -> Choice:
    """The files with a row that was taken in then or later."""

    def chosen(table: DeltaTable) -> list[str]:
        files = pa.table(table.get_add_actions(flatten=True))
        return _paths(files, pc.greater_equal(files["modification_time"].cast(pa.int64()), moment_us // 1_000))

    return chosen


def of_offsets(partition: Partition, first: int, end: int) -> Choice:
    """The files that may hold a row of this partition with an offset in [first, end)."""

    def chosen(table: DeltaTable) -> list[str]:
        files = pa.table(table.get_add_actions(flatten=True))
        bounds = [("topic", partition.topic, partition.topic), ("partition", partition.number, partition.number)]
        may = pa.chunked_array([pa.repeat(True, files.num_rows)])
        for column, least, most in [*bounds, ("offset", first, end - 1)]:
            if f"min.{column}" in files.column_names:  # of a file that Delta says nothing of, anything may be true
                low, high = files[f"min.{column}"], files[f"max.{column}"]
                within = pc.and_(pc.less_equal(low, most), pc.greater_equal(high, least))
                may = pc.and_(may, pc.fill_null(within, True))
        return _paths(files, may)

    return chosen


def _paths(files: pa.Table, chosen: pa.ChunkedArray) -> list[str]:
    paths: list[str] = files["path"].filter(chosen).to_pylist()
    return paths


def _within(table: DeltaTable, uris: Iterable[str]) -> list[str]:
    root = table.table_uri.removeprefix("file://").rstrip("/") + "/"
    return [uri.removeprefix("file://").removeprefix(root) for uri in uris]


def _day(ts_us: int) -> str:
    """The name of a moment's day; of a moment outside the years 1 to 9999 that of the nearest day within."""
    return to_datetime(min(max(ts_us, _FIRST_US), _LAST_US)).date().isoformat()
