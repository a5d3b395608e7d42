"""Arrow arrays from Python lists, by their buffers.

pyarrow.array() would do, but its first call imports pandas wherever that is installed: a second of work and some 50 MB
in a service that may never have wanted it.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import Any

from driftglass_client.values import Column


def array_of(pa: Any, kind: str, column: Column) -> Any:
    """An Arrow array of one column; None is null.

    Args:
        pa: the module pyarrow.
        kind: "time" (timestamp[us, UTC]), "number" (float64), "bool", "text" (string) or "vector" (list of float32).
        column: the values, all of that kind.

    Raises:
        OverflowError: an integer is beyond float64, or a column's text is beyond 2 GB.
        UnicodeEncodeError: a string is not Unicode text.
    """
    valid = _bits(pa, [value is not None for value in column]) if None in column else None
    if kind == "vector":
        filled = [() if value is None else value for value in column]
        items = array("f", [item for vector in filled for item in vector])
        children = [pa.Array.from_buffers(pa.float32(), len(items), [None, pa.py_buffer(items)])]
        buffers = [valid, _offsets(pa, map(len, filled))]
        return pa.Array.from_buffers(pa.list_(pa.float32()), len(column), buffers, children=children)
    if kind == "text":
        return pa.Array.from_buffers(pa.string(), len(column), [valid, *_text(pa, column)])
    if kind == "bool":
        return pa.Array.from_buffers(pa.bool_(), len(column), [valid, _bits(pa, column)])
    code, of = ("q", pa.timestamp("us", "UTC")) if kind == "time" else ("d", pa.float64())
    data = array(code, column if valid is None else [0 if value is None else value for value in column])
    return pa.Array.from_buffers(of, len(column), [valid, pa.py_buffer(data)])


def _text(pa: Any, column: Column) -> tuple[Any, Any]:
    filled = ["" if value is None else value for value in column]
    joined = "".join(filled)
    data = joined.encode()
    lengths = map(len, filled) if len(data) == len(joined) else (len(value.encode()) for value in filled)
    return _offsets(pa, lengths), pa.py_buffer(data)


def _offsets(pa: Any, lengths: Any) -> Any:
    return pa.py_buffer(array("i", [0, *accumulate(lengths)]))


def _bits(pa: Any, column: Column) -> Any:
    """Bits, the first row lowest, set where a value is true."""
    digits = "".join(["1" if value else "0" for value in reversed(column)])
    return pa.py_buffer(int(digits, 2).to_bytes((len(column) + 7) // 8, "little"))
