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
from kernel.number_blocks import BLOCK, cell_of, code_of, ends_of, find, keep_finite
from kernel.pair_add import add_pair
from kernel.profile_batch import COLUMN

_LOOKUP_FROM = 2_048  # values of a span; to search fewer costs less than to lay out all 65,536 codes
_RUN = 2_048  # values of which it is asked at once whether all are finite
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
def _by_lookup(size: int, cells: int) -> bool:
    return size >= _LOOKUP_FROM and cells < CODES


@compiled
def _lay_out(edges: CodeArray, lookup: CodeArray) -> None:
    """The cell of every code."""
    begin = np.int64(0)
    for cell in range(edges.size):
        end = np.int64(edges[cell])
        lookup[begin:end] = cell
        begin = end
    lookup[begin:] = edges.size


@inlined
def _count(values, centre, cells, scratch, turns, rows, sums):  # type: ignore[no-untyped-def]
    """Count into rows and sums, over all cells, or into turns; see _add.

    Returns:
        How many are NaN, inf and -inf; of the others the squares of x - centre, the lowest and the highest.
    """
    kept, squares = scratch[0], scratch[1][: min(values.size, BLOCK)]
    squares[:] = 0.0
    nan, pos_inf, neg_inf, low, high = 0, 0, 0, np.inf, -np.inf
    for start in range(0, values.size, _RUN):
        run = values[start : start + _RUN]
        lowest, highest = ends_of(run)
        if np.isfinite(lowest - centre) and np.isfinite(highest - centre):
            _add(run, centre, cells, scratch, turns, rows, sums)
        else:
            finite, nans, above, below = keep_finite(run, centre, kept)
            nan, pos_inf, neg_inf = nan + nans, pos_inf + above, neg_inf + below
            lowest, highest = ends_of(kept[:finite])
            _add(kept[:finite], centre, cells, scratch, turns, rows, sums)
        low, high = min(low, lowest), max(high, highest)
    return nan, pos_inf, neg_inf, squares.sum(), low, high


@inlined
def _add(run, centre, cells, scratch, turns, rows, sums):  # type: ignore[no-untyped-def]
    """Add 1 to the rows and x - centre, of which moments do not cancel, to the sums of each number's cell.

    By the lookup it is storing that takes the time. So both are stored at once, as a pair in `turns`. A cell has four pairs, which
    take turns: an addition waits for the one before it to the same pair.
    """
    _, squares, deviations, codes, places = scratch
    for start in range(0, run.size, BLOCK):
        block = run[start : start + BLOCK]
        for i in range(block.size):
            deviation = block[i] - centre
            deviations[i] = deviation
            codes[i] = code_of(deviation)
            squares[i] += deviation * deviation
        if cells.size == CODES:
            for i in range(block.size):
                add_pair(turns, 4 * np.int64(cells[codes[i]]) + (i & 3), 1.0, deviations[i])
        else:
            find(codes[: block.size], cells, places)
            for i in range(block.size):
                rows[codes[i]] += 1
                sums[codes[i]] += deviations[i]


@compiled
def _sum_turns(turns, first, last, rows, sums):  # type: ignore[no-untyped-def]
    """Add the turns of the cells from `first` to `last` to their rows and sums, and leave zeros behind."""
    for cell in range(first, last + 1):
        for turn in range(4 * cell, 4 * cell + 4):
            rows[cell] += np.int64(turns[turn, 0])
            sums[cell] += turns[turn, 1]
            turns[turn] = 0.0


@compiled
def _weigh(values, weights, centre, cells, scratch, sums, squares):  # type: ignore[no-untyped-def]
    codes, places = scratch[3:]
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        for i in range(block.size):
            codes[i] = code_of(block[i] - centre)
        find(codes[: block.size], cells, places)
        for i in range(block.size):
            if np.isfinite(block[i] - centre):
                weight = weights[start + i]
                sums[codes[i]] += weight
                squares[codes[i]] += weight * weight


@compiled
def _count_spans(values, weights, starts, ends, centres, edges, first_edges, last_edges):  # type: ignore[no-untyped-def]
    spans, weighed = starts.size, weights.size > 0
    room, width, in_turns = 0, 0, 0
    for span in range(spans):
        size, cells_of = ends[span] - starts[span], last_edges[span] - first_edges[span] + 1
        room += min(size, cells_of)
        width = max(width, cells_of)
        if _by_lookup(size, cells_of):
            in_turns = max(in_turns, cells_of)
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
    scratch = (
        np.empty(_RUN), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK, np.uint16), np.empty(BLOCK, np.int64),
    )  # fmt: skip
    lookup, turns = np.empty(CODES, np.uint16), np.zeros((4 * in_turns, 2))
    end = 0
    for span in range(spans):
        mine, centre = values[starts[span] : ends[span]], centres[span]
        by_edges = edges[first_edges[span] : last_edges[span]]
        cells = by_edges
        if _by_lookup(mine.size, by_edges.size + 1):
            _lay_out(by_edges, lookup)
            cells = lookup
        seen = _count(mine, centre, cells, scratch, turns, rows, sums)
        nan[span], pos_inf[span], neg_inf[span], about, low[span], high[span] = seen
        if weighed:
            _weigh(mine, weights[starts[span] : ends[span]], centre, cells, scratch, weight, weight2)
        if low[span] > high[span]:
            continue
        first, last = cell_of(code_of(low[span] - centre), by_edges), cell_of(code_of(high[span] - centre), by_edges)
        if cells.size == CODES:
            _sum_turns(turns, first, last, rows, sums)
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
