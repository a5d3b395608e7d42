"""Samples of what is distinct in a window: the values with the smallest hashes, each with how many rows have it.

Such a sample has a fixed size and merges exactly: what is among the smallest of all is among the smallest of every part that has
it (bottom-k sketch: Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007; Beyer et al., "On synopses for
distinct-value estimation under multiset operations", 2007). In a profile it is a column whose cells are hashes; cell `ALL` counts
everything, so a sample knows how much it leaves out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kernel.cells import Cells, Int64Array
from kernel.compiled import compiled, inlined
from kernel.grid import Float64Array

ALL = 0  # the cell of everything; hashes begin at 1
_FIRST_PIECE = 8  # times the size of a sample, at least, of which the first values say what is too large for it
_NO_WEIGHTS: Float64Array = np.empty(0)


@dataclass(frozen=True, slots=True)
class Size:
    """How much a sample holds.

    Attributes:
        most: distinct values.
        bits: of each hash; few enough that hashes are short, many enough that two values hardly share one.
    """

    most: int
    bits: int

    @property
    def space(self) -> int:
        """How many hashes there are."""
        return 1 << self.bits


WORDS, ROWS = Size(most=2_048, bits=24), Size(most=512, bits=40)
SIZES: Mapping[int, Size] = MappingProxyType({6: WORDS, 7: ROWS})
"""Of each kind of column that is a sample, by its place in kernel.profile.KINDS."""


def kept(kinds: NDArray[np.uint8]) -> Int64Array:
    """How many cells a column of each of these kinds holds at most, 0 for as many as there are; shape of `kinds`.

    >>> kept(np.array([0, 6], np.uint8)).tolist()
    [0, 2049]
    """
    by_place = np.zeros(1 + max(255, *SIZES), np.int64)
    for place, size in SIZES.items():
        by_place[place] = size.most + 1
    return by_place[kinds]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sample says.

    Attributes:
        total: the weight of everything, in the sample or not; `unit` that of one row, 1 where none is weighted.
        below: every value with a hash under it is in the sample.
        space: how many hashes there are.
        cells: of the values with such a hash.
    """

    total: float
    unit: float
    below: int
    space: int
    cells: Cells

    @property
    def reach(self) -> float:
        """The share of all distinct values that is expected in the sample."""
        return (self.below - 1) / self.space

    def under(self, below: int) -> "Sample":
        """The part of it under a hash that is no larger than `below`."""
        end = int(np.searchsorted(self.cells.index, below))
        return Sample(self.total, self.unit, below, self.space, self.cells.part(0, end))


def sample_of(cells: Cells, size: Size) -> Sample:
    """The sample in the cells of a column; where it leaves something out, the largest hash only says how far it reaches.

    >>> found = sample_of(Cells(np.array([ALL, 5, 9]), np.array([7, 4, 2])), Size(2, 4))
    >>> found.total, found.below, found.cells.rows.tolist(), found.reach
    (7.0, 9, [4], 0.5)
    """
    if not len(cells.index) or cells.index[0] != ALL:
        return Sample(0.0, 1.0, size.space + 1, size.space, Cells())
    whole = bool(cells.rows[1:].sum() == cells.rows[0])
    below = size.space + 1 if whole else int(cells.index[-1])
    unit = float(cells.weight2[0] / cells.weight[0]) if len(cells.weight) else 1.0
    return Sample(float(cells.shares_of[0]), unit, below, size.space, cells.part(1)).under(below)


def count_sample(
    hashes: Int64Array, weights: Float64Array | None, starts: Int64Array, ends: Int64Array, most: int
) -> tuple[Cells, Int64Array]:
    """Sample each span of hashes, which lies from `starts` to `ends`; shape (spans,).

    Args:
        hashes: 1 or more, shape (n,).
        weights: of each; None where every one is 1.

    Returns:
        The cells of all samples, end to end; and how many each holds, none where a span is empty.

    >>> cells, held = count_sample(np.array([7, 3, 7, 9]), None, np.array([0]), np.array([4]), most=2)
    >>> cells.index.tolist(), cells.rows.tolist(), held.tolist()
    ([0, 3, 7], [4, 1, 2], [3])
    """
    given = _NO_WEIGHTS if weights is None else weights
    index, rows, weight, weight2, held = _samples(hashes, given, starts, ends, most)
    return Cells(index, rows, np.zeros(len(index)), weight, weight2), held


@inlined
def mixed(bits):  # type: ignore[no-untyped-def]
    """A hash of 64 bits in which each bit hangs on all of `bits` (the finaliser of MurmurHash3, Appleby 2011)."""
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xFF51AFD7ED558CCD)
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xC4CEB9FE1A85EC53)
    return bits ^ (bits >> np.uint64(33))


@compiled
def _samples(hashes, weights, starts, ends, most):  # type: ignore[no-untyped-def]
    spans, weighed, room = starts.size, weights.size > 0, 0
    for span in range(spans):
        room += min(ends[span] - starts[span], most) + 1
    index, rows = np.empty(room, np.int64), np.zeros(room, np.int64)
    weight, weight2 = np.zeros(room if weighed else 0), np.zeros(room if weighed else 0)
    held = np.zeros(spans, np.int64)
    end = 0
    for span in range(spans):
        mine = hashes[starts[span] : ends[span]]
        if not mine.size:
            continue
        begin = end
        index[end], rows[end] = ALL, mine.size
        if weighed:
            of = weights[starts[span] : ends[span]]
            weight[end], weight2[end] = of.sum(), (of * of).sum()
        chosen = np.flatnonzero(mine <= _largest_that_may_stay(mine, most))
        values = mine[chosen]
        for at in np.argsort(values):
            if index[end] != values[at]:
                if end - begin == most:
                    break
                end += 1
                index[end] = values[at]
            rows[end] += 1
            if weighed:
                w = weights[starts[span] + chosen[at]]
                weight[end] += w
                weight2[end] += w * w
        end += 1
        held[span] = end - begin
    weights_to = (weight[:end], weight2[:end]) if weighed else (weight, weight2)
    return index[:end], rows[:end], weights_to[0], weights_to[1], held


@compiled
def _largest_that_may_stay(hashes, most):  # type: ignore[no-untyped-def]
    """The hash that so many distinct ones do not exceed in the first piece: what is larger is not among the smallest of all."""
    if hashes.size <= 2 * _FIRST_PIECE * most:
        return hashes.max()
    piece = np.sort(hashes[: max(_FIRST_PIECE * most, hashes.size // 64)])
    distinct = 1
    for i in range(1, piece.size):
        if piece[i] != piece[i - 1]:
            if distinct == most:
                return piece[i - 1]
            distinct += 1
    return hashes.max()
