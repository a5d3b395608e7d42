"""What is done to each of a block of numbers, compiled: their codes, their ends, what is finite, the search of their cells.

A block stays in the L1 cache from one loop over it to the next, and the loops are so plain that each takes several numbers at once.
How many, which depends on the machine, changes no result.
"""

import numpy as np

from kernel.compiled import compiled, inlined
from kernel.grid import CODES, CodeArray

BLOCK = 256
_ALL_BUT_SIGN = np.int64(0x7FFFFFFFFFFFFFFF)


@inlined
def code_of(deviation: float) -> int:
    """The code of x - centre; see kernel.grid.encode."""
    bits = np.float32(deviation + 0.0).view(np.int32)  # + 0.0 makes -0.0 the 0.0 that it equals
    # The sign bit set on positives, all bits flipped on negatives: then integers sort as the floats do.
    return np.uint32(bits ^ ((bits >> 31) | np.int32(-0x80000000))) >> np.uint32(16)  # type: ignore[return-value]


@compiled
def ends_of(block):  # type: ignore[no-untyped-def]
    """The lowest and the highest, inf and -inf of an empty block; where there is NaN, it is one of them."""
    low, high = _rank(np.inf), _rank(-np.inf)
    for i in range(block.size):
        rank = _rank(block[i])
        low, high = min(low, rank), max(high, rank)
    return _of_rank(low), _of_rank(high)


@inlined
def _rank(value: float) -> int:
    """An integer that sorts as the float does, with NaN beyond the infinities."""
    bits = np.float64(value).view(np.int64)
    return bits ^ ((bits >> np.int64(63)) & _ALL_BUT_SIGN)  # type: ignore[return-value]


@inlined
def _of_rank(rank: int) -> float:
    return np.int64(rank ^ ((rank >> np.int64(63)) & _ALL_BUT_SIGN)).view(np.float64)


@compiled
def keep_finite(block, centre, kept):  # type: ignore[no-untyped-def]
    """Copy the numbers that lie a finite way from the centre.

    Returns:
        How many they are; how many others are NaN, above all numbers, below them.
    """
    count, nan, above = np.uint64(0), 0, 0
    for i in range(block.size):  # without a branch: nobody foresees which are finite
        kept[count] = block[i]
        count += np.uint64(np.isfinite(block[i] - centre))
    for i in range(block.size):
        nan += np.isnan(block[i])
        above += (block[i] > 0) & (not np.isfinite(block[i] - centre))
    finite = np.int64(count)
    return finite, nan, above, block.size - finite - nan - above


@inlined
def cell_of(code: int, edges: CodeArray) -> int:
    """By the edges of a grid, of which an identity grid has one at every code."""
    if edges.size == CODES - 1:
        return np.int64(code)  # type: ignore[return-value]
    low, high = 0, edges.size
    while low < high:
        middle = (low + high) >> 1
        if edges[middle] <= code:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def find(codes, cells, places):  # type: ignore[no-untyped-def]
    """Turn each code of a block into its cell.

    Args:
        cells: of all codes; or edges.
        places: room to search in, as long as the codes.
    """
    if cells.size == CODES:
        for i in range(codes.size):
            codes[i] = cells[codes[i]]
    elif cells.size < CODES - 1:
        _search(codes, cells, places)


@compiled
def _search(codes, edges, places):  # type: ignore[no-untyped-def]
    """By binary searches in step: one after the other, each would go another way than the processor foresaw every other time."""
    for i in range(codes.size):
        places[i] = 0
    left = edges.size
    while left:
        half = (left + 1) >> 1
        for i in range(codes.size):
            places[i] += half if edges[np.uint64(places[i] + half - 1)] <= codes[i] else 0
        left -= half
    for i in range(codes.size):
        codes[i] = places[i]
