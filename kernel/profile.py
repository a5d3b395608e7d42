"""Profiles: what Driftglass keeps of a column in a window. They merge by addition, so any two windows compare at no cost.

One shape serves every kind of column: sparse cells (of a numeric grid, of the log-odds grid of a score, of a category dictionary)
with their rows, and what describes the column as a whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np

from kernel.cells import Cells, joined_cells
from kernel.profile_batch import COLUMN, PROFILE, ProfileBatch


class Kind(StrEnum):
    """How a column is counted. Profiles are stored with the place of a kind in this list: a new one comes last."""

    NUMERIC = "numeric"  # on the column's own grid
    CATEGORICAL = "categorical"  # by the column's dictionary
    BOOLEAN = "boolean"  # 0 and 1
    SCORE = "score"  # in log-odds, by predicted class
    POSITIVE = "positive"  # latencies and other positive scales, relative error under 1%
    TEXT = "text"  # by script (kernel/written_text.py)
    WORDS = "words"  # a sample of what is distinct (kernel/samples.py), of the words of texts
    ROWS = "rows"  # likewise, of rows by their features


KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations of the finite values."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column in one window.

    Attributes:
        kind: how it is counted.
        grid: version of the column's grid; 0 for fixed grids and dictionaries, SEVERAL_GRIDS where parts were counted on
            more than one.
        cells: the counts; values that are missing, not finite or misfits are in none.
        missing: rows without a value, `missing_weight` and `missing_weight2` the sums of their weights and squares.
        nan, pos_inf, neg_inf: rows with such a value.
        misfit: rows whose value is not of the column's kind, kept as text in the record log.
        moments: of the finite values, in the column's unit.
        low, high: smallest and largest finite value; (inf, -inf) when there is none.
    """

    kind: Kind
    grid: int = 0
    cells: Cells = field(default_factory=Cells)
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
    def merge(cls, parts: Sequence["ColumnProfile"]) -> "ColumnProfile":
        """The sum of several profiles of one column.

        Parts of another kind or grid version count as misfits: a window of two grids is not measured; see ProfileBatch.sum_by.

        Raises:
            ValueError: when there is none.
        """
        if not parts:
            raise ValueError("nothing to merge")
        return WindowProfile.merge(WindowProfile(columns={"": part}) for part in parts).columns[""]


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
    def merge(cls, parts: Iterable["WindowProfile"]) -> "WindowProfile":
        """The sum of several; a column that a part lacks is missing in all of that part's rows."""
        whole = list(parts)
        if not whole:
            return cls()
        return profiles_of(batch_of(whole).sum_by(np.zeros(len(whole), np.int64), 1))[0]


def batch_of(profiles: Sequence[WindowProfile]) -> ProfileBatch:
    """The profiles as arrays; `profiles_of` gives them back."""
    columns = [column for profile in profiles for column in profile.columns.values()]
    heads = [(p.rows, p.errors, p.weight, p.weight2) for p in profiles]
    return ProfileBatch(
        np.array(heads, PROFILE),
        np.repeat(np.arange(len(profiles)), np.array([len(p.columns) for p in profiles], np.int64)),
        [name for profile in profiles for name in profile.columns],
        np.array([_described(column) for column in columns], COLUMN),
        joined_cells([column.cells for column in columns], weighed=any(len(c.cells.weight) for c in columns)),
    )


def profiles_of(batch: ProfileBatch) -> list[WindowProfile]:
    """The profiles of a batch whose columns lie together by profile, in their order."""
    ends = np.searchsorted(batch.owner, np.arange(len(batch) + 1)).tolist()
    held = np.cumsum([0, *batch.columns["cells"]]).tolist()
    columns = [
        (name, _column(described, batch.cells, slice(*at)))
        for name, described, at in zip(batch.names, batch.columns.tolist(), pairwise(held), strict=True)
    ]
    return [
        WindowProfile(rows, errors, weight, weight2, dict(columns[start:end]))
        for (rows, errors, weight, weight2), (start, end) in zip(batch.profiles.tolist(), pairwise(ends), strict=True)
    ]


def _described(column: ColumnProfile) -> tuple[object, ...]:
    cells, moments = column.cells, column.moments
    return (
        KINDS.index(column.kind), len(cells.sums) > 0, len(cells.weight) > 0, column.grid, len(cells.index),
        column.missing, column.nan, column.pos_inf, column.neg_inf, column.misfit,
        column.missing_weight, column.missing_weight2,
        moments.count, moments.mean, moments.squares, column.low, column.high,
    )  # fmt: skip


def _column(described: tuple[Any, ...], cells: Cells, at: slice) -> ColumnProfile:
    kind, summed, weighed, grid, _, missing, nan, pos_inf, neg_inf, misfit, weight, weight2, *moments, low, high = (
        described
    )
    sums = cells.sums[at] if summed else Cells().sums
    weights = (cells.weight[at], cells.weight2[at]) if weighed else ()
    return ColumnProfile(
        KINDS[kind], grid, Cells(cells.index[at], cells.rows[at], sums, *weights), missing, weight, weight2,
        nan, pos_inf, neg_inf, misfit, Moments(*moments), low, high,
    )  # fmt: skip
