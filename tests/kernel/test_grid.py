"""A grid keeps its resolution on any column, and a value always lies in the cell that its bounds say."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kernel.column_spec import ColumnSpec
from kernel.counting import Spans, count_numbers
from kernel.grid import CODES, MAX_CELLS, Grid, decode, encode
from kernel.profile import ColumnProfile, Kind
from kernel.profiling import profile_rows

ODD = st.sampled_from([np.nan, np.inf, -np.inf, 1e100, -1e100, 0.0, -0.0])
FINITE = st.floats(-1e30, 1e30, allow_nan=False)


@given(arrays(np.float64, st.integers(2, 50), elements=FINITE), FINITE)
def test_codes_are_monotone_in_the_value(values: np.ndarray, centre: float) -> None:
    ordered = np.sort(values)
    assert (np.diff(encode(ordered, centre).astype(np.int64)) >= 0).all()


def test_every_finite_code_decodes_to_a_value_with_that_code() -> None:
    codes = np.arange(0x0081, 0xFF7F)
    assert (encode(decode(codes, 0.0), 0.0) == codes).all()


@given(arrays(np.float64, st.integers(1, 200), elements=FINITE))
def test_a_grid_of_any_column_has_at_most_512_cells_and_holds_every_value(values: np.ndarray) -> None:
    grid = Grid.fit(values)
    assert grid.cells <= MAX_CELLS
    assert grid.lookup().shape == (CODES,)
    assert count(values, grid).values == len(values)


def count(values: np.ndarray, grid: Grid) -> ColumnProfile:
    spec = ColumnSpec(Kind.NUMERIC, 1, grid)
    return profile_rows(pa.table({"feature.x": values}), {"feature.x": spec}).columns["feature.x"]


COLUMNS = {
    "normal far from zero": lambda rng: rng.normal(1010, 8, 200_000),
    "log-normal": lambda rng: rng.lognormal(0, 2, 200_000),
    "uniform": lambda rng: rng.random(200_000),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_the_largest_cell_of_a_continuous_column_holds_under_one_percent(column: str) -> None:
    values = COLUMNS[column](np.random.default_rng(1))
    rows = count(values, Grid.fit(values)).cells.rows
    assert rows.max() / rows.sum() < 0.01


def test_a_heavy_value_has_a_cell_of_its_own() -> None:
    rng = np.random.default_rng(2)
    values = np.where(rng.random(50_000) < 0.6, 0.0, rng.exponential(3.0, 50_000))
    rows = count(values, Grid.fit(values)).cells.rows
    assert rows.max() == (values == 0).sum()


def test_a_grid_of_few_values_still_resolves_what_comes_later() -> None:
    rng = np.random.default_rng(3)
    grid = Grid.fit(rng.normal(1010, 8, 20))
    rows = count(rng.normal(1010, 8, 100_000), grid).cells.rows
    assert rows.max() / rows.sum() < 0.05


def test_the_search_and_the_lookup_put_values_into_the_same_cells() -> None:
    rng = np.random.default_rng(4)
    values = rng.standard_cauchy(20_000)
    grid = Grid.fit(values)
    by_lookup = count(values, grid).cells.dense(grid.cells)
    by_search = sum(count(part, grid).cells.dense(grid.cells) for part in np.split(values, 20))
    assert (by_lookup == by_search).all()
    assert (by_lookup == np.bincount(grid.lookup()[encode(values, grid.centre)], minlength=grid.cells)).all()


def test_what_is_not_finite_is_counted_apart() -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf, 2.0, np.nan])
    counts = count(values, Grid.fit(values))
    assert (counts.values, counts.nan, counts.pos_inf, counts.neg_inf) == (2, 2, 1, 1)
    assert (counts.low, counts.high) == (1.0, 2.0)


@given(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 5_000), ODD), max_size=20))
def test_a_large_column_is_counted_like_its_parts_whatever_lies_between_its_values(rest, odd) -> None:
    values = np.random.default_rng(5).normal(3.0, 2.0, 5_001 + rest)
    grid = Grid.fit(values)
    for place, value in odd:
        values[place] = value
    whole = count(values, grid)
    parts = ColumnProfile.merge([count(part, grid) for part in np.array_split(values, 3)])
    finite = values[np.isfinite(values)]
    assert (whole.nan, whole.pos_inf, whole.neg_inf) == (parts.nan, parts.pos_inf, parts.neg_inf)
    assert whole.values == whole.moments.count == finite.size
    assert (whole.cells.index.tolist(), whole.cells.rows.tolist()) == (
        parts.cells.index.tolist(),
        parts.cells.rows.tolist(),
    )
    assert (whole.low, whole.high) == (finite.min(), finite.max())
    assert whole.cells.sums == pytest.approx(parts.cells.sums, rel=1e-9, abs=1e-9)
    assert whole.moments.squares == pytest.approx(parts.moments.squares, rel=1e-9)


def test_without_a_finite_value_there_is_no_grid() -> None:
    with pytest.raises(ValueError, match="at least one finite value"):
        Grid.fit(np.array([np.nan, np.inf]))


def test_cells_of_latencies_are_narrower_than_one_percent() -> None:
    values = np.geomspace(1e-3, 1e6, 10_000)
    bounds = Grid.identity().lower_bounds()
    cells = Grid.identity().lookup()[encode(values, 0.0)]
    assert ((bounds[cells + 1] - bounds[cells]) / bounds[cells] < 0.01).all()


@pytest.mark.filterwarnings("error")
def test_the_centre_of_the_largest_values_is_one_of_them() -> None:
    for values in ([1.7e308, 1.7e308], [-1.7e308, -1.6e308, -1.5e308, -1.4e308]):
        assert min(values) <= Grid.fit(np.array(values)).centre <= max(values)


SIZES = (1, 255, 256, 257, 2_047, 2_048, 2_049, 4_500)  # around what is counted at once


@pytest.mark.parametrize("identity", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_counting_equals_a_plain_count_whatever_is_not_finite(size: int, identity: bool) -> None:
    rng = np.random.default_rng(size)
    grid = Grid.identity() if identity else Grid.fit(rng.normal(3.0, 2.0, 5_000))
    values, weights = rng.normal(3.0, 2.0, size), rng.random(size)
    ends = np.unique([at for at in (0, 254, 255, 256, 257, 2_047, 2_048, size - 1) if at < size])
    for odd in ([], ends, ends[:1], ends[-1:], rng.choice(size, size // 3, replace=False), np.arange(size)):
        values[odd] = rng.choice([np.nan, -np.nan, np.inf, -np.inf], len(odd))
        counted = count_numbers(values, weights, Spans(np.array([0]), np.array([size])), [grid], np.array([0]))
        column, finite = counted.columns[0], np.isfinite(values)
        there, deviations = values[finite], values[finite] - grid.centre
        cells = grid.lookup()[encode(there, grid.centre)]
        found = np.unique(cells)
        assert [int(column[name]) for name in ("nan", "pos_inf", "neg_inf", "count")] == [
            np.isnan(values).sum(), (values == np.inf).sum(), (values == -np.inf).sum(), len(there),
        ]  # fmt: skip
        assert (column["low"], column["high"]) == (there.min(initial=np.inf), there.max(initial=-np.inf))
        assert column["squares"] == pytest.approx(((there - there.mean()) ** 2).sum() if len(there) else 0.0)
        assert (counted.cells.index.tolist(), counted.cells.rows.tolist()) == (
            found.tolist(),
            np.bincount(cells)[found].tolist(),
        )
        for got, summed in (
            (counted.cells.sums, deviations),
            (counted.cells.weight, weights[finite]),
            (counted.cells.weight2, weights[finite] ** 2),
        ):
            assert got == pytest.approx(np.bincount(cells, summed)[found], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("weighed", [False, True])
def test_spans_counted_beside_each_other_are_counted_as_alone(weighed) -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=10_000)
    grids = [Grid.fit(values[:2_000]), Grid.fit(rng.lognormal(size=2_000)), Grid.identity()]
    spans = Spans(np.array([0, 3_000, 3_003, 3_003, 6_000]), np.array([3_000, 3_003, 3_003, 6_000, 10_000]))
    which = np.array([0, 1, 2, 2, 1])
    values[rng.integers(0, values.size, 300)] = rng.choice([np.nan, np.inf, -np.inf], 300)
    weights = rng.random(values.size) if weighed else None
    together = count_numbers(values, weights, spans, grids, which)
    alone = [
        count_numbers(
            values[start:end],
            None if weights is None else weights[start:end],
            Spans(np.array([0]), np.array([end - start])),
            [grids[g]],
            np.array([0]),
        )
        for start, end, g in zip(*spans, which, strict=True)
    ]
    assert together.columns.tobytes() == b"".join(counted.columns.tobytes() for counted in alone)
    for name in ("index", "rows", "sums", *(("weight", "weight2") if weighed else ())):
        parts = [getattr(counted.cells, name) for counted in alone]
        assert getattr(together.cells, name).tobytes() == np.concatenate(parts).tobytes()


def test_values_too_far_apart_to_be_subtracted_are_counted_as_infinite() -> None:
    grid = Grid(-1e308, np.array([49_088], np.uint16))
    counts = count(np.array([1e308, -1e308, 0.0]), grid)
    assert (counts.values, counts.pos_inf, counts.high) == (2, 1, 0.0)
