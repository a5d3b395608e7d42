"""The contract's rules about values, each over a whole column at once."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftglass_client.wire import (
    ID,
    LABEL,
    LABEL_VALUE,
    NAME,
    PREDICTION_TS,
    SCORE_PREFIX,
    TS,
    VALUE,
    VERSION,
    WEIGHT,
)
from kernel.arrays import Column
from kernel.clock import MINUTE_US
from stream.codecs.columns import (
    BATCH_SIZE,
    COST,
    INTEGER,
    LATENCY_MS,
    LONGEST,
    LONGEST_SERIES,
    NUMBER,
    QUEUE_MS,
    RECEIVED_US,
    TEXT,
    VECTOR,
    field_of,
)
from stream.codecs.topics import RecordKind

AHEAD_US = 5 * MINUTE_US
_AHEAD = "lies more than 5 minutes ahead of the time at which the record was received"
_FIRST_US = -62_135_596_800_000_000  # 0001-01-01
LONGEST_MS = 1e12  # thirty years
LIGHTEST, HEAVIEST = 1e-9, 1e9  # sums of the squares of any number of weights stay far from where float64 ends
MISSING = "is missing"


class Breach(NamedTuple):
    """Some rows break a rule.

    Attributes:
        rows: bool, one a row of the table; null counts as false.
    """

    rows: Column
    field: str
    reason: str


def breaches(table: pa.Table, kind: RecordKind, *, beside: bool = False) -> Iterator[Breach]:
    """Every rule that some row may break. `table` is in canonical columns, before what is missing was filled in.

    Args:
        beside: labels stand in the records of their predictions, where neither an id nor a label is needed.
    """
    present = set(table.column_names)
    yield from _of_time(table)
    yield from _of_length(table, [name for name in (ID, VERSION) if name in present])
    if kind is RecordKind.LABELS:
        yield from _of_labels(table, beside=beside)
    if kind is RecordKind.BUSINESS:
        yield from _of_figures(table)
    for name in (LATENCY_MS, QUEUE_MS):
        if name in present:
            yield Breach(_outside(table[name], 0.0, LONGEST_MS), name, f"must be a number from 0 to {LONGEST_MS:g}")
    if WEIGHT in present:
        fault = _outside(table[WEIGHT], LIGHTEST, HEAVIEST)
        yield Breach(fault, WEIGHT, f"must be a number from {LIGHTEST:g} to {HEAVIEST:g}")
    if BATCH_SIZE in present:
        yield Breach(pc.less(table[BATCH_SIZE], 1), BATCH_SIZE, "must be 1 or more")
    for name in sorted(n for n in present if n == COST or n.startswith(SCORE_PREFIX)):
        yield Breach(_infinite(table[name]), field_of(name), "must be a finite number")
    yield from _of_types(table)


def _outside(column: Column, least: float, most: float) -> Column:
    """Not a number between these; NaN is no number."""
    return pc.invert(pc.and_(pc.greater_equal(column, least), pc.less_equal(column, most)))


def _infinite(column: Column) -> Column:
    return pc.invert(pc.is_finite(column))


def _of_time(table: pa.Table) -> Iterator[Breach]:
    ts_us = pc.cast(table[TS], INTEGER)
    yield Breach(pc.is_null(ts_us), TS, MISSING)
    ahead = pc.greater(pc.subtract(ts_us, table[RECEIVED_US]), AHEAD_US)
    yield Breach(ahead, TS, _AHEAD)
    yield Breach(pc.less(ts_us, _FIRST_US), TS, "lies before the year 1")
    if PREDICTION_TS in table.column_names:
        known = pc.cast(table[PREDICTION_TS], INTEGER)
        ahead = pc.greater(pc.subtract(known, table[RECEIVED_US]), AHEAD_US)
        yield Breach(ahead, PREDICTION_TS, _AHEAD)
        yield Breach(pc.less(known, _FIRST_US), PREDICTION_TS, "lies before the year 1")


def _of_length(table: pa.Table, names: list[str]) -> Iterator[Breach]:
    for name in names:
        yield Breach(pc.greater(pc.utf8_length(table[name]), LONGEST), name, f"must have at most {LONGEST} characters")
        if name == ID:
            yield Breach(pc.equal(pc.binary_length(table[ID]), 0), ID, "must not be empty")


def _of_labels(table: pa.Table, *, beside: bool) -> Iterator[Breach]:
    present = set(table.column_names)
    if not beside:
        yield from _of_lone_labels(table, present)
    if LABEL_VALUE in present:
        yield Breach(_infinite(table[LABEL_VALUE]), LABEL, "must be a finite number or a class label")


def _of_lone_labels(table: pa.Table, present: set[str]) -> Iterator[Breach]:
    missing = pa.nulls(table.num_rows, pa.bool_()).fill_null(True)
    yield Breach(
        pc.is_null(table[ID]) if ID in present else missing, ID, "is missing: a label needs its prediction's id"
    )
    for name in (LABEL, LABEL_VALUE):
        if name in present:
            missing = pc.and_(missing, pc.is_null(table[name]))
    yield Breach(missing, LABEL, MISSING)


def _of_figures(table: pa.Table) -> Iterator[Breach]:
    present = set(table.column_names)
    name = table[NAME] if NAME in present else pa.nulls(table.num_rows, TEXT)
    value = table[VALUE] if VALUE in present else pa.nulls(table.num_rows, NUMBER)
    length = pc.utf8_length(name)
    wrong = pc.or_(pc.less(length, 1), pc.greater(length, LONGEST_SERIES))
    yield Breach(pc.is_null(name), NAME, MISSING)
    yield Breach(wrong, NAME, f"must be a text of 1 to {LONGEST_SERIES} characters")
    yield Breach(pc.is_null(value), VALUE, MISSING)
    yield Breach(_infinite(value), VALUE, "must be a finite number")


def _of_types(table: pa.Table) -> Iterator[Breach]:
    """What a column's type does not say."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.type == TEXT and any(_may_hold_nul(chunk) for chunk in column.chunks):
            yield Breach(pc.match_substring(column, "\0"), field_of(name), "must not hold the character U+0000")
        elif column.type == VECTOR and any(chunk.values.null_count for chunk in column.chunks):
            yield Breach(_with_null(column.combine_chunks()), field_of(name), "must be a list of numbers only")


def _may_hold_nul(texts: pa.Array) -> bool:
    """A quick look at all bytes; databases cannot keep U+0000 in a text."""
    data = texts.buffers()[2]
    return data is not None and not np.frombuffer(data, np.uint8).all()


def _with_null(lists: pa.Array) -> pa.Array:
    """Which lists hold a null; what lies hidden under a list that is null itself does not count."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    parents = np.repeat(np.arange(len(lists)), lengths)
    holes = pc.is_null(lists.flatten()).to_numpy(zero_copy_only=False)
    return pa.array(np.bincount(parents[holes], minlength=len(lists)) > 0)
