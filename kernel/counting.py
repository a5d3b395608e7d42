"""Counting values into cells in one pass over the array: the hot loop of Driftglass, compiled.

Values come as spans of one array, a span a group of rows, such as a model's in a window: so a thousand small groups cost what
their values cost.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernel.cells import Cells, Int64Array, sweep_up
from kernel.compiled import compiled, inlined
from kernel.grid import CODES, CodeArray, Float64Array, Grid
from kernel.profile_batch import COLUMN

_LOOKUP_FROM = 4_096  # below, searching the edges costs less than laying out all 65,536 codes
_NOTHING = (0, 0, 0, 0.0, np.inf, -np.inf)  # seen so far: nan, pos_inf, neg_inf, squares, low, high
_NO_WEIGHTS: Float64Array = np.empty(0)
_OF_NUMBERS = ("cells", "nan", "pos_inf", "neg_inf", "count", "mean", "squares", "low", "high")
_OF_PLACES = ("cells", "count", "mean", "squares", "low", "high")


class Counted(NamedTuple):
    """What was counted in each of some spans.

    Attributes:
        columns: shape (spans,), of COLUMN; kind, grid, misfits and what is missing are the caller's to add.
        cells: those of all spans, end to end.
    """

    columns: NDArray[Any]
    cells: Cells


class Spans(NamedTuple):
    """Where the values of each group lie in an array: from `starts` to `ends`, each of shape (spans,)."""

    starts: Int64Array
    ends: Int64Array


def count_numbers(
    values: Float64Array, weights: Float64Array | None, spans: Spans, grids: Sequence[Grid], which: Int64Array
) -> Counted:
    """Count values, shape (n,) and float64, each span on a grid of its own.

    Args:
        weights: of the values; None where every one is 1.
        which: the place of each span's grid in `grids`, shape (spans,).

    >>> grid = Grid(0.0, np.array([49088], np.uint16))
    >>> values, spans = np.array([1.0, 2.0, 2.0, np.nan]), Spans(np.array([0]), np.array([4]))
    >>> columns, cells = count_numbers(values, None, spans, [grid], np.array([0]))
    >>> cells.rows.tolist(), columns["nan"].tolist()
    ([1, 2], [1])
    """
    ends = np.cumsum([0, *(len(grid.edges) for grid in grids)])
    edges = np.concatenate([grid.edges for grid in grids])
    centres = np.array([grid.centre for grid in grids])
    given = _NO_WEIGHTS if weights is None else weights
    found = _count_spans(values, given, *spans, centres[which], edges, ends[which], ends[which + 1])
    columns = np.zeros(len(which), COLUMN)
    for name, counts in zip(_OF_NUMBERS, found[5:], strict=True):
        columns[name] = counts
    return _counted(columns, Cells(*found[:5]), summed=True, weighed=weights is not None)


def count_places(
    places: Int64Array, values: Float64Array | None, weights: Float64Array | None, spans: Spans
) -> tuple[Counted, Int64Array]:
    """Count values that know their cell.

    Args:
        places: the cell of each, shape (n,); negative for one that is in none.
        values: what to sum in the cells, and to take moments of; None for categories.
        weights: of the values; None where every one is 1.

    Returns:
        The counts, and how many values of each span are in no cell, shape (spans,).
    """
    given = _NO_WEIGHTS if weights is None else weights
    sums = _NO_WEIGHTS if values is None else values
    width = int(places.max(initial=0)) + 1
    found = _count_places(places, sums, given, *spans, width)
    columns = np.zeros(len(spans.starts), COLUMN)
    for name, counts in zip(_OF_PLACES, found[6:], strict=True):
        columns[name] = counts
    counted = _counted(columns, Cells(*found[:5]), summed=values is not None, weighed=weights is not None)
    return counted, found[5]


def _counted(columns: NDArray[Any], cells: Cells, *, summed: bool, weighed: bool) -> Counted:
    columns["summed"], columns["weighed"] = summed, weighed
    return Counted(columns, cells)


@inlined
def _code(deviation: float) -> int:
    bits = np.float32(deviation + 0.0).view(np.int32)  # + 0.0 makes -0.0 the 0.0 that it equals
    # The sign bit set on positives, all bits flipped on negatives: then integers sort as the floats do.
    return np.uint32(bits ^ ((bits >> 31) | np.int32(-0x80000000))) >> np.uint32(16)  # type: ignore[return-value]


@inlined
def _cell(code: int, cells: CodeArray) -> int:
    """By the lookup of all codes, or by binary search over the edges, of which an identity grid has one at every code."""
    if cells.size == CODES:
        return np.int64(cells[code])  # type: ignore[return-value]
    if cells.size == CODES - 1:
        return np.int64(code)  # type: ignore[return-value]
    low, high = 0, cells.size
    while low < high:
        middle = (low + high) >> 1
        if cells[middle] <= code:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _lay_out(edges: CodeArray, lookup: CodeArray) -> None:
    """The cell of every code."""
    cell = 0
    for code in range(CODES):
        while cell < edges.size and edges[cell] <= code:
            cell += 1
        lookup[code] = cell


@compiled
def _count(values, centre, cells, rows, sums, seen):  # type: ignore[no-untyped-def]
    """Count into rows and sums, over all cells: sums are of x - centre, so that moments do not cancel."""
    nan, pos_inf, neg_inf, squares, low, high = seen
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
    return nan, pos_inf, neg_inf, squares, low, high


@compiled
def _count_by_four(values, centre, lookup, rows, sums):  # type: ignore[no-untyped-def]
    """The same by the lookup, into four tables in turn: an increment waits for the one before it in its table."""
    rows1, rows2, rows3 = np.zeros((3, rows.size), np.int64)
    sums1, sums2, sums3 = np.zeros((3, sums.size))
    squares, squares1, squares2, squares3, low, high = 0.0, 0.0, 0.0, 0.0, np.inf, -np.inf
    seen, fours, i = _NOTHING, values.size - values.size % 4, 0
    while i < fours:
        x, x1, x2, x3 = values[i], values[i + 1], values[i + 2], values[i + 3]
        d, d1, d2, d3 = x - centre, x1 - centre, x2 - centre, x3 - centre
        if np.isfinite(d + d1 + d2 + d3):
            cell, cell1 = np.int64(lookup[_code(d)]), np.int64(lookup[_code(d1)])
            cell2, cell3 = np.int64(lookup[_code(d2)]), np.int64(lookup[_code(d3)])
            rows[cell] += 1
            sums[cell] += d
            rows1[cell1] += 1
            sums1[cell1] += d1
            rows2[cell2] += 1
            sums2[cell2] += d2
            rows3[cell3] += 1
            sums3[cell3] += d3
            squares, squares1, squares2, squares3 = (
                squares + d * d, squares1 + d1 * d1, squares2 + d2 * d2, squares3 + d3 * d3,
            )  # fmt: skip
            low, high = min(low, min(min(x, x1), min(x2, x3))), max(high, max(max(x, x1), max(x2, x3)))
        else:
            seen = _count(values[i : i + 4], centre, lookup, rows, sums, seen)
        i += 4
    rows += rows1 + rows2 + rows3
    sums += sums1 + sums2 + sums3
    nan, pos_inf, neg_inf, others, lowest, highest = _count(values[fours:], centre, lookup, rows, sums, seen)
    squares += squares1 + squares2 + squares3 + others
    return nan, pos_inf, neg_inf, squares, min(low, lowest), max(high, highest)


@compiled
def _weigh(values, weights, centre, cells, sums, squares):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        deviation = values[i] - centre
        if np.isfinite(deviation):
            cell = _cell(_code(deviation), cells)
            sums[cell] += weights[i]
            squares[cell] += weights[i] * weights[i]


@compiled
def _count_spans(values, weights, starts, ends, centres, edges, first_edges, last_edges):  # type: ignore[no-untyped-def]
    spans, weighed = starts.size, weights.size > 0
    room, width = 0, 0
    for span in range(spans):
        cells_of = last_edges[span] - first_edges[span] + 1
        room += min(ends[span] - starts[span], cells_of)
        width = max(width, cells_of)
    index, to_rows, to_sums = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    to_weight, to_weight2 = np.empty(room if weighed else 0), np.empty(room if weighed else 0)
    rows, sums = np.zeros(width, np.int64), np.zeros(width)
    weight, weight2 = np.zeros(width if weighed else 0), np.zeros(width if weighed else 0)
    dense, sparse = (rows, sums, weight, weight2), (index, to_rows, to_sums, to_weight, to_weight2)
    held, nan, pos_inf, neg_inf, count = (
        np.zeros(spans, np.int64), np.zeros(spans, np.int64), np.zeros(spans, np.int64), np.zeros(spans, np.int64),
        np.zeros(spans, np.int64),
    )  # fmt: skip
    mean, squares, low, high = np.zeros(spans), np.zeros(spans), np.zeros(spans), np.zeros(spans)
    lookup = np.empty(CODES, np.uint16)
    end = 0
    for span in range(spans):
        mine, centre = values[starts[span] : ends[span]], centres[span]
        cells = edges[first_edges[span] : last_edges[span]]
        if mine.size >= _LOOKUP_FROM and cells.size < CODES - 1:
            _lay_out(cells, lookup)
            cells = lookup
        if cells.size == CODES:
            seen = _count_by_four(mine, centre, cells, rows, sums)
        else:
            seen = _count(mine, centre, cells, rows, sums, _NOTHING)
        nan[span], pos_inf[span], neg_inf[span], about, low[span], high[span] = seen
        if weighed:
            _weigh(mine, weights[starts[span] : ends[span]], centre, cells, weight, weight2)
        if low[span] > high[span]:
            continue
        first, last = _cell(_code(low[span] - centre), cells), _cell(_code(high[span] - centre), cells)
        begin, end, total = end, sweep_up(dense, first, last, sparse, end), 0.0
        held[span] = end - begin
        for at in range(begin, end):
            count[span] += to_rows[at]
            total += to_sums[at]
        mean[span] = centre + total / count[span]
        squares[span] = max(0.0, about - total * total / count[span])
    weights_to = (to_weight[:end], to_weight2[:end]) if weighed else (to_weight, to_weight2)
    return (
        index[:end], to_rows[:end], to_sums[:end], weights_to[0], weights_to[1],
        held, nan, pos_inf, neg_inf, count, mean, squares, low, high,
    )  # fmt: skip


@compiled
def _count_places(places, values, weights, starts, ends, width):  # type: ignore[no-untyped-def]
    spans, weighed, summed = starts.size, weights.size > 0, values.size > 0
    room = 0
    for span in range(spans):
        room += min(ends[span] - starts[span], width)
    index, to_rows, to_sums = np.empty(room, np.int64), np.empty(room, np.int64), np.zeros(room)
    to_weight, to_weight2 = np.empty(room if weighed else 0), np.empty(room if weighed else 0)
    rows, sums = np.zeros(width, np.int64), np.zeros(width)
    weight, weight2 = np.zeros(width if weighed else 0), np.zeros(width if weighed else 0)
    dense, sparse = (rows, sums, weight, weight2), (index, to_rows, to_sums, to_weight, to_weight2)
    held, lost, count = np.zeros(spans, np.int64), np.zeros(spans, np.int64), np.zeros(spans, np.int64)
    mean, squares, low, high = np.zeros(spans), np.zeros(spans), np.full(spans, np.inf), np.full(spans, -np.inf)
    end = 0
    for span in range(spans):
        lowest, highest, total, counted = width, -1, 0.0, 0
        for i in range(starts[span], ends[span]):
            place = places[i]
            if place < 0:
                lost[span] += 1
                continue
            rows[place] += 1
            lowest, highest = min(lowest, place), max(highest, place)
            if summed:
                sums[place] += values[i]
                total += values[i]
                counted += 1
                low[span], high[span] = min(low[span], values[i]), max(high[span], values[i])
            if weighed:
                weight[place] += weights[i]
                weight2[place] += weights[i] * weights[i]
        if counted:
            count[span], mean[span] = counted, total / counted
            for i in range(starts[span], ends[span]):
                if places[i] >= 0:
                    squares[span] += (values[i] - mean[span]) ** 2
        begin, end = end, sweep_up(dense, lowest, highest, sparse, end)
        held[span] = end - begin
    weights_to = (to_weight[:end], to_weight2[:end]) if weighed else (to_weight, to_weight2)
    return (
        index[:end], to_rows[:end], to_sums[:end], weights_to[0], weights_to[1],
        lost, held, count, mean, squares, low, high,
    )  # fmt: skip


def distinct(codes: NDArray[np.int32], spans: Spans, known: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """The codes that each span holds.

    Args:
        codes: below `known`, shape (n,).

    Returns:
        The codes of each span in order of appearance, end to end; where each span's begin and end, shape (spans + 1,);
        and for each value its code's place among the first, shape (n,).

    >>> distinct(np.array([7, 7, 2, 7], np.int32), Spans(np.array([0, 2]), np.array([2, 4])), 8)
    (array([7, 2, 7]), array([0, 1, 3]), array([0, 0, 1, 2]))
    """
    return _distinct(codes, *spans, known)  # type: ignore[no-any-return]


@compiled
def _distinct(codes, starts, ends, known):  # type: ignore[no-untyped-def]
    room = 0
    for span in range(starts.size):
        room += min(ends[span] - starts[span], known)
    found, places = np.empty(room, np.int64), np.zeros(codes.size, np.int64)
    bounds, seen = np.zeros(starts.size + 1, np.int64), np.full(known, -1)
    end = 0
    for span in range(starts.size):
        for i in range(starts[span], ends[span]):
            code = codes[i]
            if seen[code] < bounds[span]:  # met in an earlier span, or never
                found[end], seen[code] = code, end
                end += 1
            places[i] = seen[code]
        bounds[span + 1] = end
    return found[:end], bounds, places
