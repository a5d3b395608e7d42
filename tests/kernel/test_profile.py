"""Profiles merge by addition, exactly, whatever the order and the grouping; and come back from bytes as they were."""

import itertools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.column_spec import ColumnSpec
from kernel.errors import ContractError
from kernel.grid import Grid
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.profile_batch import SEVERAL_GRIDS
from kernel.profile_codec import decode_profile, encode_profile
from kernel.profiling import GroupKey, Limits, profile_rows, profile_segments, profile_windows
from kernel.scores import SCORE_CELLS
from kernel.windows import WindowSize

SPECS = {
    "feature.x": ColumnSpec(Kind.NUMERIC, 1, Grid.fit(np.random.default_rng(0).normal(1e9, 1e-1, 5_000))),
    "feature.c": ColumnSpec(Kind.CATEGORICAL, categories={"a": 1, "b": 2, "c": 3}),
    "feature.b": ColumnSpec(Kind.BOOLEAN),
    "prediction": ColumnSpec(Kind.CATEGORICAL, categories={"yes": 1, "no": 2}),
    "score.yes": ColumnSpec(Kind.SCORE),
    "latency_ms": ColumnSpec(Kind.POSITIVE),
}


def some_rows(seed: int, rows: int, *, weights: bool = False) -> pa.Table:
    rng = np.random.default_rng(seed)
    start_us = 1_362_000_000_000_000
    columns = {
        "version": pa.array(rng.choice(["1", "2"], rows)),
        "ts": pa.array(start_us + np.sort(rng.integers(0, 3 * 86_400_000_000, rows)), pa.timestamp("us", "UTC")),
        # A large offset with a tiny spread: the moments must not cancel.
        "feature.x": pa.array(rng.normal(1e9, 1e-1, rows), mask=rng.random(rows) < 0.1),
        "feature.c": pa.array(rng.choice(["a", "b", "c", "d"], rows)),
        "feature.b": pa.array(rng.random(rows) < 0.3),
        "prediction": pa.array(rng.choice(["yes", "no"], rows)),
        "score.yes": pa.array(rng.random(rows)),
        "latency_ms": pa.array(rng.lognormal(size=rows)),
        "error": pa.array(np.full(rows, "boom"), mask=rng.random(rows) > 0.05),
    }
    if weights:
        columns["weight"] = pa.array(rng.choice([1.0, 2.0, 10.0], rows))
    return pa.table(columns)


def counts(profile: WindowProfile) -> dict[str, object]:
    """All that must be equal to the last count."""
    return {
        name: (c.kind, c.cells.index.tolist(), c.cells.rows.tolist(), c.missing, c.nan, c.misfit, c.low, c.high)
        for name, c in profile.columns.items()
    } | {"rows": profile.rows, "errors": profile.errors}


@given(st.integers(0, 10_000), st.lists(st.integers(1, 60), min_size=1, max_size=6), st.booleans(), st.randoms())
@settings(max_examples=40)
def test_merging_parts_in_any_order_and_grouping_equals_profiling_all_rows(seed, sizes, weights, random) -> None:
    table = some_rows(seed, sum(sizes), weights=weights)
    whole = profile_rows(table, SPECS)
    starts = np.cumsum([0, *sizes])
    parts = [profile_rows(table.slice(a, b - a), SPECS) for a, b in itertools.pairwise(starts)]
    random.shuffle(parts)
    merged = (
        WindowProfile.merge([WindowProfile.merge(parts[:2]), *parts[2:]])
        if len(parts) > 2
        else WindowProfile.merge(parts)
    )
    assert counts(merged) == counts(whole)
    for name, column in whole.columns.items():
        other = merged.columns[name]
        np.testing.assert_allclose(other.cells.shares_of, column.cells.shares_of, rtol=1e-12)
        np.testing.assert_allclose(other.moments.mean, column.moments.mean, rtol=1e-12)


def test_the_moments_of_a_tiny_spread_far_from_zero_do_not_cancel() -> None:
    table = some_rows(7, 20_000)
    values = table["feature.x"].drop_null().to_numpy()
    parts = [profile_rows(table.slice(at, 500), SPECS).columns["feature.x"] for at in range(0, 20_000, 500)]
    moments = ColumnProfile.merge(parts).moments
    assert moments.count == len(values)
    assert moments.mean == pytest.approx(values.mean(), rel=1e-15)
    assert moments.squares / moments.count == pytest.approx(np.var(values - 1e9), rel=1e-6)


@pytest.mark.filterwarnings("error")
def test_the_mean_of_the_largest_values_is_merged() -> None:
    spec = {"feature.x": ColumnSpec(Kind.NUMERIC, 1, Grid(0.0, np.array([1, 40_000], np.uint16)))}
    parts = [profile_rows(pa.table({"feature.x": part}), spec) for part in ([-8e307] * 2, [8e307] * 2)]
    assert WindowProfile.merge(parts).columns["feature.x"].moments.mean == 0.0


@pytest.mark.filterwarnings("error")
def test_values_whose_squares_and_sums_overflow_are_merged_and_stored_without_a_warning() -> None:
    values = np.array([1e300, -1e300, 2e300, 5.0])
    spec = {"feature.x": ColumnSpec(Kind.NUMERIC, 1, Grid.fit(values))}
    parts = [profile_rows(pa.table({"feature.x": part}), spec) for part in (values[:2], values[2:])]
    merged = WindowProfile.merge(parts).columns["feature.x"]
    assert (merged.moments.mean, merged.moments.squares) == (pytest.approx(values.mean()), np.inf)
    stored = decode_profile(encode_profile(WindowProfile.merge(parts))).columns["feature.x"]
    assert stored.cells.rows.tolist() == merged.cells.rows.tolist()
    assert stored.moments == merged.moments


def test_weights_make_shares_and_the_effective_size() -> None:
    table = some_rows(8, 5_000, weights=True)
    weights = table["weight"].to_numpy()
    column = profile_rows(table, SPECS).columns["feature.b"]
    flags = table["feature.b"].to_numpy(zero_copy_only=False)
    share = column.cells.weight / column.cells.weight.sum()
    assert share[1] == pytest.approx(weights[flags].sum() / weights.sum())
    assert column.cells.size == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_bytes_give_the_profile_back() -> None:
    whole = profile_rows(some_rows(9, 3_000, weights=True), SPECS)
    again = decode_profile(encode_profile(whole))
    assert counts(again) == counts(whole)
    assert (again.weight, again.weight2) == (whole.weight, whole.weight2)
    for name, column in whole.columns.items():
        np.testing.assert_allclose(again.columns[name].cells.sums, column.cells.sums, rtol=1e-6, atol=1e-6)
        assert again.columns[name].moments == column.moments


def test_a_column_of_a_large_window_takes_at_most_two_kilobytes() -> None:
    values = np.random.default_rng(10).normal(0, 1, 1_000_000)
    spec = {"feature.x": ColumnSpec(Kind.NUMERIC, 1, Grid.fit(values[:100_000]))}
    whole = profile_rows(pa.table({"feature.x": values}), spec)
    alone = replace(whole, columns={"feature.x": whole.columns["feature.x"]})
    assert len(encode_profile(alone)) <= 2_048
    assert len(encode_profile(whole)) <= len(encode_profile(alone)) + 2_560  # and the sample of its rows


def test_bytes_that_are_no_profile_are_refused() -> None:
    with pytest.raises(ContractError, match="no profile"):
        decode_profile(b"not a profile")


def test_a_column_that_a_part_lacks_is_missing_in_its_rows() -> None:
    with_x, without = some_rows(11, 100), some_rows(12, 40).drop_columns(["feature.x"])
    merged = WindowProfile.merge([profile_rows(with_x, SPECS), profile_rows(without, SPECS)])
    assert merged.columns["feature.x"].missing == with_x["feature.x"].null_count + 40


def test_windows_versions_and_segments_are_profiled_apart_and_add_up() -> None:
    table = some_rows(13, 4_000)
    found = profile_windows(table, SPECS, WindowSize("1d"), ["c"], Limits(segments=3))
    overall = [p for key, p in found.items() if key.segment == ""]
    by_segment = {key.segment for key in found} - {""}
    assert sum(p.rows for p in overall) == 4_000
    # "d" is not in the dictionary: without a code nothing bounds how many such values there are.
    assert by_segment == {"c=a", "c=b", "c=c", "c=other"}
    day = WindowSize("1d").start(table["ts"][0].value)
    first = found[GroupKey("1", "", day)]
    rows = [
        v == "1" and WindowSize("1d").start(t) == day
        for v, t in zip(table["version"].to_pylist(), table["ts"].cast(pa.int64()).to_pylist(), strict=True)
    ]
    assert first.rows == sum(rows)


def test_segments_past_the_limit_are_other() -> None:
    found = profile_windows(some_rows(14, 500), SPECS, WindowSize("1w"), ["c"], Limits(segments=1))
    assert {key.segment for key in found} == {"", "c=a", "c=other"}


def test_rows_by_segment_are_the_segments_of_all_windows_and_versions_together() -> None:
    table = some_rows(15, 2_000)
    found = profile_segments(table, SPECS, ["c"], max_segments=1)
    windows = profile_windows(table, SPECS, WindowSize("1d"), ["c"], Limits(segments=1))
    assert found.keys() == {"c=a", "c=other"}
    for segment, profile in found.items():
        merged = WindowProfile.merge([p for key, p in windows.items() if key.segment == segment])
        assert (profile.rows, profile.columns["feature.x"].values) == (merged.rows, merged.columns["feature.x"].values)
        np.testing.assert_array_equal(profile.columns["feature.x"].cells.rows, merged.columns["feature.x"].cells.rows)
    assert profile_segments(table.slice(0, 0), SPECS, ["c"]) == {}


def on_grid(version: int, values: list[float]) -> WindowProfile:
    grid = Grid.fit(np.linspace(0, version, 3_000))
    return profile_rows(
        pa.table({"feature.x": pa.array(values, pa.float64())}), {"feature.x": ColumnSpec(Kind.NUMERIC, version, grid)}
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_column_of_two_grids_says_so_for_good_and_one_without_values_is_of_any_grid(order: tuple[int, ...]) -> None:
    old, new, none = on_grid(1, [0.5, 0.25]), on_grid(2, [0.5]), on_grid(1, [np.nan, np.inf])
    several = WindowProfile.merge([(old, new, none)[i] for i in order])
    assert several.columns["feature.x"].grid == SEVERAL_GRIDS
    assert WindowProfile.merge([several, new]).columns["feature.x"].grid == SEVERAL_GRIDS
    assert (
        WindowProfile.merge([new, decode_profile(encode_profile(several))]).columns["feature.x"].grid == SEVERAL_GRIDS
    )
    for parts in ([none, new], [new, none]):
        column = WindowProfile.merge(parts).columns["feature.x"]
        assert (column.grid, column.values, column.misfit, column.nan, column.pos_inf) == (2, 1, 0, 1, 1)


def test_text_in_a_numeric_column_is_a_misfit_unless_it_reads_as_a_number() -> None:
    table = pa.table({"feature.x": ["1000000000.0", "n/a", None, " 1e9 "]})
    column = profile_rows(table, SPECS).columns["feature.x"]
    assert (column.values, column.misfit, column.missing) == (2, 1, 1)


@pytest.mark.parametrize(
    ("name", "flags"), [("1", [1, 0, 1]), ("late", [0, 1, 0]), ("01", [0, 0, 0]), ("-", [0, 0, 0])]
)
def test_a_score_counts_apart_what_was_predicted_as_its_class_by_name_or_by_digits(name, flags) -> None:
    predictions = {"prediction": pa.array([None, "late", None]), "prediction_value": pa.array([1.0, None, 1.0])}
    rows = pa.table(predictions | {f"score.{name}": [0.2, 0.4, 0.9]})
    found = profile_rows(rows, {f"score.{name}": ColumnSpec(Kind.SCORE)}).columns[f"score.{name}"].cells
    order = np.argsort(found.index % SCORE_CELLS)  # by score
    assert (found.index // SCORE_CELLS)[order].tolist() == flags
