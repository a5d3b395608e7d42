"""What is drawn of a column is what was counted."""

import numpy as np
import pyarrow as pa
import pytest

from dashboard.bars import TOP_CATEGORIES, Bars, bars
from kernel.cells import Cells
from kernel.column_spec import ColumnSpec
from kernel.grid import Grid
from kernel.profile import ColumnProfile, Kind
from kernel.profiling import profile_rows
from store.column_view import ColumnView

RNG_SEED = 7


def numeric(values: np.ndarray, grid: Grid, version: int = 1) -> ColumnProfile:
    return counted("feature.x", values, ColumnSpec(Kind.NUMERIC, version, grid))


def counted(name: str, values: np.ndarray, spec: ColumnSpec) -> ColumnProfile:
    return profile_rows(pa.table({name: values}), {name: spec}).columns[name]


def drawn(reference: np.ndarray, current: np.ndarray) -> Bars:
    grid = Grid.fit(reference)
    return bars(ColumnView("x", Kind.NUMERIC, numeric(current, grid), numeric(reference, grid), grid, {}))


def categorical(current: list[int], reference: list[int], values: dict[int, str]) -> Bars:
    sides = [ColumnProfile(Kind.CATEGORICAL, 0, Cells.of_dense(np.array(rows))) for rows in (current, reference)]
    return bars(ColumnView("c", Kind.CATEGORICAL, *sides, None, values))


def test_a_smooth_column_is_drawn_as_numpy_would_count_it() -> None:
    rng = np.random.default_rng(RNG_SEED)
    reference, current = rng.normal(1010, 8, 50_000), rng.normal(1014, 8, 50_000)
    histogram = drawn(reference, current).histogram
    assert histogram is not None
    for values, shares in ((reference, histogram.reference), (current, histogram.current)):
        inside = np.clip(values, histogram.bounds[0], np.nextafter(histogram.bounds[-1], -np.inf))
        expected = np.histogram(inside, histogram.bounds)[0] / len(values)
        assert shares.sum() == pytest.approx(1)
        assert np.abs(shares - expected).max() < 0.008


def test_a_heavy_value_stands_beside_the_histogram() -> None:
    rng = np.random.default_rng(RNG_SEED)
    values = np.where(rng.random(20_000) < 0.4, 0.0, rng.lognormal(2, 0.5, 20_000))
    result = drawn(values, values)
    assert result.histogram is not None
    assert result.values is not None
    assert result.values.names == ("0",)
    assert result.values.current[0] == pytest.approx(0.4, abs=0.01)
    assert result.histogram.current.sum() + result.values.current.sum() == pytest.approx(1)


def test_few_distinct_values_are_drawn_each() -> None:
    values = np.repeat(np.arange(5.0, 24.0), 50)
    result = drawn(values, values[values > 10])
    assert result.histogram is None
    assert result.values is not None
    assert result.values.names == tuple(str(v) for v in range(5, 24))
    assert result.values.current[0] == 0


def test_a_constant_column_is_one_bar() -> None:
    result = drawn(np.full(100, 3.0), np.full(10, 3.0))
    assert result.values is not None
    assert result.values.names == ("3",)


def test_the_largest_categories_come_first_and_the_rest_together() -> None:
    n = TOP_CATEGORIES + 8
    result = categorical([0, *range(n, 0, -1)], [0] + [1] * n, {code: f"v{code}" for code in range(1, n + 1)})
    assert result.values is not None
    assert result.values.names[0] == "v1"
    assert result.values.names[-1] == "8 more values"
    assert result.values.current.sum() == pytest.approx(1)
    assert result.values.reference.sum() == pytest.approx(1)


def test_a_category_without_a_name_is_still_drawn() -> None:
    result = categorical([2, 3, 5], [0, 0, 0], {1: "a"})
    assert result.values is not None
    assert result.values.names == ("code 2", "a", "other")


def test_a_score_is_drawn_as_a_probability_over_both_classes() -> None:
    p = np.random.default_rng(RNG_SEED).beta(2, 5, 30_000)
    cell = np.clip(np.floor(np.log(p / (1 - p)) * 64) + 1024, 0, 2047).astype(int)
    profile = ColumnProfile(Kind.SCORE, 0, Cells.of_dense(np.bincount(np.where(p > 0.5, 2048, 0) + cell)))
    histogram = bars(ColumnView("score.a", Kind.SCORE, profile, None, None, {})).histogram
    assert histogram is not None
    expected = np.histogram(p, histogram.bounds)[0] / len(p)
    assert np.abs(histogram.current - expected).max() < 0.005
    assert histogram.reference.sum() == 0


def test_a_latency_needs_no_grid_of_its_own() -> None:
    values = np.random.default_rng(RNG_SEED).lognormal(2.4, 0.4, 20_000)
    profile = counted("latency_ms", values, ColumnSpec(Kind.POSITIVE))
    histogram = bars(ColumnView("latency_ms", Kind.POSITIVE, profile, profile, None, {})).histogram
    assert histogram is not None
    assert histogram.bounds[0] >= 0
    assert histogram.current.sum() == pytest.approx(1)


def test_profiles_of_two_grids_are_not_drawn_together() -> None:
    grid = Grid.fit(np.arange(100.0))
    view = ColumnView(
        "x", Kind.NUMERIC, numeric(np.arange(100.0), grid, 2), numeric(np.arange(100.0), grid, 1), grid, {}
    )
    result = bars(view)
    assert not view.comparable
    assert result.histogram is not None
    assert result.histogram.reference.sum() == 0


def test_nothing_is_drawn_of_nothing() -> None:
    assert bars(ColumnView("x", None, None, None, None, {})) == Bars(None, None)
