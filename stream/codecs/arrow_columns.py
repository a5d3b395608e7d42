"""One Arrow stream to columns of canonical names and types: renamed and cast, copied only where a type differs."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftglass_client.wire import FEATURE_PREFIX, ID, LABEL, MODEL, PREDICTION, SCORE_PREFIX, TIME_COLUMNS, VERSION
from kernel.arrays import Column
from kernel.errors import ContractError
from stream.codecs.arrow_sizes import require_bounded, require_small
from stream.codecs.columns import (
    BATCH_SIZE,
    FIXED,
    INTEGER,
    MAX_RECORDS,
    MOMENT,
    NUMBER,
    PROVENANCE,
    TEXT,
    TOO_MANY,
    VECTOR,
    field_of,
    is_named,
    name_problem,
)
from stream.codecs.topics import RecordKind

_VIEW_BYTES = 16


def read_stream(body: bytes) -> pa.Table:
    """The rows of an Arrow IPC stream, as they were sent.

    Raises:
        ContractError: it is no such stream, or too long.
    """
    try:
        require_bounded(body)
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            batches = list(_bounded(reader))
            table = pa.Table.from_batches(batches, reader.schema)
        table.validate(full=True)  # offsets and UTF-8: a stranger's bytes are not trusted
    except (pa.ArrowException, UnicodeDecodeError, OSError, EOFError) as error:
        raise ContractError("", f"is no Arrow IPC stream: {str(error).splitlines()[0]}") from error
    return table


def _bounded(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches, up to a number of rows: a few bytes may claim any."""
    rows = 0
    for batch in reader:
        rows += batch.num_rows
        if rows > MAX_RECORDS:
            raise ContractError("", TOO_MANY)
        yield batch


def canonical(table: pa.Table, kind: RecordKind) -> pa.Table:
    """The rows in canonical columns, with the column "model" where they have one; times may still be text.

    Raises:
        ContractError: a column has a type that its name does not allow; all rows are refused.
    """
    try:
        return _typed(table, kind)
    except UnicodeDecodeError as error:  # time zones are only looked at here
        raise ContractError("", "is no Arrow IPC stream: a time zone is not UTF-8") from error


def _typed(table: pa.Table, kind: RecordKind) -> pa.Table:
    columns: dict[str, Column] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not _is_ours(name, kind) or pa.types.is_null(column.type):
            continue
        problem = name_problem(name) if is_named(name) else None
        if problem or name in columns:
            raise ContractError(field_of(name)[:50], problem or "is a column that comes twice")
        columns[name] = _cast(name, _plain(column), kind)
    return pa.table(columns) if columns else pa.table({MODEL: pa.nulls(table.num_rows, TEXT)})


def _is_ours(name: str, kind: RecordKind) -> bool:
    if name == MODEL:
        return True
    if is_named(name):
        return kind is RecordKind.PREDICTIONS
    return name in FIXED[kind] and name not in PROVENANCE


def _plain(column: Column) -> Column:
    """Without dictionaries and views."""
    if pa.types.is_dictionary(column.type) and _is_ordinary(column.type.value_type):
        require_small(column)
        return pc.cast(column, column.type.value_type)
    if pa.types.is_string_view(column.type):
        return pa.chunked_array([pc.cast(_without_hidden(chunk), TEXT) for chunk in column.chunks], TEXT)
    return column


def _without_hidden(views: pa.Array) -> pa.Array:
    """The same texts, with empty views where they are null: Arrow validates no view under a null, but its cast follows it."""
    bitmap, data, *rest = views.buffers()
    if not views.null_count:
        return views
    shown = np.frombuffer(data, np.uint8).reshape(-1, _VIEW_BYTES)[: views.offset + len(views)].copy()
    shown[views.offset :][views.is_null().to_numpy(zero_copy_only=False)] = 0
    return pa.Array.from_buffers(views.type, len(views), [bitmap, pa.py_buffer(shown), *rest], offset=views.offset)


def _cast(name: str, column: Column, kind: RecordKind) -> Column:
    try:
        return _to_feature(column) if name.startswith(FEATURE_PREFIX) else _to_fixed(name, column, kind)
    except (pa.ArrowException, TypeError) as error:
        wanted = (
            "numbers, texts, booleans or lists of numbers" if name.startswith(FEATURE_PREFIX) else _wanted(name, kind)
        )
        raise ContractError(field_of(name), f"is a column of type {column.type}; it must hold {wanted}") from error


def _wanted(name: str, kind: RecordKind) -> str:
    if name in TIME_COLUMNS:
        return "timestamps with a time zone, or RFC 3339 texts"
    return {TEXT: "texts", NUMBER: "numbers", INTEGER: "whole numbers"}[_type_of(name, kind)]


def _type_of(name: str, kind: RecordKind) -> pa.DataType:
    if is_named(name):
        return NUMBER if name.startswith(SCORE_PREFIX) else TEXT
    return TEXT if name == MODEL else FIXED[kind][name]


def _to_feature(column: Column) -> Column:
    if _is_text(column.type):
        return pc.cast(column, TEXT)
    if pa.types.is_boolean(column.type):
        return column
    if _is_list(column.type):
        if not _is_number(column.type.value_type):
            raise TypeError
        return pc.cast(column, VECTOR, safe=False)
    return _to_number(column)


def _to_fixed(name: str, column: Column, kind: RecordKind) -> Column:
    wanted = _type_of(name, kind)
    if column.type == wanted:
        return column
    if wanted == MOMENT:
        return _to_moment(column)
    if wanted == NUMBER:
        return _to_number(column)
    if name == BATCH_SIZE and _is_number(column.type):
        return pc.cast(column, INTEGER)
    if _is_text(column.type) or (name in (ID, VERSION) and pa.types.is_integer(column.type)):
        return pc.cast(column, TEXT)
    if name in (PREDICTION, LABEL) and pa.types.is_boolean(column.type):
        return pc.cast(column, TEXT)
    raise TypeError


def _to_number(column: Column) -> Column:
    if not _is_number(column.type):
        raise TypeError
    return pc.cast(column, NUMBER, safe=False)


def _to_moment(column: Column) -> Column:
    if _is_text(column.type):
        return pc.cast(column, TEXT)
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        raise TypeError
    return pc.cast(column, MOMENT, safe=column.type.unit != "ns")  # only nanoseconds are cut off, nothing overflows


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_ordinary(kind: pa.DataType) -> bool:
    """Whether a dictionary may hold values of this type; others, such as lists, are refused as they are."""
    return _is_text(kind) or _is_number(kind) or bool(pa.types.is_primitive(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
