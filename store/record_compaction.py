"""Compaction of the record log: small files of a day become one, whose rows are sorted by model and ts; no row comes or goes.

A merge is one Delta commit that takes files out of the table and puts one in, as Delta's own OPTIMIZE does. That one is not used:
two of them at once, as after a lost lease, double the rows without an error (deltalake 1.6), and it does not sort. Here each commit
of the upkeep carries the same app transaction, so that of two that overlap one fails. Appends are no conflict, on either side.
"""

import time
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import RemoveAction

from kernel.errors import FencedError, UnavailableError
from store.record_files import write_merged
from store.record_merging import Merge, StoredFile
from store.record_schema import PARTITION_COLUMN, stored_schema
from stream.codecs.topics import RecordKind

UPKEEP = "driftglass.upkeep"  # no source partition's name: those have a slash
_TAKEN_IN = "max.ingested_at"
_ROWS_A_BATCH = 8_192


def upkeep_commit(table: DeltaTable) -> CommitProperties:
    """What every commit of the upkeep carries: of two that overlap, one fails."""
    return CommitProperties(app_transactions=[Transaction(UPKEEP, table.version() + 1)])


def stored_files(table: DeltaTable) -> list[StoredFile]:
    """The files of a table, as this handle knows it.

    Raises:
        UnavailableError: the store does not answer; the handle may have to read commits for it.
    """
    try:
        actions = pa.table(table.get_add_actions(flatten=True))
    except (DeltaError, OSError) as error:
        raise UnavailableError(f"the files of the record log {table.table_uri} cannot be listed: {error}") from error
    age_us = pc.multiply(actions["modification_time"].cast(pa.int64()), 1_000)
    if _TAKEN_IN in actions.column_names:  # absent where no file has statistics
        age_us = pc.coalesce(actions[_TAKEN_IN].cast(pa.timestamp("us", "UTC")).cast(pa.int64()), age_us)
    known = (actions[name].to_pylist() for name in (f"partition.{PARTITION_COLUMN}", "path", "size_bytes"))
    return [StoredFile(*values) for values in zip(*known, age_us.to_pylist(), strict=True)]


def compact(table: DeltaTable, files: pafs.FileSystem, kind: RecordKind, merge: Merge, memory_bytes: int) -> int:
    """Do one merge, of as many of its files as fit into memory; returns how many, 0 where no two of the first do.

    Args:
        table: the handle that the merge was planned by, as it was.
        files: the table's file system.
        memory_bytes: of rows as they lie in memory; the whole takes about three times that.

    Raises:
        FencedError: another worker's commit came first; nothing was changed.
        UnavailableError: the store refuses; nothing was changed.
    """
    try:
        chosen, rows = _read(files, merge.files, kind, memory_bytes)
        if len(chosen) < 2:
            return 0
        added = write_merged(files, merge.day, rows)
        try:
            _replace(table, kind, chosen, added)
        except CommitFailedError as error:
            files.delete_file(added.path)
            raise FencedError(f"another worker changed {table.table_uri} meanwhile: {error}") from error
    except (DeltaError, OSError) as error:
        raise UnavailableError(f"the record log {table.table_uri} cannot be compacted: {error}") from error
    return len(chosen)


def _replace(table: DeltaTable, kind: RecordKind, old: Sequence[StoredFile], new: object) -> None:
    now_ms = time.time_ns() // 1_000_000  # vacuum compares it with the machine's own clock
    removed = [RemoveAction(f.path, False, now_ms, f.size_bytes, {PARTITION_COLUMN: f.day}) for f in old]
    table.create_write_transaction(
        [*removed, new],
        mode="append",
        schema=stored_schema(kind),
        partition_by=[PARTITION_COLUMN],
        commit_properties=upkeep_commit(table),
    )


def _read(
    files: pafs.FileSystem, wanted: Sequence[StoredFile], kind: RecordKind, memory_bytes: int
) -> tuple[list[StoredFile], pa.Table]:
    """The rows of the first files that fit into memory together, and which those are."""
    schema = stored_schema(kind)
    schema = schema.remove(schema.get_field_index(PARTITION_COLUMN))
    chosen: list[StoredFile] = []
    held: list[pa.RecordBatch] = []
    size = 0
    for file in wanted:
        mine = []
        for batch in _batches(files, file.path, schema):
            mine.append(batch)
            size += batch.nbytes
            if size > memory_bytes:
                return chosen, pa.Table.from_batches(held, schema)
        chosen.append(file)
        held.extend(mine)
    return chosen, pa.Table.from_batches(held, schema)


def _batches(files: pafs.FileSystem, path: str, schema: pa.Schema) -> pa.RecordBatchReader:
    format_ = pads.ParquetFileFormat()
    dataset = pads.FileSystemDataset.from_paths([path], schema=schema, format=format_, filesystem=files)
    return dataset.scanner(batch_size=_ROWS_A_BATCH, batch_readahead=1, use_threads=False).to_reader()
