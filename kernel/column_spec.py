"""What the columns of a flat table are called, and how each is to be counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.arrays import whole
from kernel.grid import Float64Array, Grid
from kernel.profile import Kind

VERSION = "version"
FEATURE, SCORE, TAG = "feature.", "score.", "tag."
LABEL = "label"  # in measurements
OF_A_TEXT = "text."  # of what is derived from texts
DISTINCT_ROWS = "rows.distinct"  # a sample of rows by what their features are
CONFIDENCE = "confidence."  # of what is derived from scores
PREDICTION, PREDICTION_VALUE = "prediction", "prediction_value"
POSITIVE_COLUMNS = ("latency_ms", "queue_ms", "cost")
FLAGS = {"false": 0, "true": 1, "0": 0, "1": 1}  # the record log keeps booleans as 0 and 1
_NUMBER_TEXT = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"


def flag_name(value: str) -> str:
    """What a value of a boolean column is called as a segment; one that is no boolean stays as it is.

    >>> [flag_name(value) for value in ("1", "true", "0", "maybe")]
    ['true', 'true', 'false', 'maybe']
    """
    return ("false", "true")[FLAGS[value]] if value in FLAGS else value


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """How a column is to be counted.

    Attributes:
        grid: the grid of a numeric column; None while no finite value was ever seen.
        categories: value -> code of a categorical column, and of one whose values are told apart as segments.
    """

    kind: Kind
    version: int = 0
    grid: Grid | None = None
    categories: Mapping[str, int] = field(default_factory=dict)


def is_profiled(name: str, type_: pa.DataType) -> bool:
    """Whether a column of a flat table is counted in profiles."""
    if name.startswith(FEATURE):
        return not (pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))
    return name.startswith(SCORE) or name in (PREDICTION, PREDICTION_VALUE, *POSITIVE_COLUMNS)


def stored_name(name: str) -> str:
    """A prediction is one column, whether it is a class or a number."""
    return PREDICTION if name == PREDICTION_VALUE else name


def natural_kind(name: str, type_: pa.DataType) -> Kind:
    """The kind a column has by its name and its Arrow type."""
    if name in POSITIVE_COLUMNS:
        return Kind.POSITIVE
    if name.startswith(SCORE):
        return Kind.SCORE
    if pa.types.is_boolean(type_):
        return Kind.BOOLEAN
    return Kind.NUMERIC if pa.types.is_floating(type_) or pa.types.is_integer(type_) else Kind.CATEGORICAL


def strangers(kind: Kind, values: pa.ChunkedArray) -> int:
    """How many of the values that are not null are not of the kind; a text may read as a number or a boolean.

    >>> strangers(Kind.NUMERIC, pa.chunked_array([["1.5", "n/a", None]]))
    1
    """
    present = int(len(values) - values.null_count)
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if kind in (Kind.CATEGORICAL, Kind.TEXT):
        return 0 if text else present
    if kind is Kind.NUMERIC and text:
        return present - _trues(pc.match_substring_regex(values, _NUMBER_TEXT))
    if kind is Kind.BOOLEAN and not pa.types.is_boolean(values.type):
        return present - _trues(pc.is_in(values.cast(pa.string()), pa.array(list(FLAGS))))
    return present if kind is Kind.NUMERIC and pa.types.is_boolean(values.type) else 0


def finite_numbers(values: pa.ChunkedArray) -> Float64Array:
    """The finite numbers among the values, in their order; a text may read as one.

    >>> finite_numbers(pa.chunked_array([["1.5", "n/a", None]])).tolist()
    [1.5]
    """
    found, _ = numbers(whole(values.drop_null()))
    return found[np.isfinite(found)]


def _trues(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)


def numbers(column: pa.Array) -> tuple[Float64Array, NDArray[np.bool_] | None]:
    """The values as float64, and which of them are no numbers, None of a column of numbers; text may read as a number."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        floats = column if pa.types.is_float64(column.type) else column.cast(pa.float64())
        return floats.to_numpy(zero_copy_only=False), None
    numeric = pc.match_substring_regex(column, _NUMBER_TEXT)
    text = pc.if_else(numeric, pc.utf8_trim_whitespace(column), "nan")
    return text.cast(pa.float64()).to_numpy(zero_copy_only=False), ~numeric.to_numpy(zero_copy_only=False)


def texts(column: pa.Array) -> pa.DictionaryArray:
    """The values as texts, each distinct one once.

    >>> texts(pa.array([True, None, True])).to_pylist()
    ['true', None, 'true']
    """
    return (column if pa.types.is_string(column.type) else column.cast(pa.string())).dictionary_encode()
