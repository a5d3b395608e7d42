"""From columns as they were sent to canonical columns: times are read, rules are checked, what is missing is filled in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftglass_client.wire import ID, TIME_COLUMNS, VERSION
from kernel.arrays import Column
from stream.codecs.columns import ALWAYS, FIXED, MOMENT, OFFSET, ROW, TEXT, arranged
from stream.codecs.moments import parse_rfc3339
from stream.codecs.rules import Breach, breaches
from stream.codecs.topics import RecordKind
from stream.message import Partition

NO_TIME = "must be an RFC 3339 time with its zone, such as 2013-03-01T10:00:00Z"


class Bad(NamedTuple):
    """A row that breaks a rule: its place in the table that was checked, the first field that is wrong, and why."""

    at: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records come from, which an id that is missing derives from.

    Attributes:
        key: of a request that has no place in the log yet; ids are KEY:ROW, otherwise TOPIC/PARTITION/OFFSET/ROW.
        beside: labels stand in the records of their predictions, where neither an id nor a label is needed.
    """

    partition: Partition
    key: str | None = None
    beside: bool = False


def settle(table: pa.Table, kind: RecordKind, origin: Origin) -> tuple[pa.Table, list[Bad]]:
    """The good rows in canonical columns, and the bad ones.

    Args:
        table: rows of one model in columns of canonical names and types, with offset, row and received_us; only the times
            may still be text, and any column may be missing or null throughout.
    """
    table, unread = _read_times(table, kind)
    table = _without_empty(table, kind)
    bad = _first_of_each([*unread, *breaches(table, kind, beside=origin.beside)])
    if bad:
        good = np.ones(table.num_rows, np.bool_)
        good[[b.at for b in bad]] = False
        table = _without_empty(table.filter(pa.array(good)), kind)
    return _filled(table, kind, origin), bad


def _read_times(table: pa.Table, kind: RecordKind) -> tuple[pa.Table, list[Breach]]:
    unread = []
    for name in TIME_COLUMNS:
        if name in FIXED[kind] and name in table.column_names and table[name].type == TEXT:
            texts = table[name]
            moments = parse_rfc3339(texts)
            unread.append(Breach(pc.and_(pc.is_valid(texts), pc.is_null(moments)), name, NO_TIME))
            table = table.set_column(table.column_names.index(name), name, moments)
    return table, unread


def _without_empty(table: pa.Table, kind: RecordKind) -> pa.Table:
    """Without columns that hold nothing, except for those that every table has."""
    always = ALWAYS[kind]
    full = [n for n, c in zip(table.column_names, table.columns, strict=True) if n in always or c.null_count < len(c)]
    table = table.select(full)
    return table if "ts" in full else table.append_column("ts", pa.nulls(table.num_rows, MOMENT))


def _first_of_each(found: list[Breach]) -> list[Bad]:
    """Every bad row once, by its index, with the first rule that it breaks."""
    first: dict[int, Bad] = {}
    for breach in found:
        for index in _indices(breach.rows):
            first.setdefault(index, Bad(index, breach.field, breach.reason))
    return [first[index] for index in sorted(first)]


def _indices(rows: Column) -> Iterator[int]:
    if pc.any(rows).as_py():
        yield from np.flatnonzero(pc.fill_null(rows, False).to_numpy(zero_copy_only=False)).tolist()


def _filled(table: pa.Table, kind: RecordKind, origin: Origin) -> pa.Table:
    columns = dict(zip(table.column_names, table.columns, strict=True))
    if kind is RecordKind.PREDICTIONS:
        columns[VERSION] = pc.fill_null(columns.get(VERSION, _no_text(table)), "")
        ids = columns.get(ID, _no_text(table))
        columns[ID] = pc.coalesce(ids, _derived_ids(table, origin)) if ids.null_count else ids
    names = arranged(kind, columns)
    return pa.table([columns[name] for name in names], names=names)


def _no_text(table: pa.Table) -> pa.Array:
    return pa.nulls(table.num_rows, TEXT)


def _derived_ids(table: pa.Table, origin: Origin) -> Column:
    row = pc.cast(table[ROW], TEXT)
    if origin.key is not None:
        return pc.binary_join_element_wise(origin.key, row, ":")
    return pc.binary_join_element_wise(str(origin.partition), pc.cast(table[OFFSET], TEXT), row, "/")
