import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors import psi
from detectors.binning import decile_bins, heavy_cells, pair_from_categories, pair_from_cells
from detectors.pair import pair_of

few = settings(max_examples=40, deadline=None, derandomize=True)

cells = arrays(np.float64, st.integers(1, 80), elements=st.integers(0, 300).map(float)).filter(lambda a: a.sum() > 0)


@few
@given(cells)
def test_bins_hold_a_decile_of_the_rest_within_one_cell(reference):
    bins = decile_bins(reference)
    heavy = heavy_cells(reference)
    rest = np.where(heavy, 0, reference)
    held = np.bincount(bins, rest)[np.setdiff1d(bins, bins[heavy])]
    if rest.sum() and held.size:
        assert held.max() <= rest.sum() / 10 + rest.max() + 1e-9
    assert set(bins.tolist()) == set(range(int(bins.max()) + 1))


@few
@given(cells)
def test_a_heavy_cell_is_alone_and_the_rest_keeps_its_order(reference):
    bins, heavy = decile_bins(reference), heavy_cells(reference)
    for cell in np.flatnonzero(heavy):
        assert np.count_nonzero(bins == bins[cell]) == 1
    assert (np.diff(bins[~heavy]) >= 0).all()


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.random.default_rng(0).normal(size=20_000), id="normal"),
        pytest.param(np.random.default_rng(1).lognormal(0, 2, size=20_000), id="skewed"),
    ],
)
def test_psi_from_cells_is_that_of_the_rows_own_deciles(rows):
    """To 5%: 200 quantile cells leave at most half a cell, 2.5% of a decile's rows, at each edge."""
    rng = np.random.default_rng(3)
    window = rng.choice(rows, 5_000) * 1.15 + 0.1
    fine = np.quantile(rows, np.linspace(0, 1, 201)[1:-1])
    counts = [np.bincount(np.searchsorted(fine, side), minlength=200).astype(float) for side in (window, rows)]
    exact = [np.searchsorted(np.quantile(rows, np.arange(1, 10) / 10), side) for side in (window, rows)]
    ours = psi.value(pair_from_cells(counts[0], counts[1], decile_bins(counts[1])))
    assert ours == pytest.approx(psi.value(pair_of(*(np.bincount(side, minlength=10) for side in exact))), rel=0.05)


def test_zeros_are_a_bin_of_their_own_and_ten_are_left_for_the_rest():
    reference = np.append(90_000.0, np.full(100, 100.0))
    bins = decile_bins(reference)
    assert np.bincount(bins).tolist() == [1] + [10] * 10


def test_a_constant_reference_sees_a_window_that_left_it():
    bins = decile_bins(np.array([0.0, 500.0, 0.0]))
    pair = pair_from_cells(np.array([40.0, 50.0, 10.0]), np.array([0.0, 500.0, 0.0]), bins)
    assert pair.window.tolist() == [50.0, 50.0]
    assert psi.value(pair) > 3


def test_cells_beyond_the_reference_fall_into_its_first_and_last_bin():
    reference = np.concatenate([np.zeros(5), np.ones(20), np.zeros(5)])
    bins = decile_bins(reference)
    assert bins[:6].tolist() == [0] * 6
    assert set(bins[-5:].tolist()) == {9}


def test_a_reference_without_rows_has_no_deciles():
    with pytest.raises(ValueError, match="reference with rows"):
        decile_bins(np.zeros(4))


@few
@given(cells, st.data())
def test_merged_cells_equal_the_cells_of_the_union(reference, data):
    same_shape = arrays(np.float64, reference.size, elements=st.integers(0, 50).map(float))
    first, second = data.draw(same_shape), data.draw(same_shape)
    bins = decile_bins(reference)
    parts = [np.bincount(bins, part) for part in (first, second)]
    union = pair_from_cells(first + second, reference, bins)
    held = (parts[0] + parts[1] > 0) | (np.bincount(bins, reference) > 0)
    assert union.window.tolist() == (parts[0] + parts[1])[held].tolist()


def test_categories_are_aligned_by_name():
    pair = pair_from_categories({"b": 1, "z": 4}, {"c": 2, "b": 3}, window_size=2.5)
    assert (pair.window.tolist(), pair.reference.tolist()) == ([1.0, 0.0, 4.0], [3.0, 2.0, 0.0])
    assert (pair.window_size, pair.reference_size) == (2.5, 5.0)
