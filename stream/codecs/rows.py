"""Rows of a table as JSON records: for dead letters and for people, never on a hot path."""

from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from driftglass_client.wire import LABEL_VALUE, MODEL, PREDICTION_VALUE, PREFIXES
from kernel.arrays import Column
from stream.codecs.columns import OFFSET, RECEIVED_US, ROW, TEXT
from stream.codecs.texts import map_columns

_OURS = (OFFSET, ROW, RECEIVED_US)


def rows_as_json(table: pa.Table, model: str | None) -> list[bytes]:
    """One record a row, as a sender of JSON would write it; what is null is left out, NaN becomes null."""
    rows = map_columns(table, lambda _, column: _printable(column)).to_pylist()
    return [msgspec.json.encode(_nested(row, model)) for row in rows]


def _printable(column: Column) -> Column:
    if not pa.types.is_timestamp(column.type):
        return column
    return pc.replace_substring(pc.cast(column, TEXT), " ", "T")


def _nested(row: dict[str, Any], model: str | None) -> dict[str, Any]:
    record: dict[str, Any] = {} if model is None else {MODEL: model}
    for name, value in row.items():
        if value is None or name in _OURS:
            continue
        prefix = next((p for p in PREFIXES if name.startswith(p)), None)
        if prefix:
            record.setdefault(PREFIXES[prefix], {})[name.removeprefix(prefix)] = value
        elif name in (PREDICTION_VALUE, LABEL_VALUE):
            record[name.removesuffix("_value")] = value
        else:
            record[name] = value
    return record
