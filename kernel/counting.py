"""Counting values into cells in one pass over the array: the hot loop of Driftglass, compiled."""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from kernel.grid import CODES, CodeArray, Float64Array, Grid, encode

_LOOKUP_FROM = 4_096  # below, searching the edges costs less than laying out all 65,536 codes


class Counts(NamedTuple):
    """What one pass over an array of values yields; sums are of x - centre, so that moments do not cancel.

    Attributes:
        rows: values per cell, shape (cells,), int64.
        sums: sum of x - centre per cell, shape (cells,).
        nan, pos_inf, neg_inf: how many of each; they are in no cell.
        squares: sum of (x - centre)^2 of the finite values.
        low, high: smallest and largest finite x; (inf, -inf) when there is none.
    """

    rows: NDArray[np.int64]
    sums: Float64Array
    nan: int
    pos_inf: int
    neg_inf: int
    squares: float
    low: float
    high: float


def count(values: Float64Array, grid: Grid) -> Counts:
    """Count values, shape (n,) and float64, on a grid.

    >>> counts = count(np.array([1.0, 2.0, 2.0, np.nan]), Grid(0.0, np.array([49088], np.uint16)))
    >>> counts.rows.tolist(), counts.nan
    ([1, 2], 1)
    """
    cells = grid.lookup() if len(values) >= _LOOKUP_FROM else grid.edges
    return Counts(*_count(values, grid.centre, cells, grid.cells))


def count_finely(values: Float64Array) -> tuple[int, Counts]:
    """Count values, shape (n,), on the identity grid: the first cell that may hold some, and the counts from there on.

    Few values lie in few of its 65,536 cells; then laying out all of them would cost more than the counting.

    >>> first, counts = count_finely(np.array([1.0, 1.0, 2.0]))
    >>> first, counts.rows[[0, -1]].tolist()
    (49024, [2, 1])
    """
    if len(values) >= _LOOKUP_FROM:
        return 0, count(values, Grid.identity())
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0, count(values, Grid.identity())
    codes = encode(finite, 0.0).astype(np.int64)
    first = int(codes.min())
    rows, sums = np.bincount(codes - first), np.bincount(codes - first, finite).astype(np.float64)
    nan = int(np.isnan(values).sum())
    pos_inf = int(np.isposinf(values).sum())
    lost = len(values) - len(finite) - nan - pos_inf
    return first, Counts(
        rows, sums, nan, pos_inf, lost, float(finite @ finite), float(finite.min()), float(finite.max())
    )


def weigh(values: Float64Array, weights: Float64Array, grid: Grid) -> tuple[Float64Array, Float64Array]:
    """The sums of the weights and of their squares per cell, each of shape (cells,), of the finite values."""
    cells = grid.lookup() if len(values) >= _LOOKUP_FROM else grid.edges
    return _weigh(values, weights, grid.centre, cells, grid.cells)  # type: ignore[no-any-return]


@numba.njit(nogil=True, cache=True, inline="always")  # type: ignore[untyped-decorator]
def _code(deviation: float) -> int:
    bits = np.float32(deviation + 0.0).view(np.int32)  # + 0.0 makes -0.0 the 0.0 that it equals
    # The sign bit set on positives, all bits flipped on negatives: then integers sort as the floats do.
    return np.uint32(bits ^ ((bits >> 31) | np.int32(-0x80000000))) >> np.uint32(16)  # type: ignore[return-value]


@numba.njit(nogil=True, cache=True, inline="always")  # type: ignore[untyped-decorator]
def _cell(code: int, cells: CodeArray) -> int:
    """By the lookup of all codes, or by binary search over the edges."""
    if cells.size == CODES:
        return cells[code]  # type: ignore[no-any-return]
    low, high = 0, cells.size
    while low < high:
        middle = (low + high) >> 1
        if cells[middle] <= code:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _count(values: Float64Array, centre: float, cells: CodeArray, n_cells: int) -> tuple:  # type: ignore[type-arg]
    rows = np.zeros(n_cells, np.int64)
    sums = np.zeros(n_cells)
    nan, pos_inf, neg_inf, squares = 0, 0, 0, 0.0
    low, high = np.inf, -np.inf
    for value in values:
        deviation = value - centre
        if np.isfinite(deviation):
            cell = _cell(_code(deviation), cells)
            rows[cell] += 1
            sums[cell] += deviation
            squares += deviation * deviation
            low = min(low, value)
            high = max(high, value)
        elif np.isnan(value):
            nan += 1
        elif value > 0:
            pos_inf += 1
        else:
            neg_inf += 1
    return rows, sums, nan, pos_inf, neg_inf, squares, low, high


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _weigh(
    values: Float64Array, weights: Float64Array, centre: float, cells: CodeArray, n_cells: int
) -> tuple[Float64Array, Float64Array]:
    sums, squares = np.zeros(n_cells), np.zeros(n_cells)
    for i in range(values.size):
        deviation = values[i] - centre
        if np.isfinite(deviation):
            cell = _cell(_code(deviation), cells)
            sums[cell] += weights[i]
            squares[cell] += weights[i] * weights[i]
    return sums, squares
