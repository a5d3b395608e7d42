"""One column of a table, counted in all groups of its rows at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.arrays import whole
from kernel.cells import Cells, Int64Array
from kernel.column_spec import FLAGS, PREDICTION, PREDICTION_VALUE, SCORE, ColumnSpec, numbers, texts
from kernel.counting import Counted, Spans, count_numbers, count_places, distinct
from kernel.grid import Float64Array, Grid
from kernel.profile import KINDS, Kind
from kernel.profile_batch import COLUMN
from kernel.samples import ROWS, WORDS, Size, count_sample
from kernel.scores import SCORE_CELLS, score_cells
from kernel.vocabulary import word_hashes
from kernel.written_text import scripts

BoolArray = NDArray[np.bool_]

OTHER_CATEGORY = 0  # the code of everything past the dictionary's limit
_NO_FLAG = -1


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows of a table in groups, one after the other; none is empty.

    Attributes:
        bounds: group i holds the rows from bounds[i] to bounds[i + 1], shape (groups + 1,).
        model: the place of each group's model, ascending, shape (groups,).
        weights: of the rows; None where every one is 1.
    """

    bounds: Int64Array
    model: Int64Array
    weights: Float64Array | None = None

    def __len__(self) -> int:
        """How many groups."""
        return len(self.model)

    def sizes(self) -> tuple[Int64Array, Float64Array, Float64Array]:
        """How many rows each group has, and the sums of their weights and of those squared."""
        if self.weights is not None:
            return self.lost(np.zeros(len(self.weights), np.bool_))
        rows = np.diff(self.bounds)
        return rows, rows.astype(np.float64), rows.astype(np.float64)

    def lost(self, kept: BoolArray) -> tuple[Int64Array, Float64Array, Float64Array]:
        """How many rows of each group are not kept, and the sums of their weights and of those squared."""
        of = np.searchsorted(self.bounds, np.flatnonzero(~kept), side="right") - 1
        rows = np.bincount(of, minlength=len(self)).astype(np.int64)
        if self.weights is None:
            return rows, rows.astype(np.float64), rows.astype(np.float64)
        weights = self.weights[~kept]
        sums, squares = (np.bincount(of, w, len(self)).astype(np.float64) for w in (weights, weights**2))
        return rows, sums, squares

    def only(self, kept: BoolArray) -> "Groups":
        """The same groups of the rows that are kept; now some may be empty."""
        at = np.append(0, np.cumsum(kept))[self.bounds]
        return replace(self, bounds=at, weights=None if self.weights is None else self.weights[kept])


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """One column in some groups.

    Attributes:
        groups: which, ascending.
        columns, cells: see Counted; all filled in.
    """

    groups: Int64Array
    columns: NDArray[Any]
    cells: Cells


def count_column(table: pa.Table, name: str, groups: Groups, specs: Sequence[ColumnSpec | None]) -> list[ColumnCounts]:
    """Count one column of a table whose rows lie in groups.

    Args:
        specs: how the column is counted in each model; None where it is not.
    """
    column, present = whole(table[name]), groups
    valid = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
    if valid is not None:
        column, present = column.drop_null(), groups.only(valid)
    missing = None if valid is None else groups.lost(valid)
    found = []
    for kind in {spec.kind for spec in specs if spec is not None}:
        mine = np.array([s is not None and s.kind is kind for s in specs], np.bool_)
        chosen = np.flatnonzero(mine[groups.model])
        counted = _COUNTERS[kind](_Part(table, name, column, valid, present, chosen, specs))
        if missing is not None:
            for field, lost in zip(("missing", "missing_weight", "missing_weight2"), missing, strict=True):
                counted.columns[field] = lost[chosen]
        counted.columns["kind"] = KINDS.index(kind)
        versions = np.array([0 if spec is None else spec.version for spec in specs])
        counted.columns["grid"] = versions[groups.model[chosen]]
        found.append(ColumnCounts(chosen, *counted))
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a column is to be counted in one way.

    Attributes:
        column: the values, without nulls; which rows had one is in `valid`, None where all had.
        groups: of the values.
        chosen: the groups that are counted in this way.
    """

    table: pa.Table
    name: str
    column: pa.Array
    valid: BoolArray | None
    groups: Groups
    chosen: Int64Array
    specs: Sequence[ColumnSpec | None]

    def spans(self, groups: Groups) -> Spans:
        return Spans(groups.bounds[:-1][self.chosen], groups.bounds[1:][self.chosen])


def _numbers(part: _Part) -> Counted:
    values, misfit = numbers(part.column)
    groups = part.groups
    if misfit is not None:
        values, groups = values[~misfit], groups.only(~misfit)
    grids = [_grid(spec) for spec in part.specs]
    told = list({id(grid): grid for grid in grids}.values())
    number = {id(grid): i for i, grid in enumerate(told)}
    which = np.array([number[id(grid)] for grid in grids], np.int64)[groups.model[part.chosen]]
    counted = count_numbers(values, groups.weights, part.spans(groups), told, which)
    if misfit is not None:
        counted.columns["misfit"] = part.groups.lost(~misfit)[0][part.chosen]
    return counted


def _grid(spec: ColumnSpec | None) -> Grid:
    if spec is not None and spec.kind is Kind.POSITIVE:
        return _IDENTITY
    return (spec.grid if spec else None) or _NO_GRID


def _categories(part: _Part) -> Counted:
    encoded = texts(part.column)
    models = np.searchsorted(part.groups.model, np.arange(len(part.specs) + 1))
    found, bounds, places = distinct_texts(encoded, part.groups.bounds[models])
    codes = np.empty(len(found), np.int64)
    for spec, (start, end) in zip(part.specs, pairwise(bounds), strict=True):
        if spec is not None and end > start:
            boolean = spec.kind is Kind.BOOLEAN
            known, unknown = (FLAGS, _NO_FLAG) if boolean else (spec.categories, OTHER_CATEGORY)
            codes[start:end] = [known.get(text, unknown) for text in found[start:end]]
        else:
            codes[start:end] = _NO_FLAG
    index = codes[places] if len(codes) else places
    counted, misfits = count_places(index, None, part.groups.weights, part.spans(part.groups))
    counted.columns["misfit"] = misfits
    return counted


def _texts(part: _Part) -> Counted:
    """By script, each distinct text once."""
    encoded = texts(part.column)
    places = scripts(encoded.dictionary)[encoded.indices.to_numpy()] if len(encoded) else np.empty(0, np.int64)
    counted, _ = count_places(places, None, part.groups.weights, part.spans(part.groups))
    return counted


def _words(part: _Part) -> Counted:
    hashes, ends = word_hashes(part.column)
    weights = None if part.groups.weights is None else np.repeat(part.groups.weights, np.diff(ends))
    spans = part.spans(replace(part.groups, bounds=ends[part.groups.bounds]))
    return _sampled(hashes, weights, spans, WORDS)


def _rows(part: _Part) -> Counted:
    return _sampled(part.column.to_numpy(), part.groups.weights, part.spans(part.groups), ROWS)


def _sampled(hashes: Int64Array, weights: Float64Array | None, spans: Spans, size: Size) -> Counted:
    cells, held = count_sample(hashes, weights, *spans, size.most)
    columns = np.zeros(len(held), COLUMN)
    columns["cells"], columns["weighed"] = held, weights is not None
    columns["low"], columns["high"] = np.inf, -np.inf
    return Counted(columns, cells)


def distinct_texts(encoded: pa.DictionaryArray, bounds: Int64Array) -> tuple[list[str], list[int], Int64Array]:
    """The texts that each span holds, end to end; where each span's begin and end; and the place of each row's text, without nulls.

    Args:
        bounds: where the spans lie; they cover all rows.
    """
    known = encoded.dictionary.to_pylist()
    if encoded.null_count:
        bounds = np.append(0, np.cumsum(encoded.is_valid().to_numpy(zero_copy_only=False)))[bounds]
        encoded = encoded.drop_null()
    codes, ends, places = distinct(encoded.indices.to_numpy(), Spans(bounds[:-1], bounds[1:]), len(known))
    return [known[code] for code in codes.tolist()], ends.tolist(), places


def _scores(part: _Part) -> Counted:
    values, _ = numbers(part.column)
    places = score_cells(values)
    for column, predicted in _as_predicted(part.name.removeprefix(SCORE)).items():
        if column in part.table.column_names:
            chosen = pc.equal(whole(part.table[column]), predicted).fill_null(False)
            flags = chosen.to_numpy(zero_copy_only=False)
            places += SCORE_CELLS * (flags if part.valid is None else flags[part.valid])
    places[~np.isfinite(values)] = -1
    counted, lost = count_places(places, values, part.groups.weights, part.spans(part.groups))
    counted.columns["nan"] = lost
    return counted


def _as_predicted(name: str) -> dict[str, str | float]:
    """What a class is as a prediction, by column: its name, or a whole number by its digits; no row has both."""
    digits = name.removeprefix("-")
    whole_number = digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
    return {PREDICTION: name} | ({PREDICTION_VALUE: float(name)} if whole_number else {})


_IDENTITY = Grid.identity()
_NO_GRID = Grid(0.0, np.empty(0, np.uint16))  # of a column in which no value was ever finite
_COUNTERS: Mapping[Kind, Callable[[_Part], Counted]] = {
    Kind.NUMERIC: _numbers,
    Kind.POSITIVE: _numbers,
    Kind.CATEGORICAL: _categories,
    Kind.BOOLEAN: _categories,
    Kind.SCORE: _scores,
    Kind.TEXT: _texts,
    Kind.WORDS: _words,
    Kind.ROWS: _rows,
}
