"""The Parquet files of the record log: one a day and commit, or several merged; and what Delta is told of each.

Arrow's writer takes the columns as they lie in memory, dictionaries included, in less than half of the time that Delta's own takes.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction

from store.record_schema import PARTITION_COLUMN

_SUMMARISED = ("model", "version", "id", "ts", "topic", "partition", "offset", "ingested_at")
_FEW_VALUES = (
    "model", "version", "prediction", "topic", "partition", "label", "numbers.key_value.key", "texts.key_value.key",
    "texts.key_value.value", "vectors.key_value.key", "scores.key_value.key", "tags.key_value.key", "tags.key_value.value",
)  # fmt: skip
_ROWS_A_GROUP = 131_072
_ROWS_A_SORTED_GROUP = 32_768
_MOMENT_FORMAT = "%Y-%m-%dT%H:%M:%SZ"  # seconds carry their microseconds


def file_system(table: DeltaTable, options: Mapping[str, str]) -> pafs.FileSystem:
    """Where the table's files lie, as a file system rooted at the table."""
    root = table.table_uri.removeprefix("file://")
    if "://" not in root:
        return pafs.SubTreeFileSystem(root, pafs.LocalFileSystem())
    return pafs.PyFileSystem(DeltaStorageHandler.from_table(table._table, dict(options)))


def write_days(files: pafs.FileSystem, stored: pa.Table) -> list[AddAction]:
    """Write rows, in their order, into a file for each of their days; they are in the table once the actions are committed.

    Args:
        stored: the stored columns (store.record_schema), `day` included.

    Raises:
        OSError: the store refuses; what was written already belongs to no table, and is vacuumed some day.
    """
    return [_write(files, day, rows, [rows], changes=True) for day, rows in _by_day(stored)]


def write_merged(files: pafs.FileSystem, day: str, rows: pa.Table) -> AddAction:
    """Write rows of one day that are in the table already into one file, by model and ts.

    Besides `rows` only some thousand of them are held in memory.

    Args:
        rows: at least one, with the stored columns without `day`.

    Raises:
        OSError: the store refuses; what was written already belongs to no table, and is vacuumed some day.
    """
    return _write(files, day, rows, _by_model_and_time(rows), changes=False)


def _by_day(stored: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    days, rows = stored[PARTITION_COLUMN], stored.drop_columns([PARTITION_COLUMN])
    found = pc.unique(days).to_pylist()
    for day in found:
        yield day, rows if len(found) == 1 else rows.filter(pc.equal(days, day))


def _by_model_and_time(rows: pa.Table) -> Iterator[pa.Table]:
    order = pc.sort_indices(rows.select(["model", "ts"]), sort_keys=[("model", "ascending"), ("ts", "ascending")])
    for start in range(0, len(order), _ROWS_A_SORTED_GROUP):
        yield rows.take(order[start : start + _ROWS_A_SORTED_GROUP])


def _write(files: pafs.FileSystem, day: str, rows: pa.Table, parts: Iterable[pa.Table], *, changes: bool) -> AddAction:
    """Write the rows as the parts bring them.

    Args:
        changes: whether the rows are new to the table.
    """
    folder = f"{PARTITION_COLUMN}={day}"
    path = f"{folder}/{uuid.uuid4()}.parquet"
    files.create_dir(folder)
    few = [name for name in _FEW_VALUES if name.partition(".")[0] in rows.column_names]
    with files.open_output_stream(path) as out:
        with pq.ParquetWriter(
            out,
            rows.schema,
            compression="snappy",
            use_dictionary=few,
            store_schema=False,  # in the file a dictionary is a text like any other
            write_statistics=list(_SUMMARISED),
        ) as writer:
            for part in parts:
                writer.write_table(part, row_group_size=_ROWS_A_GROUP)
        size = out.tell()
    return AddAction(path, size, {PARTITION_COLUMN: day}, _taken_in_ms(rows), changes, json.dumps(_summary(rows)))


def _taken_in_ms(rows: pa.Table) -> int:
    """When the newest row was taken in: the age of a file is that of its rows, by the clock that stamped them."""
    return int(pc.max(rows["ingested_at"].cast(pa.int64())).as_py()) // 1_000


def _summary(rows: pa.Table) -> dict[str, Any]:
    """What Delta's statistics say of a file, so that readers may leave it out."""
    names = [name for name in _SUMMARISED if name in rows.column_names]
    extremes = {name: pc.min_max(rows[name]) for name in names}
    return {
        "numRecords": rows.num_rows,
        "minValues": {name: _plain(found["min"]) for name, found in extremes.items() if found["min"].is_valid},
        "maxValues": {name: _plain(found["max"]) for name, found in extremes.items() if found["max"].is_valid},
        "nullCount": {name: rows[name].null_count for name in names},
    }


def _plain(value: pa.Scalar) -> Any:
    if pa.types.is_timestamp(value.type):
        return pc.strftime(value, _MOMENT_FORMAT).as_py()
    return value.as_py()
