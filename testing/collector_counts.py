"""Counts of a window, in a form that compares: what is stored is brought into it, and so is what a plain reference counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from kernel.column_spec import DISTINCT_ROWS
from kernel.grid import Grid
from kernel.profile import ColumnProfile, Kind, Moments, WindowProfile

Label = str | int  # the value of a category, or the number of a cell


class Place(NamedTuple):
    """Which profile."""

    model: str
    version: str
    segment: str
    start_us: int
    partition: str


@dataclass
class ColumnCounts:
    """One column: everything that is a sum of whole numbers or of weights that are exact in binary, and the moments beside it."""

    cells: dict[Label, int] = field(default_factory=dict)
    weights: dict[Label, float] = field(default_factory=dict)
    missing: int = 0
    missing_weight: float = 0.0
    misfit: int = 0
    strange: tuple[int, int, int] = (0, 0, 0)  # NaN and the infinities
    moments: Moments = field(default=Moments(), compare=False)

    @property
    def rows(self) -> int:
        """All rows of the window, counted by what became of them."""
        return sum(self.cells.values()) + self.missing + self.misfit + sum(self.strange)


@dataclass
class WindowCounts:
    """One profile."""

    rows: int = 0
    errors: int = 0
    weight: float = 0.0
    weight2: float = 0.0
    columns: dict[str, ColumnCounts] = field(default_factory=dict)


class Known(NamedTuple):
    """How a model's columns are counted, which is settled by what comes first and stays."""

    kinds: Mapping[str, Kind]
    grids: Mapping[str, Grid]
    categories: Mapping[str, Mapping[str, int]]


def counts_of(profile: WindowProfile, known: Known) -> WindowCounts:
    """What a stored profile says. A column that is missing in every row is left out: whether it is named says nothing.

    The sample of rows accounts for each of them, and is held to plain counts in tests/kernel/test_samples.py.
    """
    sample = profile.columns.get(DISTINCT_ROWS)
    if sample is not None and sample.missing + sample.cells.rows[:1].sum() != profile.rows:
        raise AssertionError(f"of {profile.rows} rows the sample of them accounts for others")
    counted = {name: column for name, column in profile.columns.items() if name != DISTINCT_ROWS}
    columns = {name: _column(column, known.categories.get(name, {})) for name, column in counted.items()}
    told = {name: column for name, column in columns.items() if column.missing < profile.rows}
    lost = {name: column.rows for name, column in columns.items() if column.rows != profile.rows}
    if lost:
        raise AssertionError(f"of {profile.rows} rows these columns account for {lost}")
    return WindowCounts(profile.rows, profile.errors, profile.weight, profile.weight2, told)


def _column(column: ColumnProfile, categories: Mapping[str, int]) -> ColumnCounts:
    index, cells = column.cells.index.tolist(), column.cells
    labels: list[Label] = list(index)
    if column.kind is Kind.CATEGORICAL:
        values = {code: value for value, code in categories.items()}
        labels = [values.get(code, code) for code in index]
    return ColumnCounts(
        dict(zip(labels, cells.rows.tolist(), strict=True)),
        dict(zip(labels, cells.shares_of.tolist(), strict=True)),
        column.missing,
        column.missing_weight,
        column.misfit,
        (column.nan, column.pos_inf, column.neg_inf),
        column.moments,
    )


def assert_same(found: Mapping[Any, WindowCounts], expected: Mapping[Any, WindowCounts]) -> None:
    """Every count is the same; moments to the last digits but a few, as sums depend on their order.

    Raises:
        AssertionError: they differ.
    """
    different = {place for place in {*found, *expected} if found.get(place) != expected.get(place)}
    if different:
        told = (f"{p}\n  is  {found.get(p)}\n  not {expected.get(p)}" for p in sorted(different))
        raise AssertionError("\n".join(told))
    for place, window in expected.items():
        for name, column in window.columns.items():
            ours, theirs = found[place].columns[name].moments, column.moments
            close = pytest.approx((theirs.count, theirs.mean, theirs.squares), rel=1e-9, abs=1e-9)
            if (ours.count, ours.mean, ours.squares) != close:
                raise AssertionError(f"{place} {name} is {ours}, not {theirs}")
