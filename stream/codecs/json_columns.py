"""JSON records of one model to columns, all at once: the fast path.

Arrow's reader is strict about types within one block and refuses keys that come twice, and works outside the interpreter's lock.
What it would bend (texts that look like times) or cannot take is found by the types it inferred, and goes the careful way.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from driftglass_client.wire import (
    ERROR,
    FEATURE_PREFIX,
    FEATURES,
    ID,
    MODEL,
    NAME,
    PREDICTION_TS,
    SCORE_PREFIX,
    SCORES,
    TAG_PREFIX,
    TAGS,
    TRACE_ID,
    TS,
    VALUE,
    VERSION,
    WEIGHT,
)
from kernel.arrays import Column, whole
from stream.codecs.columns import (
    BATCH_SIZE,
    COST,
    FIXED,
    INTEGER,
    LATENCY_MS,
    NUMBER,
    OUTCOME,
    QUEUE_MS,
    TEXT,
    VECTOR,
    name_problem,
)
from stream.codecs.texts import concat
from stream.codecs.topics import RecordKind

_PIECE_BYTES = 1 << 20  # about
_BLOCK_BYTES = 1 << 16  # the least; a block always holds a whole piece, as types are only compared within one
_STRICT = {
    RecordKind.PREDICTIONS: {
        MODEL: TEXT, TS: TEXT, VERSION: TEXT, ERROR: TEXT, TRACE_ID: TEXT, LATENCY_MS: NUMBER, QUEUE_MS: NUMBER,
        BATCH_SIZE: INTEGER, COST: NUMBER, WEIGHT: NUMBER,
    },
    RecordKind.LABELS: {MODEL: TEXT, TS: TEXT, WEIGHT: NUMBER, PREDICTION_TS: TEXT},
    RecordKind.BUSINESS: {MODEL: TEXT, TS: TEXT, NAME: TEXT, VALUE: NUMBER},
}  # fmt: skip
_GROUPS = {FEATURES: FEATURE_PREFIX, SCORES: SCORE_PREFIX, TAGS: TAG_PREFIX}
_PREFIXES = {RecordKind.PREDICTIONS: _GROUPS, RecordKind.LABELS: {}, RecordKind.BUSINESS: {}}


class IrregularError(Exception):
    """These records are not all of one shape: take the careful path."""


def read_columns(bodies: Sequence[bytes], kind: RecordKind) -> dict[str, Column]:
    """One row a record, in columns of canonical names and types; times are still text.

    Raises:
        IrregularError: some record does not fit, which may be a fault of it or not.
    """
    tables = [pa.table(_read_piece(piece, kind)) for piece in _pieces(bodies)]
    found = concat(tables)
    return dict(zip(found.column_names, found.columns, strict=True))


def _pieces(bodies: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Some records at a time: what Arrow reads and writes then stays in the processor's cache."""
    rows = max(1, _PIECE_BYTES * len(bodies) // max(1, sum(map(len, bodies))))
    for start in range(0, len(bodies), rows):
        yield bodies[start : start + rows]


def _read_piece(bodies: Sequence[bytes], kind: RecordKind) -> dict[str, pa.Array]:
    joined = b"\n".join(bodies)
    if joined.count(b"\n") >= len(bodies):  # between tokens only: in a text it would be escaped
        joined = b"\n".join(body.replace(b"\n", b" ") for body in bodies)
    if not joined.isascii():
        _check_utf8(joined)
    found = _read(joined, pa.schema(list(_STRICT[kind].items())))
    times = [field for field in found.schema if _has_time(field.type)]
    if times:  # a text that looks like a time stays the text it is
        found = _read(joined, pa.schema([*_STRICT[kind].items(), *((f.name, _with_text(f.type)) for f in times)]))
    if found.num_rows != len(bodies):
        raise IrregularError
    return _flat(found, kind)


def _check_utf8(joined: bytes) -> None:
    try:
        joined.decode()
    except UnicodeDecodeError as error:
        raise IrregularError from error


def _read(joined: bytes, schema: pa.Schema) -> pa.Table:
    block = pj.ReadOptions(use_threads=False, block_size=max(len(joined) + 1, _BLOCK_BYTES))
    try:
        return pj.read_json(
            pa.BufferReader(joined), block, pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer")
        )
    except pa.ArrowException as error:
        raise IrregularError from error


def _has_time(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(pa.types.is_timestamp(field.type) for field in kind)
    return bool(pa.types.is_timestamp(kind))


def _with_text(kind: pa.DataType) -> pa.DataType:
    if not pa.types.is_struct(kind):
        return TEXT
    return pa.struct([(field.name, TEXT) for field in kind if pa.types.is_timestamp(field.type)])


def _flat(found: pa.Table, kind: RecordKind) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for name, chunked in zip(found.column_names, found.columns, strict=True):
        column = whole(chunked)
        if name in _STRICT[kind]:
            columns[name] = column
        elif name == ID and ID in FIXED[kind]:
            columns[name] = _id(column)
        elif kind in OUTCOME and name == OUTCOME[kind][0]:
            columns.update(_outcome(column, kind))
        elif name in _PREFIXES[kind]:
            columns.update(_group(column, _PREFIXES[kind][name]))
    del columns[MODEL]
    return columns


def _id(column: pa.Array) -> pa.Array:
    if column.type in (TEXT, INTEGER, pa.null()):
        return pc.cast(column, TEXT)
    raise IrregularError


def _outcome(column: pa.Array, kind: RecordKind) -> dict[str, pa.Array]:
    as_class, as_number = OUTCOME[kind]
    if column.type in (TEXT, pa.bool_()):
        return {as_class: pc.cast(column, TEXT)}
    return {as_number: _number(column)}


def _group(column: pa.Array, prefix: str) -> dict[str, pa.Array]:
    if pa.types.is_null(column.type):
        return {}
    if not pa.types.is_struct(column.type):
        raise IrregularError
    columns = {}
    for field, child in zip(column.type, column.flatten(), strict=True):
        name = prefix + field.name
        if name_problem(name):
            raise IrregularError
        if not pa.types.is_null(child.type):
            columns[name] = _value(child, prefix)
    return columns


def _value(column: pa.Array, prefix: str) -> pa.Array:
    if column.type == TEXT and prefix != SCORE_PREFIX:
        return column
    if prefix == FEATURE_PREFIX and column.type == pa.bool_():
        return column
    if prefix == FEATURE_PREFIX and pa.types.is_list(column.type):
        return _vector(column)
    if prefix == TAG_PREFIX:
        raise IrregularError
    return _number(column)


def _vector(column: pa.Array) -> pa.Array:
    if column.values.null_count:
        raise IrregularError
    if column.type.value_type not in (NUMBER, INTEGER, pa.null()):
        raise IrregularError
    return pc.cast(column, VECTOR, safe=False)


def _number(column: pa.Array) -> pa.Array:
    if column.type not in (NUMBER, INTEGER, pa.null()):
        raise IrregularError
    return pc.cast(column, NUMBER, safe=False)
