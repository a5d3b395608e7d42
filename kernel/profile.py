"""Profiles: what Driftglass keeps of a column in a window. They merge by addition, so any two windows compare at no cost.

One shape serves every kind of column: sparse cells (of a numeric grid, of the log-odds grid of a score, of a category dictionary)
with their rows, and what describes the column as a whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kernel.counting import Counts
from kernel.grid import Float64Array

Int64Array = NDArray[np.int64]

_NO_INTS: Int64Array = np.empty(0, np.int64)
_NO_FLOATS: Float64Array = np.empty(0, np.float64)


class Kind(StrEnum):
    """How a column is counted."""

    NUMERIC = "numeric"  # on the column's own grid
    CATEGORICAL = "categorical"  # by the column's dictionary
    BOOLEAN = "boolean"  # 0 and 1
    SCORE = "score"  # in log-odds, by predicted class
    POSITIVE = "positive"  # latencies and other positive scales, relative error under 1%


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations of the finite values, merged without cancelling (Chan, Golub, LeVeque 1979).

    >>> Moments(1, 2.0, 0.0).merge(Moments(1, 4.0, 0.0))
    Moments(count=2, mean=3.0, squares=2.0)
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def merge(self, other: Self) -> Self:
        """The moments of both together."""
        if not self.count or not other.count:
            return other if other.count else self
        count = self.count + other.count
        delta = other.mean - self.mean
        mean = self.mean + delta * other.count / count
        return type(self)(count, mean, self.squares + other.squares + delta * delta * self.count * other.count / count)


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
        first: int = 0,
    ) -> Self:
        """From arrays over all cells from `first` on, each of shape (cells,)."""
        index = np.flatnonzero(rows)
        return cls(
            index + first,
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

    def dense(self, cells: int) -> Float64Array:
        """`shares_of` over all cells, shape (cells,)."""
        full = np.zeros(cells)
        full[self.index] = self.shares_of
        return full

    @classmethod
    def merge(cls, parts: Sequence[Self]) -> Self:
        """The sum of several; associative and commutative, exactly for rows."""
        return cls.merge_each([parts])[0]

    @classmethod
    def merge_each(cls, groups: Sequence[Sequence[Self]]) -> list[Self]:
        """The sum of each group, all in one pass: a profile has many columns, each of few cells."""
        full = [[p for p in parts if len(p.index)] for parts in groups]
        several = [parts for parts in full if len(parts) > 1]
        sums = iter(_summed(several) if several else [])
        return [cls(*next(sums)) if len(parts) > 1 else parts[0] if parts else cls() for parts in full]


def _summed(groups: Sequence[Sequence[Cells]]) -> Iterator[tuple[NDArray[Any], ...]]:
    """Index, rows, sums, weight and weight2 of each group's sum; every part holds some cells."""
    ends = np.cumsum([1 + max(int(p.index[-1]) for p in parts) for parts in groups])
    starts = [0, *ends[:-1].tolist()]
    parts = [p for group in groups for p in group]
    shift = np.repeat(
        [at for at, group in zip(starts, groups, strict=True) for _ in group], [len(p.index) for p in parts]
    )
    place = np.concatenate([p.index for p in parts]) + shift

    def total(values: list[NDArray[Any]]) -> Float64Array:
        return np.bincount(place, np.concatenate(values), int(ends[-1]))[held].astype(np.float64)

    held = np.flatnonzero(np.bincount(place, minlength=int(ends[-1])))
    rows = total([p.rows for p in parts]).astype(np.int64)  # exact up to 2^53
    sums = total([p.sums if len(p.sums) else np.zeros(len(p.index)) for p in parts])
    weighted = any(len(p.weight) for p in parts)
    weight = total([p.shares_of for p in parts]) if weighted else _NO_FLOATS
    weight2 = total([p.weight2 if len(p.weight2) else p.rows for p in parts]) if weighted else _NO_FLOATS
    cuts = [slice(*np.searchsorted(held, (start, end))) for start, end in zip(starts, ends, strict=True)]
    for group, start, cut in zip(groups, starts, cuts, strict=True):
        summed = sums[cut] if all(len(p.sums) for p in group) else _NO_FLOATS
        mine = any(len(p.weight) for p in group)
        both = (weight[cut], weight2[cut]) if mine else (_NO_FLOATS, _NO_FLOATS)
        yield held[cut] - start, rows[cut], summed, *both


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column in one window.

    Attributes:
        kind: how it is counted.
        grid: version of the column's grid; 0 for fixed grids and dictionaries.
        cells: the counts; values that are missing, not finite or misfits are in none.
        missing: rows without a value, `missing_weight` and `missing_weight2` the sums of their weights and squares.
        nan, pos_inf, neg_inf: rows with such a value.
        misfit: rows whose value is not of the column's kind, kept as text in the record log.
        moments: of the finite values, in the column's unit.
        low, high: smallest and largest finite value; (inf, -inf) when there is none.
    """

    kind: Kind
    grid: int = 0
    cells: Cells = Cells()
    missing: int = 0
    missing_weight: float = 0.0
    missing_weight2: float = 0.0
    nan: int = 0
    pos_inf: int = 0
    neg_inf: int = 0
    misfit: int = 0
    moments: Moments = Moments()
    low: float = np.inf
    high: float = -np.inf

    @property
    def values(self) -> int:
        """Rows that are in a cell."""
        return int(self.cells.rows.sum())

    @classmethod
    def numeric(
        cls,
        kind: Kind,
        grid: int,
        counts: Counts,
        centre: float,
        weights: tuple[Float64Array, Float64Array] | None,
        first: int = 0,
    ) -> Self:
        """From one pass of kernel.counting, over the cells from `first` on; missing values are the caller's to add."""
        rows, sums = int(counts.rows.sum()), float(counts.sums.sum())
        moments = (
            Moments(rows, centre + sums / rows, max(0.0, counts.squares - sums * sums / rows)) if rows else Moments()
        )
        return cls(
            kind, grid, Cells.of_dense(counts.rows, counts.sums, weights, first),
            nan=counts.nan, pos_inf=counts.pos_inf, neg_inf=counts.neg_inf,
            moments=moments, low=counts.low, high=counts.high,
        )  # fmt: skip

    @classmethod
    def merge(cls, parts: Sequence[Self]) -> Self:
        """The sum of several profiles of one column.

        Parts of another kind or grid version than the last one's count as misfits: a window of two grids is not measured.

        Raises:
            ValueError: when there is none.
        """
        if not parts:
            raise ValueError("nothing to merge")
        return cls.merge_each([parts])[0]

    @classmethod
    def merge_each(cls, groups: Sequence[Sequence[Self]]) -> list[Self]:
        """The sum of each group, none of which is empty; see `merge`."""
        alike = [[p for p in parts if (p.kind, p.grid) == (parts[-1].kind, parts[-1].grid)] for parts in groups]
        cells = Cells.merge_each([[p.cells for p in parts] for parts in alike])
        return [
            parts[0] if len(parts) == 1 else cls._sum(parts, same, summed)
            for parts, same, summed in zip(groups, alike, cells, strict=True)
        ]

    @classmethod
    def _sum(cls, parts: Sequence[Self], same: Sequence[Self], cells: Cells) -> Self:
        moments = Moments()
        for part in same:
            moments = moments.merge(part.moments)
        strange = sum(p.values for p in parts) - sum(p.values for p in same) if len(same) < len(parts) else 0
        return cls(
            parts[-1].kind,
            parts[-1].grid,
            cells,
            missing=sum(p.missing for p in parts),
            missing_weight=sum(p.missing_weight for p in parts),
            missing_weight2=sum(p.missing_weight2 for p in parts),
            nan=sum(p.nan for p in parts),
            pos_inf=sum(p.pos_inf for p in parts),
            neg_inf=sum(p.neg_inf for p in parts),
            misfit=sum(p.misfit for p in parts) + strange,
            moments=moments,
            low=min(p.low for p in same),
            high=max(p.high for p in same),
        )


@dataclass(frozen=True, slots=True)
class WindowProfile:
    """All columns of a window (of one model, version, segment and source partition, or merged over those).

    Attributes:
        rows: predictions.
        errors: predictions that carry an error.
        weight, weight2: sums of the weights and of their squares over the rows; equal to rows while every weight is 1.
        columns: by wire name: feature.NAME, prediction, score.CLASS, latency_ms, queue_ms.
    """

    rows: int = 0
    errors: int = 0
    weight: float = 0.0
    weight2: float = 0.0
    columns: dict[str, ColumnProfile] = field(default_factory=dict)

    @property
    def size(self) -> float:
        """The effective number of rows, (sum w)^2 / sum w^2."""
        return self.weight * self.weight / self.weight2 if self.weight2 > 0 else 0.0

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """The sum of several; a column that a part lacks is missing in all of that part's rows."""
        whole = list(parts)
        names = sorted({name for part in whole for name in part.columns})
        merged = ColumnProfile.merge_each([[p.columns[n] for p in whole if n in p.columns] for n in names])
        return cls(
            rows=sum(p.rows for p in whole),
            errors=sum(p.errors for p in whole),
            weight=sum(p.weight for p in whole),
            weight2=sum(p.weight2 for p in whole),
            columns={n: _with_absent(column, n, whole) for n, column in zip(names, merged, strict=True)},
        )


def _with_absent(column: ColumnProfile, name: str, whole: Sequence[WindowProfile]) -> ColumnProfile:
    absent = [p for p in whole if name not in p.columns]
    if not absent:
        return column
    return replace(
        column,
        missing=column.missing + sum(p.rows for p in absent),
        missing_weight=column.missing_weight + sum(p.weight for p in absent),
        missing_weight2=column.missing_weight2 + sum(p.weight2 for p in absent),
    )
