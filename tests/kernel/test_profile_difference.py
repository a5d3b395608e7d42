"""What was merged into a profile can be taken out again: what is left is what was there before."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.column_spec import ColumnSpec
from kernel.grid import Grid
from kernel.profile import Kind, WindowProfile
from kernel.profile_batch import SEVERAL_GRIDS
from kernel.profile_difference import without
from kernel.profiling import profile_rows

GRID = Grid.fit(np.random.default_rng(0).normal(0, 1, 5_000))
SPECS = {
    "feature.x": ColumnSpec(Kind.NUMERIC, 1, GRID),
    "feature.c": ColumnSpec(Kind.CATEGORICAL, categories={"a": 1, "b": 2, "c": 3}),
    "feature.b": ColumnSpec(Kind.BOOLEAN),
    "prediction": ColumnSpec(Kind.CATEGORICAL, categories={"yes": 1, "no": 2}),
    "score.yes": ColumnSpec(Kind.SCORE),
    "latency_ms": ColumnSpec(Kind.POSITIVE),
}


def some_rows(seed: int, rows: int, *, weights: bool = False, lacks: tuple[str, ...] = ()) -> WindowProfile:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, rows)
    x[rng.random(rows) < 0.05] = np.nan
    columns = {
        "feature.x": pa.array(x, mask=rng.random(rows) < 0.1),
        "feature.c": pa.array(rng.choice(["a", "b", "c", "d"], rows)),
        "feature.b": pa.array(rng.choice(["true", "0", "perhaps"], rows)),
        "prediction": pa.array(rng.choice(["yes", "no"], rows)),
        "score.yes": pa.array(rng.random(rows)),
        "latency_ms": pa.array(rng.lognormal(size=rows)),
        "error": pa.array(np.full(rows, "boom"), mask=rng.random(rows) > 0.05),
    }
    if weights:
        columns["weight"] = pa.array(rng.choice([1.0, 2.0, 10.0], rows))
    return profile_rows(pa.table({n: c for n, c in columns.items() if n not in lacks}), SPECS)


def require_equal(found: WindowProfile, expected: WindowProfile) -> None:
    """Equal in all that measurements use: counts exactly, sums of floats to rounding."""
    assert (found.rows, found.errors) == (expected.rows, expected.errors)
    assert (found.weight, found.weight2) == (expected.weight, expected.weight2)
    for name, column in expected.columns.items():
        other = found.columns[name]
        assert (other.kind, other.grid) == (column.kind, column.grid)
        for counted in ("missing", "nan", "pos_inf", "neg_inf", "misfit", "missing_weight", "missing_weight2"):
            assert getattr(other, counted) == getattr(column, counted), (name, counted)
        np.testing.assert_array_equal(other.cells.index, column.cells.index)
        np.testing.assert_array_equal(other.cells.rows, column.cells.rows)
        np.testing.assert_array_equal(other.cells.shares_of, column.cells.shares_of)
        np.testing.assert_allclose(other.cells.sums, column.cells.sums, atol=1e-9)
        assert other.cells.size == pytest.approx(column.cells.size)
        assert other.moments.count == column.moments.count
        assert other.moments.mean == pytest.approx(column.moments.mean, abs=1e-9)
        assert other.moments.squares == pytest.approx(column.moments.squares, abs=1e-6)


SOME = st.sampled_from([(), ("feature.x",), ("score.yes", "prediction"), ("latency_ms", "feature.c")])


@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(1, 80), st.booleans(), st.booleans(), SOME, SOME)
@settings(max_examples=60)
def test_a_sum_without_its_second_part_is_its_first(seed, rows, more, weighed, also_weighed, lacks, also_lacks) -> None:
    a = some_rows(seed, rows, weights=weighed, lacks=lacks)
    b = some_rows(seed + 1, more, weights=also_weighed, lacks=also_lacks)
    require_equal(without(WindowProfile.merge([a, b]), b), a)


@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(1, 60), st.booleans(), SOME, SOME)
@settings(max_examples=40)
def test_no_count_falls_below_zero_whatever_is_taken(seed, rows, more, weighed, lacks, also_lacks) -> None:
    whole = some_rows(seed, rows, lacks=lacks)
    found = without(whole, some_rows(seed + 1, more, weights=weighed, lacks=also_lacks))
    assert min(found.rows, found.errors, found.weight, found.weight2) >= 0
    assert found.columns.keys() == whole.columns.keys()
    for name, column in found.columns.items():
        before = whole.columns[name]
        assert (column.cells.rows > 0).all()
        assert np.isin(column.cells.index, before.cells.index).all()
        assert column.values <= before.values
        assert (column.cells.shares_of >= 0).all()
        assert min(column.missing, column.nan, column.pos_inf, column.neg_inf, column.misfit) >= 0
        assert min(column.missing_weight, column.moments.count, column.moments.squares) >= 0


def test_a_part_that_was_counted_on_another_grid_is_taken_from_the_misfits() -> None:
    other = {**SPECS, "feature.x": ColumnSpec(Kind.NUMERIC, 2, Grid.fit(np.arange(100.0)))}
    table = pa.table({"feature.x": np.arange(50.0)})
    b, a = profile_rows(table, other), some_rows(3, 40)
    column = replace(a.columns["feature.x"], grid=SEVERAL_GRIDS)  # which nobody takes back: it is not measured
    require_equal(without(WindowProfile.merge([b, a]), b), replace(a, columns={**a.columns, "feature.x": column}))


def test_nothing_is_left_of_all_of_it() -> None:
    a = some_rows(5, 200, weights=True)
    found = without(a, a)
    assert (found.rows, found.errors, found.size) == (0, 0, 0.0)
    assert [column.values + column.missing + column.misfit for column in found.columns.values()] == [0] * 9
