"""How a flat table of records is kept in the record log, and back.

In memory a feature, a score or a tag is a column of its own (feature.NAME, score.CLASS, tag.NAME); in the record log they are
maps, so that one table holds every model. Keys and texts are dictionary-encoded on the way in, which makes them cheap to write.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kernel.arrays import whole
from kernel.clock import DAY_US
from stream.codecs.texts import as_text
from stream.codecs.topics import RecordKind

TIMESTAMP = pa.timestamp("us", "UTC")
PARTITION_COLUMN = "day"  # of the event, or of the prediction that a label names
_ROWS_AT_ONCE = 4_096

_PROVENANCE = [
    ("topic", pa.string()), ("partition", pa.int32()), ("offset", pa.int64()), ("row", pa.int32()), ("ingested_at", TIMESTAMP),
]  # fmt: skip

PLAIN: dict[RecordKind, list[tuple[str, pa.DataType]]] = {
    RecordKind.PREDICTIONS: [
        ("model", pa.string()), ("version", pa.string()), ("id", pa.string()), ("ts", TIMESTAMP), ("prediction", pa.string()),
        ("prediction_value", pa.float64()), ("latency_ms", pa.float64()), ("queue_ms", pa.float64()), ("batch_size", pa.int64()),
        ("error", pa.string()), ("cost", pa.float64()), ("weight", pa.float64()), ("trace_id", pa.string()), *_PROVENANCE,
    ],
    RecordKind.LABELS: [
        ("model", pa.string()), ("id", pa.string()), ("ts", TIMESTAMP), ("label", pa.string()), ("label_value", pa.float64()),
        ("weight", pa.float64()), ("prediction_ts", TIMESTAMP), *_PROVENANCE,
    ],
}  # fmt: skip

MAPS: dict[RecordKind, list[tuple[str, str, pa.DataType]]] = {
    RecordKind.PREDICTIONS: [
        ("numbers", "feature.", pa.float64()),
        ("texts", "feature.", pa.string()),
        ("vectors", "feature.", pa.list_(pa.float64())),
        ("scores", "score.", pa.float64()),
        ("tags", "tag.", pa.string()),
    ],
    RecordKind.LABELS: [],
}


def stored_schema(kind: RecordKind) -> pa.Schema:
    """The schema of a table of the record log."""
    maps = [(name, pa.map_(pa.string(), value)) for name, _, value in MAPS[kind]]
    return pa.schema([*PLAIN[kind], *maps, (PARTITION_COLUMN, pa.string())])


def to_stored(table: pa.Table, kind: RecordKind) -> pa.Table:
    """From flat columns, any subset of them, to the stored ones; a column that is absent is null.

    Booleans among the features are kept as 0 and 1.
    """
    rows = table.num_rows
    names = set(table.column_names)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    for name, type_ in PLAIN[kind]:
        columns[name] = whole(table[name]).cast(type_) if name in names else pa.nulls(rows, type_)
    for name, prefix, value in MAPS[kind]:
        columns[name] = _to_map(table, prefix, value)
    columns[PARTITION_COLUMN] = _days(_event_time(columns, kind))
    return pa.table(columns)


def from_stored(table: pa.Table, kind: RecordKind, *, apart: bool = False) -> pa.Table:
    """The flat columns again; columns without any value are left out.

    Args:
        apart: of a feature that came as a list here and as something else there, whether the commoner of the two is kept, and the
            other is null; else it is text.
    """
    columns = {name: table[name] for name, _ in PLAIN[kind] if table[name].null_count < table.num_rows}
    for source, prefix, _ in MAPS[kind]:
        for name, values in _from_map(whole(table[source]), prefix).items():
            if name not in columns:
                columns[name] = values
            elif not apart or not pa.types.is_list(values.type):
                columns[name] = pc.coalesce(as_text(values), as_text(columns[name]))
            elif values.null_count < columns[name].null_count:
                columns[name] = values
    return pa.table(columns)


def _event_time(columns: dict[str, pa.Array | pa.ChunkedArray], kind: RecordKind) -> pa.Array | pa.ChunkedArray:
    if kind is RecordKind.LABELS:
        return pc.coalesce(columns["prediction_ts"], columns["ts"])
    return columns["ts"]


def _days(moments: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The day of each moment as text; written once a day, because writing a date costs a microsecond."""
    days = moments.cast(pa.int64()).to_numpy() // DAY_US
    found, place = np.unique(days, return_inverse=True)
    names = pc.strftime(pa.array(found * DAY_US, TIMESTAMP), "%Y-%m-%d")
    return names.take(pa.array(place))


def _belongs(type_: pa.DataType, value: pa.DataType) -> bool:
    if pa.types.is_floating(value):
        return bool(pa.types.is_floating(type_) or pa.types.is_integer(type_) or pa.types.is_boolean(type_))
    if pa.types.is_list(value):
        return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_dictionary(type_))


def _to_map(table: pa.Table, prefix: str, value: pa.DataType) -> pa.Array:
    """The columns of one prefix and type as a map; a null is a key that is not there."""
    fields = [f for f in table.schema if f.name.startswith(prefix) and _belongs(f.type, value)]
    keys = [f.name.removeprefix(prefix) for f in fields]
    columns = [whole(table[f.name]).cast(value) for f in fields]
    present = None if not any(c.null_count for c in columns) else _interleaved([_is_valid(c) for c in columns])
    return _map(keys, table.num_rows, present, _items(columns or [pa.array([], value)], present))


def _items(columns: Sequence[pa.Array], present: np.ndarray | None) -> pa.Array:
    """What is present, row by row; each distinct text once, in a dictionary."""
    if pa.types.is_floating(columns[0].type):
        return pa.array(_at(present, _interleaved([_filled(c) for c in columns])))
    if pa.types.is_string(columns[0].type):
        encoded = pa.chunked_array([c.dictionary_encode() for c in columns]).unify_dictionaries()
        codes = _interleaved([c.indices.fill_null(0).to_numpy() for c in encoded.chunks])
        return pa.DictionaryArray.from_arrays(pa.array(_at(present, codes)), encoded.chunk(0).dictionary)
    order = np.arange(len(columns) * len(columns[0])).reshape(len(columns), -1).T
    return pa.concat_arrays(columns).take(pa.array(_at(present, order)))


def _map(keys: Sequence[str], rows: int, present: np.ndarray | None, items: pa.Array) -> pa.MapArray:
    """Rows of key and item.

    Args:
        present: which rows have which key, shape (rows, keys); None where all have every one.
        items: what is present, row by row.
    """
    index = np.tile(np.arange(len(keys), dtype=np.int32), rows).reshape(rows, len(keys))
    lengths = np.full(rows, len(keys)) if present is None else present.sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    told = pa.DictionaryArray.from_arrays(pa.array(_at(present, index)), pa.array(keys, pa.string()))
    return pa.MapArray.from_arrays(pa.array(offsets), told, items)


def _at(present: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    """The values that are present, in the order of rows."""
    return values.ravel() if present is None else values[present]


def _is_valid(column: pa.Array) -> np.ndarray:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool)


def _filled(column: pa.Array) -> np.ndarray:
    return np.asarray((column.fill_null(0.0) if column.null_count else column).to_numpy())


def _interleaved(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Columns side by side, shape (rows, columns); some rows at a time, so that what is written stays in the cache."""
    rows = len(columns[0])
    found = np.empty((rows, len(columns)), columns[0].dtype)
    for start in range(0, rows, _ROWS_AT_ONCE):
        end = start + _ROWS_AT_ONCE
        for i, column in enumerate(columns):
            found[start:end, i] = column[start:end]
    return found


def _from_map(array: pa.MapArray, prefix: str) -> dict[str, pa.Array]:
    keys = array.keys.dictionary_encode() if not pa.types.is_dictionary(array.keys.type) else array.keys
    codes = keys.indices.to_numpy(zero_copy_only=False)
    lengths = np.diff(array.offsets.to_numpy())
    owner = np.repeat(np.arange(len(array)), lengths)
    columns = {}
    for code, key in enumerate(keys.dictionary.to_pylist()):
        entries = np.flatnonzero(codes == code)
        place = np.full(len(array), -1)
        place[owner[entries]] = entries
        columns[prefix + key] = array.items.take(pa.array(place, mask=place < 0))
    return columns
