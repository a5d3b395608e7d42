"""Declared types: what a person has said about a column rejects what does not fit; nothing else does."""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kernel.arrays import Column
from kernel.profile import Kind
from stream.codecs.arrow_batches import refuse_rows
from stream.codecs.batch import Batch, Refusal
from stream.codecs.columns import FLAG, NUMBER, TEXT, VECTOR, field_of
from stream.codecs.settle import Origin
from stream.codecs.texts import as_text

_NUMBER_TEXT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def check_declared(batch: Batch, declared: Mapping[str, Kind]) -> tuple[Batch, list[Refusal]]:
    """Cast the declared columns to their types and take out the rows in which a value does not fit.

    A text that reads as a number is one, and a number or a boolean is a category by its text: so whether a value fits does not
    depend on what else is in the batch. A boolean is also 0 or 1.

    Args:
        declared: by the name of the column in the table, such as "feature.dep_delay"; columns the batch lacks are ignored.

    Returns:
        The batch, possibly of no rows, and a refusal for each row that does not fit, for the first such column by name.
    """
    table = batch.table
    faults: dict[int, tuple[int, str, str]] = {}
    for name in sorted(set(declared) & set(table.column_names)):
        column = _CASTS[declared[name]](table[name])
        lost = pc.and_(pc.is_valid(table[name]), pc.is_null(column))
        for index in np.flatnonzero(lost.to_numpy(zero_copy_only=False)).tolist():
            faults.setdefault(index, (index, field_of(name), f"is declared {declared[name]} and has another type"))
        table = table.set_column(table.column_names.index(name), name, column)
    if not faults:
        return Batch(batch.partition, batch.model, table), []
    refusals = refuse_rows(batch.table, batch.model, Origin(batch.partition), [faults[i] for i in sorted(faults)])
    good = np.ones(table.num_rows, np.bool_)
    good[list(faults)] = False
    return Batch(batch.partition, batch.model, table.filter(pa.array(good))), refusals


def _nothing(column: Column, kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(len(column), kind)])


def _number(column: Column) -> Column:
    if column.type == TEXT:
        return pc.cast(pc.if_else(pc.match_substring_regex(column, _NUMBER_TEXT), column, None), NUMBER)
    return column if column.type == NUMBER else _nothing(column, NUMBER)


def _category(column: Column) -> Column:
    return _nothing(column, TEXT) if column.type == VECTOR else as_text(column)


def _boolean(column: Column) -> Column:
    if column.type == VECTOR:
        return _nothing(column, FLAG)
    text = as_text(column)
    known = pc.is_in(text, value_set=pa.array(["true", "false", "1", "0"]))
    return pc.if_else(known, pc.is_in(text, value_set=pa.array(["true", "1"])), None)


_CASTS: dict[Kind, Callable[[Column], Column]] = {
    Kind.NUMERIC: _number,
    Kind.SCORE: _number,
    Kind.POSITIVE: _number,
    Kind.CATEGORICAL: _category,
    Kind.BOOLEAN: _boolean,
    Kind.TEXT: _category,
}
