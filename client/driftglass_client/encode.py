"""From columns to the body of a message, and one body to two.

Arrow where pyarrow is installed and each column has one type; NDJSON else. Arrow keeps NaN and infinities of
features; JSON has none, so there they are null.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import import_module
from typing import Any, Callable

from driftglass_client import wire
from driftglass_client.arrow_arrays import array_of
from driftglass_client.columns import Columns
from driftglass_client.values import NONE, NUMBERS, TEXTS, Column, rfc3339

JSON_NAMES = {wire.PREDICTION_VALUE: wire.PREDICTION, wire.LABEL_VALUE: wire.LABEL}
ROWS_A_STRETCH = 64
"""Rows of NDJSON written between two pauses, about half a millisecond."""

Pause = Callable[[], None]


@lru_cache(maxsize=1)
def pyarrow() -> Any:
    """The module pyarrow, or None where it is not installed.

    A client asks for it while it is being made: an import that a fork cuts in half never ends in the child.
    """
    try:
        return import_module("pyarrow")
    except ImportError:
        return None


def body_of(columns: Columns, constants: dict[str, str], pause: Pause) -> tuple[str, bytes]:
    """(content type, body) of columns; `constants` are text columns with one value for all rows.

    Raises:
        ValueError: a string is not Unicode text (a lone surrogate).
        OverflowError: an integer is beyond float64.
    """
    kinds = {name: _kind(name, column) for name, column in columns.items()}
    if pyarrow() is None or "mixed" in kinds.values():
        return wire.CONTENT_NDJSON, _ndjson(columns, constants, pause)
    return wire.CONTENT_ARROW, _arrow(columns, kinds, constants, pause)


def halves(content_type: str, body: bytes) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    """The (body, rows) of the first and of the second half of an encoded batch of two rows or more.

    Raises:
        RuntimeError: the body is Arrow, from a spool of an earlier run, and pyarrow is not installed any more.
    """
    if content_type != wire.CONTENT_ARROW:
        lines = body.splitlines(keepends=True)
        middle = len(lines) // 2
        return (b"".join(lines[:middle]), middle), (b"".join(lines[middle:]), len(lines) - middle)
    pa = pyarrow()
    if pa is None:
        raise RuntimeError("an Arrow batch cannot be split without pyarrow")
    table = pa.ipc.open_stream(body).read_all()
    middle = table.num_rows // 2
    first, second = table.slice(0, middle), table.slice(middle)
    return (_stream(pa, first), middle), (_stream(pa, second), second.num_rows)


def _kind(name: str, column: Column) -> str:
    kinds = set(map(type, column))
    if name in wire.TIME_COLUMNS:
        return "time"
    if kinds <= TEXTS:
        return "text"
    if kinds <= NUMBERS:
        return "number"
    if kinds <= {bool, NONE}:
        return "bool"
    return "vector" if kinds <= {list, NONE} else "mixed"


def _arrow(columns: Columns, kinds: dict[str, str], constants: dict[str, str], pause: Pause) -> bytes:
    pa = pyarrow()
    rows = len(columns[wire.ID])
    arrays = {name: array_of(pa, "text", [text] * rows) for name, text in constants.items()}
    for name, column in columns.items():
        arrays[name] = array_of(pa, kinds[name], column)
        pause()
    return _stream(pa, pa.table(arrays))


def _stream(pa: Any, table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _ndjson(columns: Columns, constants: dict[str, str], pause: Pause) -> bytes:
    places = [_place(name) for name in columns]
    lines = []
    for index, row in enumerate(zip(*columns.values())):
        record: dict[str, Any] = dict(constants)
        for (group, name), value in zip(places, row):
            if value is None:
                continue
            if group is None:
                record[name] = rfc3339(value) if name in wire.TIME_COLUMNS else value
            else:
                record.setdefault(group, {})[name] = value
        lines.append(_json(record))
        if index % ROWS_A_STRETCH == ROWS_A_STRETCH - 1:
            pause()
    return "".join(lines).encode()


def _place(column: str) -> tuple[str | None, str]:
    for prefix, group in wire.PREFIXES.items():
        if column.startswith(prefix):
            return group, column[len(prefix) :]
    return None, JSON_NAMES.get(column, column)


def _json(record: dict[str, Any]) -> str:
    try:
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(record), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value
