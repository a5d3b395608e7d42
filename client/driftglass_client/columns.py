"""From the rows that the call sites queued to the columns of the wire."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Callable

from driftglass_client import values, wire
from driftglass_client.errors import InvalidRecordError, SparseBatchError
from driftglass_client.values import Column

Columns = dict[str, Column]
"""Wire column name to one value a row, None where absent; times are microseconds since 1970 UTC."""

Row = tuple[Any, ...]

PREDICTION_ROW = (
    "id", "logged_ns", "features", "prediction", "scores", "ts", "latency_ms", "queue_ms", "batch_size", "error",
    "cost", "weight", "tags", "trace_id",
)  # fmt: skip
"""A prediction as Client.log_prediction queues it; logged_ns is the wall clock of the call, in nanoseconds."""

LABEL_ROW = ("id", "logged_ns", "label", "ts", "weight", "prediction_ts")
"""A label as Client.log_label queues it."""

ROWS_A_STRETCH = 256
"""Rows whose names are collected between two pauses, about 0.2 ms for 25 features."""

MAX_CELLS_A_VALUE = 8
"""Rows whose features hardly overlap become sparse columns; above this many cells for each value the batch is halved."""


def prediction_columns(rows: Sequence[Row], pause: Callable[[], None]) -> Columns:
    """Columns of predictions; `pause` is called between features, so that other threads can run.

    Raises:
        SparseBatchError: the rows share too few names; fewer rows will do.
        InvalidRecordError: a row does not fit; any other exception comes from the caller's own objects.
    """
    raw = dict(zip(PREDICTION_ROW, map(list, zip(*rows))))
    found: Columns = {wire.ID: values.ids(raw["id"]), wire.TS: _times(raw)}
    found.update(_spread(wire.FEATURE_PREFIX, raw["features"], values.features, pause))
    found[wire.PREDICTION], found[wire.PREDICTION_VALUE] = values.outcomes(raw["prediction"])
    found.update(_spread(wire.SCORE_PREFIX, raw["scores"], values.numbers, pause))
    for name in ("latency_ms", "queue_ms", "batch_size", "cost", "weight"):
        found[name] = values.numbers(raw[name])
    for name in ("error", "trace_id"):
        found[name] = values.texts(raw[name])
    found.update(_spread(wire.TAG_PREFIX, raw["tags"], _tags, pause))
    return _present(found)


def label_columns(rows: Sequence[Row], pause: Callable[[], None]) -> Columns:
    """Columns of labels; raises as prediction_columns does."""
    raw = dict(zip(LABEL_ROW, map(list, zip(*rows))))
    found: Columns = {wire.ID: values.ids(raw["id"]), wire.TS: _times(raw)}
    found[wire.LABEL], found[wire.LABEL_VALUE] = values.outcomes(raw["label"])
    if any(text is None and value is None for text, value in zip(found[wire.LABEL], found[wire.LABEL_VALUE])):
        raise InvalidRecordError("a label is missing or not finite")
    found[wire.WEIGHT] = values.numbers(raw["weight"])
    pause()
    found[wire.PREDICTION_TS] = values.times(raw["prediction_ts"])
    return _present(found)


def take(columns: Columns, rows: Sequence[int]) -> Columns:
    """The same columns with these rows only; a column left without a value is left out."""
    return _present({name: [column[row] for row in rows] for name, column in columns.items()})


def _times(raw: dict[str, Column]) -> Column:
    logged_us = [ns // 1000 for ns in raw["logged_ns"]]
    if set(map(type, raw["ts"])) == {values.NONE}:
        return logged_us
    return [own if own is not None else us for own, us in zip(values.times(raw["ts"]), logged_us)]


def _spread(prefix: str, column: Column, read: Callable[[Column], Column], pause: Callable[[], None]) -> Columns:
    """One column of mappings to one column a key."""
    kinds = set(map(type, column))
    if kinds == {values.NONE}:
        return {}
    if kinds != {dict}:
        column = [values.mapping(value) for value in column]
    keys: dict[Any, None] = {}
    for start in range(0, len(column), ROWS_A_STRETCH):
        keys.update(dict.fromkeys(chain.from_iterable(column[start : start + ROWS_A_STRETCH])))
        pause()
    if set(map(type, keys)) - {str}:
        raise InvalidRecordError("a name is not a string")
    if len(column) > 1 and len(keys) * len(column) > MAX_CELLS_A_VALUE * max(sum(map(len, column)), 1_000):
        raise SparseBatchError("the rows of a batch share too few names")
    spread: Columns = {}
    for key in keys:
        spread[prefix + key] = read([row.get(key) for row in column])
        pause()
    return spread


def _tags(column: Column) -> Column:
    return [values.tag(value) for value in column]


def _present(columns: Columns) -> Columns:
    return {
        name: column
        for name, column in columns.items()
        if name in (wire.ID, wire.TS) or set(map(type, column)) != {values.NONE}
    }
