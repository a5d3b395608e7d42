"""The grid on which numeric values are counted.

A value is coded by the top 16 bits of float32(x - centre), made monotone, which needs no range and no scale: about 0.8% relative
resolution around the centre, 65,536 codes in all. A grid folds the codes into at most 512 stored cells: quantiles of the values it
was fitted on, a cell of its own for every heavy code, and one cell an octave outside. Centre and edges never change once a grid
has a version, so counts of any two windows, and of a reference, add and compare at no cost.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
CodeArray = NDArray[np.uint16]

CODES = 1 << 16
MAX_CELLS = 512
QUANTILE_CELLS = 224
OCTAVE_CODES = 128  # float32 keeps 7 bits of its fraction in the top 16
FEW_VALUES = 1_000  # under so many, quantiles say little of where later values will lie
FIRST_FINITE, LAST_FINITE = 0x0080, 0xFF7F  # beyond them lie the codes of the infinities and of NaN


def encode(values: Float64Array, centre: float) -> CodeArray:
    """The code of each finite value, shape of values; monotone in the value.

    Values further from the centre than float32 reaches share a code beyond all others.

    >>> encode(np.array([-1.0, 0.0, 1.0]), 0.0).tolist()
    [16511, 32768, 49024]
    """
    with np.errstate(over="ignore"):
        bits = (values - centre + 0.0).astype(np.float32).view(np.uint32)  # + 0.0 makes -0.0 the 0.0 that it equals
    flipped = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (flipped >> 16).astype(np.uint16)


def decode(codes: NDArray[np.integer], centre: float) -> Float64Array:
    """The smallest value, in the values' own unit, that has each code (float64, shape of codes).

    >>> decode(encode(np.array([0.0, 1.0]), 0.0), 0.0).tolist()
    [0.0, 1.0]
    """
    bits = codes.astype(np.uint32) << 16
    negative = bits < (1 << 31)
    # Of a negative code the smallest value is the one of largest magnitude: its low 16 bits are ones.
    raw = np.where(negative, ~bits, bits & np.uint32(0x7FFFFFFF)).astype(np.uint32)
    with np.errstate(invalid="ignore"):
        return raw.view(np.float32).astype(np.float64) + centre


@dataclass(frozen=True, slots=True)
class Grid:
    """A version of a column's grid.

    Attributes:
        centre: what is subtracted before coding, in the column's unit.
        edges: ascending codes, shape (cells - 1,); cell c holds the codes in [edges[c-1], edges[c]).
    """

    centre: float
    edges: CodeArray

    @property
    def cells(self) -> int:
        """How many cells the grid has."""
        return len(self.edges) + 1

    def lookup(self) -> CodeArray:
        """The cell of every code, shape (65536,)."""
        bounds = np.concatenate([[0], self.edges.astype(np.int64), [CODES]])
        return np.repeat(np.arange(self.cells, dtype=np.uint16), np.diff(bounds))

    def lower_bounds(self) -> Float64Array:
        """The lower bound of each cell in the column's unit, shape (cells,); the first is the lowest finite value."""
        return decode(np.concatenate([[FIRST_FINITE], self.edges.astype(np.int64)]), self.centre)

    @classmethod
    def fit(cls, values: Float64Array) -> Self:
        """The grid of a first reference.

        Args:
            values: shape (n,), any order; what is not finite is left out.

        Raises:
            ValueError: when no value is finite.
        """
        finite = values[np.isfinite(values)]
        if not len(finite):
            raise ValueError("a grid needs at least one finite value")
        centre = 2 * float(np.median(finite / 2))  # halves, for the sum of two of the largest overflows
        counts = np.bincount(encode(finite, centre), minlength=CODES)
        inside = _inside_edges(counts) if len(finite) >= FEW_VALUES else _generic_edges(counts)
        return cls(
            centre, np.union1d(inside, _octave_edges(counts, (MAX_CELLS - 1 - len(inside)) // 2)).astype(np.uint16)
        )

    @classmethod
    def identity(cls) -> Self:
        """Every code its own cell around 0: a relative error under 0.4% at the middle of a cell, for latencies and the like."""
        return cls(0.0, np.arange(1, CODES, dtype=np.uint16))


def _inside_edges(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Quantile edges on the codes, and both edges of each code so heavy that it fills a quantile cell alone."""
    used = np.flatnonzero(counts)
    if len(used) <= QUANTILE_CELLS:
        heavy = used
        quantiles = np.empty(0, np.int64)
    else:
        cumulative = np.cumsum(counts)
        targets = cumulative[-1] * np.arange(1, QUANTILE_CELLS) / QUANTILE_CELLS
        quantiles = np.searchsorted(cumulative, targets)
        heavy = used[counts[used] * QUANTILE_CELLS >= cumulative[-1]]
    ends = np.array([used[0], used[-1] + 1])
    edges = np.unique(np.concatenate([quantiles, heavy, heavy + 1, ends]))
    return edges[(edges > 0) & (edges < CODES)]


def _generic_edges(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sixteen cells an octave, over twelve octaves up to eight times the largest distance; and the heaviest codes."""
    used = np.flatnonzero(counts)
    zero = CODES // 2
    top = max(int(used[-1]), CODES - 1 - int(used[0])) // OCTAVE_CODES * OCTAVE_CODES + 4 * OCTAVE_CODES
    if top <= zero + 12 * OCTAVE_CODES:  # every value is the centre: cells around it at the scale of 1
        top = int(encode(np.array([1.0]), 0.0)[0])
    above = np.arange(top - 12 * OCTAVE_CODES, min(top, LAST_FINITE), OCTAVE_CODES // 16)
    heavy = used[np.argsort(-counts[used], kind="stable")][:40]
    edges = np.unique(np.concatenate([above, CODES - above, heavy, heavy + 1, [zero]]))
    return edges[(edges > 0) & (edges < CODES)]


def _octave_edges(counts: NDArray[np.int64], per_side: int) -> NDArray[np.int64]:
    """One edge an octave below the lowest and above the highest code in use, at most so many a side."""
    used = np.flatnonzero(counts)
    below = np.arange(used[0] // OCTAVE_CODES * OCTAVE_CODES, FIRST_FINITE, -OCTAVE_CODES)[:per_side]
    above = np.arange((used[-1] // OCTAVE_CODES + 1) * OCTAVE_CODES, LAST_FINITE, OCTAVE_CODES)[:per_side]
    return np.concatenate([below[below > 0], above])
