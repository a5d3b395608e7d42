"""Rows of CSV. A column's type is that of all its cells: which is found by reading the file once, before its rows are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from driftglass_client.wire import (
    LABEL,
    NUMBER_COLUMNS,
    PREDICTION,
    SCORE_PREFIX,
    TAG_PREFIX,
    TEXT_COLUMNS,
    TIME_COLUMNS,
)
from stream.codecs.columns import BATCH_SIZE, FLAG, NUMBER, TEXT

_BLOCK_BYTES = 4 << 20
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$|^\s*[-+]?(inf|Inf|INF|Infinity|infinity)\s*$"
_NO_NUMBER = pa.array(["NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"])
_TEXTS = {*TEXT_COLUMNS, *TIME_COLUMNS} - {PREDICTION, LABEL}  # those two are classes or numbers, as their cells are


@dataclass(frozen=True, slots=True)
class CsvRows:
    """What a first look at a CSV file has found.

    A column is numbers where each of its cells reads as one, booleans where each is true or false, and texts otherwise. In a column
    of numbers NA, NaN and null are empty, as an empty cell is everywhere. The wire's own columns have the wire's types: what is no
    number there becomes NaN, which breaks the rules for that column.
    """

    columns: Mapping[str, pa.DataType]
    rows: int

    @classmethod
    def scan(cls, file: pa.NativeFile) -> Self:
        """Read all of it once.

        Raises:
            pyarrow.ArrowException: it is no CSV.
        """
        possible: dict[str, set[pa.DataType]] = {}
        full: set[str] = set()
        rows = 0
        for batch in _texts(file):
            rows += batch.num_rows
            for name, cells in zip(batch.schema.names, batch.columns, strict=True):
                left = possible.setdefault(name, {NUMBER, FLAG})
                left -= {kind for kind in left if not _all_are(kind, cells)}
                if cells.null_count < len(cells):
                    full.add(name)
        return cls({name: _type_of(name, left if name in full else set()) for name, left in possible.items()}, rows)

    def batches(self, file: pa.NativeFile) -> Iterator[pa.RecordBatch]:
        """The rows, each column of its type."""
        for batch in _texts(file):
            columns = [
                _typed(name, cells, self.columns[name])
                for name, cells in zip(batch.schema.names, batch.columns, strict=True)
            ]
            yield pa.record_batch(columns, names=batch.schema.names)


def _texts(file: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    """All cells as they are written; null where empty."""
    read = csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES)
    parse = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(file, read, parse) as reader:
        names = reader.schema.names
    file.seek(0)
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, TEXT),
        null_values=[""],
        strings_can_be_null=True,
    )
    yield from csv.open_csv(file, read, parse, convert)


def _type_of(name: str, possible: set[pa.DataType]) -> pa.DataType:
    if name in _TEXTS or name.startswith(TAG_PREFIX):
        return TEXT
    if name in NUMBER_COLUMNS or name.startswith(SCORE_PREFIX):
        return NUMBER
    return NUMBER if NUMBER in possible else FLAG if FLAG in possible else TEXT


def _all_are(kind: pa.DataType, cells: pa.Array) -> bool:
    if kind == FLAG:
        fits = pc.is_in(pc.utf8_lower(cells), value_set=pa.array(["true", "false"]))
    else:
        fits = pc.or_(pc.match_substring_regex(cells, _NUMBER), pc.is_in(cells, value_set=_NO_NUMBER))
    return bool(pc.all(pc.or_kleene(fits, pc.is_null(cells)), min_count=0).as_py())


def _typed(name: str, cells: pa.Array, kind: pa.DataType) -> pa.Array:
    if kind == TEXT:
        return cells
    if kind == FLAG:
        return pc.equal(pc.utf8_lower(cells), "true")
    numeric = pc.match_substring_regex(cells, _NUMBER)
    found = pc.cast(pc.utf8_trim_whitespace(pc.if_else(numeric, cells, None)), NUMBER)
    strange = pc.and_(pc.invert(numeric), pc.invert(pc.is_in(cells, value_set=_NO_NUMBER)))
    return pc.if_else(pc.fill_null(strange, False), 0.0 if name == BATCH_SIZE else float("nan"), found)
