"""Sparse counts, of one column or of many end to end, and how they are summed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kernel.compiled import compiled
from kernel.grid import Float64Array

Int64Array = NDArray[np.int64]

_NO_INTS: Int64Array = np.empty(0, np.int64)
_NO_FLOATS: Float64Array = np.empty(0, np.float64)


@dataclass(frozen=True, slots=True)
class Cells:
    """Sparse counts: which cells are not empty, and what is in them. All arrays have shape (k,).

    Attributes:
        index: ascending numbers of the cells that hold rows.
        rows: rows per cell.
        sums: sum of x - centre per cell; empty where cells hold no numbers (categories).
        weight, weight2: sums of the weights and of their squares; empty while every weight is 1.
    """

    index: Int64Array = field(default_factory=lambda: _NO_INTS)
    rows: Int64Array = field(default_factory=lambda: _NO_INTS)
    sums: Float64Array = field(default_factory=lambda: _NO_FLOATS)
    weight: Float64Array = field(default_factory=lambda: _NO_FLOATS)
    weight2: Float64Array = field(default_factory=lambda: _NO_FLOATS)

    @classmethod
    def of_dense(
        cls,
        rows: Int64Array,
        sums: Float64Array | None = None,
        weights: tuple[Float64Array, Float64Array] | None = None,
    ) -> Self:
        """From arrays over all cells, each of shape (cells,)."""
        index = np.flatnonzero(rows)
        return cls(
            index,
            rows[index],
            _NO_FLOATS if sums is None else sums[index],
            *((_NO_FLOATS, _NO_FLOATS) if weights is None else (weights[0][index], weights[1][index])),
        )

    @property
    def shares_of(self) -> Float64Array:
        """What shares are made of, per cell: the weights, or the rows where every weight is 1."""
        return self.weight if len(self.weight) else self.rows.astype(np.float64)

    @property
    def size(self) -> float:
        """The effective number of rows, (sum w)^2 / sum w^2."""
        if not len(self.weight):
            return float(self.rows.sum())
        total, squares = self.weight.sum(), self.weight2.sum()
        return float(total * total / squares) if squares > 0 else 0.0

    def part(self, start: int, end: int | None = None) -> "Cells":
        """The cells from the place `start` to the place `end` among those that hold rows."""
        at = slice(start, end)
        return Cells(self.index[at], self.rows[at], self.sums[at], self.weight[at], self.weight2[at])

    def dense(self, cells: int) -> Float64Array:
        """`shares_of` over all cells, shape (cells,)."""
        full = np.zeros(cells)
        full[self.index] = self.shares_of
        return full

    @classmethod
    def merge(cls, parts: Sequence[Self]) -> Self:
        """The sum of several; associative and commutative, exactly for rows."""
        full = [part for part in parts if len(part.index)]
        if len(full) < 2:
            return full[0] if full else cls()
        lengths = np.array([len(part.index) for part in full])
        summed = all(len(part.sums) for part in full)
        joined = joined_cells(full, weighed=any(len(part.weight) for part in full))
        total, _ = sum_spans(joined, np.cumsum(lengths) - lengths, lengths, np.array([0, len(full)]))
        return cls(total.index, total.rows, total.sums if summed else _NO_FLOATS, total.weight, total.weight2)


def joined_cells(parts: Sequence[Cells], *, weighed: bool) -> Cells:
    """The cells of several columns end to end, with sums, 0 where a part has none, and on demand with weights, 1 a row."""
    ones = [p.rows.astype(np.float64) for p in parts] if weighed else []
    return Cells(
        _joined([p.index for p in parts], np.int64),
        _joined([p.rows for p in parts], np.int64),
        _joined([p.sums if len(p.sums) else np.zeros(len(p.index)) for p in parts], np.float64),
        _joined([p.weight if len(p.weight) else w for p, w in zip(parts, ones, strict=False)], np.float64),
        _joined([p.weight2 if len(p.weight2) else w for p, w in zip(parts, ones, strict=False)], np.float64),
    )


def _joined(arrays: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *arrays])


def sum_spans(
    cells: Cells, starts: Int64Array, lengths: Int64Array, bounds: Int64Array, kept: Int64Array | None = None
) -> tuple[Cells, Int64Array]:
    """Sum spans of cells: spans bounds[i] to bounds[i + 1] make sum i.

    Args:
        cells: with sums; with weights or without any.
        starts, lengths: of each span; in a span the index ascends.
        kept: how many cells of each sum are kept, those with the smallest numbers, shape (len(bounds) - 1,); 0 for all of them.

    Returns:
        The sums end to end, and how many cells each holds, shape (len(bounds) - 1,).
    """
    weights = (cells.weight, cells.weight2) if len(cells.weight) else (_NO_FLOATS, _NO_FLOATS)
    most = np.zeros(len(bounds) - 1, np.int64) if kept is None else kept
    *summed, held = _sum_spans(cells.index, cells.rows, cells.sums, *weights, starts, lengths, bounds, most)
    return Cells(*summed), held


@compiled
def sweep_up(dense, low, high, sparse, end):  # type: ignore[no-untyped-def]
    """Move the cells that hold rows, from `low` to `high`, to the place `end` of sparse arrays, and leave zeros behind.

    Args:
        dense: rows, sums, weight and weight2 over all cells, the last two empty while every weight is 1.
        sparse: index, rows, sums, weight and weight2, with room.

    Returns:
        Where the sparse arrays now end.
    """
    rows, sums, weight, weight2 = dense
    to_index, to_rows, to_sums, to_weight, to_weight2 = sparse
    for cell in range(low, high + 1):
        if rows[cell]:
            to_index[end], to_rows[end], to_sums[end] = cell, rows[cell], sums[cell]
            rows[cell], sums[cell] = 0, 0.0
            if weight.size:
                to_weight[end], to_weight2[end] = weight[cell], weight2[cell]
                weight[cell], weight2[cell] = 0.0, 0.0
            end += 1
    return end


@compiled
def _sum_smallest(cells, sparse, end, starts, lengths, most):  # type: ignore[no-untyped-def]
    """Sum spans of cells into the place `end` of sparse arrays, but only `most` with the smallest numbers; returns their end."""
    index, rows, sums, weight, weight2 = cells
    to_index, to_rows, to_sums, to_weight, to_weight2 = sparse
    places = np.empty(lengths.sum(), np.int64)
    filled = 0
    for span in range(starts.size):
        for at in range(starts[span], starts[span] + lengths[span]):
            places[filled] = at
            filled += 1
    begin = end
    for place in np.argsort(index[places]):
        at = places[place]
        if end == begin or index[at] != to_index[end - 1]:
            if end - begin == most:
                break
            to_index[end], to_rows[end], to_sums[end] = index[at], 0, 0.0
            if weight.size:
                to_weight[end], to_weight2[end] = 0.0, 0.0
            end += 1
        to_rows[end - 1] += rows[at]
        to_sums[end - 1] += sums[at]
        if weight.size:
            to_weight[end - 1] += weight[at]
            to_weight2[end - 1] += weight2[at]
    return end


@compiled
def _sum_spans(index, rows, sums, weight, weight2, starts, lengths, bounds, kept):  # type: ignore[no-untyped-def]
    """Each sum is laid out over the cells from its lowest to its highest, and swept up; few columns hold far ones.

    One of which only so many are kept is sorted instead: the numbers of its cells are hashes.
    """
    width = 0
    for i in range(bounds.size - 1):
        if not kept[i]:
            for span in range(bounds[i], bounds[i + 1]):
                if lengths[span]:
                    width = max(width, index[starts[span] + lengths[span] - 1] + 1)
    room = lengths[bounds[0] : bounds[-1]].sum()
    weighed = weight.size > 0
    to_index, to_rows, to_sums = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    to_weight, to_weight2 = np.empty(room if weighed else 0), np.empty(room if weighed else 0)
    all_rows, all_sums = np.zeros(width, np.int64), np.zeros(width)
    all_weight, all_weight2 = np.zeros(width if weighed else 0), np.zeros(width if weighed else 0)
    dense = all_rows, all_sums, all_weight, all_weight2
    sparse = to_index, to_rows, to_sums, to_weight, to_weight2
    held = np.zeros(bounds.size - 1, np.int64)
    end = 0
    for i in range(bounds.size - 1):
        low, high = width, -1
        if kept[i]:
            begin = end
            end = _sum_smallest(
                (index, rows, sums, weight, weight2), sparse, end,
                starts[bounds[i] : bounds[i + 1]], lengths[bounds[i] : bounds[i + 1]], kept[i],
            )  # fmt: skip
            held[i] = end - begin
            continue
        for span in range(bounds[i], bounds[i + 1]):
            for at in range(starts[span], starts[span] + lengths[span]):
                cell = index[at]
                all_rows[cell] += rows[at]
                all_sums[cell] += sums[at]
                if weighed:
                    all_weight[cell] += weight[at]
                    all_weight2[cell] += weight2[at]
            if lengths[span]:
                low = min(low, index[starts[span]])
                high = max(high, index[starts[span] + lengths[span] - 1])
        begin, end = end, sweep_up(dense, low, high, sparse, end)
        held[i] = end - begin
    weights = (to_weight[:end], to_weight2[:end]) if weighed else (to_weight, to_weight2)
    return to_index[:end], to_rows[:end], to_sums[:end], weights[0], weights[1], held
