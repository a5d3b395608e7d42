"""Recorded features as a model's input tensors: a missing number is NaN, a missing text is ""."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import DTypeLike, NDArray

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


def numbers(column: pa.Array, dtype: DTypeLike) -> NDArray[np.floating]:
    """Floats of shape (n,), NaN where missing; a text that is no number is missing.

    >>> numbers(pa.array(["1.5", "n/a", None]), np.float32).tolist()
    [1.5, nan, nan]
    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = _parsed(column)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype)


def _parsed(column: pa.Array) -> pa.Array:
    readable = pc.match_substring_regex(column, NUMBER)
    kept = pc.if_else(readable, column, pa.scalar(None, column.type))
    return pc.utf8_trim_whitespace(kept).cast(pa.float64())


def whole_numbers(column: pa.Array, dtype: DTypeLike) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Integers or booleans of shape (n,), and where they are missing: these types have no value for that, so it is 0.

    >>> values, missing = whole_numbers(pa.array([2.0, None]), np.int64)
    >>> values.tolist(), missing.tolist()
    ([2, 0], [False, True])
    """
    values = numbers(column, np.float64)
    missing = ~np.isfinite(values)
    return np.where(missing, 0.0, values).astype(dtype), missing


def texts(column: pa.Array) -> NDArray[np.object_]:
    """Strings of shape (n,); a whole number is its digits alone.

    >>> texts(pa.array([3.0, 2.5, None])).tolist()
    ['3', '2.5', '']
    """
    if not pa.types.is_string(column.type):
        column = column.cast(pa.string())
    # One Python string for each distinct value, not for each row.
    encoded = (column.fill_null("") if column.null_count else column).dictionary_encode()
    values: NDArray[np.object_] = np.array(encoded.dictionary.to_pylist(), np.object_)[encoded.indices.to_numpy()]
    return values
