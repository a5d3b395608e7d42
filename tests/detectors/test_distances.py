"""Every distance against scipy, and one conformance suite over all of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from detectors import chi2, ks, psi, wasserstein
from detectors.pair import BinnedPair, pair_of
from detectors.univariate import DISTANCES

few = settings(max_examples=40, deadline=None, derandomize=True)

counts = arrays(np.float64, st.integers(2, 12), elements=st.integers(0, 500).map(float)).filter(lambda a: a.sum() > 0)
two_counts = st.integers(2, 12).flatmap(
    lambda size: st.tuples(
        *[arrays(np.float64, size, elements=st.integers(0, 500).map(float)).filter(lambda a: a.sum() > 0)] * 2
    )
)
all_distances = pytest.mark.parametrize("name", DISTANCES)
bounded_by_one = pytest.mark.parametrize("name", ["js_distance", "hellinger", "tvd", "linf", "ks"])


def _shares(pair: BinnedPair) -> tuple[np.ndarray, np.ndarray]:
    return pair.window / pair.window.sum(), pair.reference / pair.reference.sum()


@few
@given(two_counts)
def test_values_equal_scipys(both):
    pair = pair_of(*both)
    p, q = _shares(pair)
    floored = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    jeffreys = sum(np.sum(a * np.log(a / b)) for a, b in (floored, floored[::-1]))
    assert DISTANCES["psi"].value(pair) == pytest.approx(jeffreys, abs=1e-12)
    # Where the divergence is a rounding error, its root is 1e-8: hence the tolerance.
    assert DISTANCES["js_distance"].value(pair) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)
    assert DISTANCES["hellinger"].value(pair) == pytest.approx(
        np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / math.sqrt(2), abs=1e-12
    )
    assert DISTANCES["tvd"].value(pair) == pytest.approx(np.maximum(p - q, 0).sum(), abs=1e-12)
    assert DISTANCES["linf"].value(pair) == pytest.approx(np.linalg.norm(p - q, ord=np.inf), abs=1e-12)
    table = np.vstack([pair.window, pair.reference])
    assert DISTANCES["chi2"].value(pair) == pytest.approx(
        stats.contingency.chi2_contingency(table, correction=False)[0]
    )


@few
@given(two_counts)
def test_the_margins_of_chi_square_are_scipys_and_so_is_the_power_divergence_from_them(both):
    pair = pair_of(*both)
    table = np.vstack([pair.window, pair.reference])
    expected = np.vstack(chi2.margins(pair))
    np.testing.assert_allclose(expected, stats.contingency.expected_freq(table), rtol=1e-12)
    found = stats.power_divergence(table.ravel(), expected.ravel(), lambda_="pearson").statistic
    assert chi2.value(pair) == pytest.approx(found, rel=1e-9, abs=1e-9)


@few
@given(two_counts)
def test_psi_bounds_the_others_where_no_share_is_floored(both):
    pair = pair_of(both[0] + 1, both[1] + 1)
    js = (DISTANCES["js_distance"].value(pair) or 0) ** 2 * math.log(2)
    hellinger = (DISTANCES["hellinger"].value(pair) or 0) ** 2
    assert 8 * js <= 8 * hellinger + 1e-9 <= (psi.value(pair) or 0) + 2e-9


@all_distances
@few
@given(counts)
def test_zero_on_identity_whatever_the_size(name, window):
    assert DISTANCES[name].value(pair_of(window, window * 7)) == pytest.approx(0.0, abs=1e-7)


@all_distances
@few
@given(two_counts)
def test_symmetric(name, both):
    forth, back = (DISTANCES[name].value(pair_of(*sides)) for sides in (both, both[::-1]))
    assert forth == pytest.approx(back, abs=1e-9)


@pytest.mark.parametrize("name", sorted(set(DISTANCES) - {"ks"}))
@few
@given(two_counts, st.randoms(use_true_random=False))
def test_the_order_of_bins_does_not_matter(name, both, random):
    order = np.array(random.sample(range(both[0].size), both[0].size))
    shuffled = pair_of(both[0][order], both[1][order])
    assert DISTANCES[name].value(shuffled) == pytest.approx(DISTANCES[name].value(pair_of(*both)), abs=1e-9)


@all_distances
@few
@given(two_counts)
def test_cells_empty_on_both_sides_do_not_count(name, both):
    wider = [np.concatenate([[0.0], side, [0.0, 0.0]]) for side in both]
    distance, pair, more = DISTANCES[name], pair_of(*both), pair_of(*wider)
    assert distance.value(more) == distance.value(pair)
    assert distance.expected(more) == distance.expected(pair)


@bounded_by_one
def test_neither_rounding_nor_few_rows_lead_beyond_one(name):
    """Of many bins and few rows, no bin on both sides."""
    for seed in range(20):
        held = np.random.default_rng(seed).random(300)
        nothing = np.zeros(300)
        pair = BinnedPair(np.append(held, nothing), np.append(nothing, held), 1.0, 900.0)
        assert DISTANCES[name].value(pair) <= 1.0
        assert DISTANCES[name].expected(pair) <= 1.0


@bounded_by_one
def test_disjoint_samples_are_at_the_largest_distance(name):
    expected = 0.5 if name == "linf" else 1.0
    assert DISTANCES[name].value(pair_of([0, 0, 5, 5], [7, 7, 0, 0])) == pytest.approx(expected)


@all_distances
@pytest.mark.parametrize("sides", [([], []), ([0, 0], [0, 0]), ([1, 2], [0, 0]), ([0, 0], [3, 4])])
def test_an_empty_side_has_no_distance(name, sides):
    assert DISTANCES[name].value(pair_of(*sides)) is None
    assert DISTANCES[name].expected(pair_of(*sides)) is None


@all_distances
def test_constant_column_has_distance_and_noise_of_zero(name):
    pair = pair_of([0, 12, 0], [0, 90, 0])
    assert DISTANCES[name].value(pair) == 0.0
    assert DISTANCES[name].expected(pair) == 0.0


@all_distances
@pytest.mark.parametrize("sizes", [(2_000, 20_000), (5_000, 5_000)])
def test_expected_is_what_noise_gives(name, sizes):
    """Against 400 fresh samples: the mean of 400 lies within 5 of its own standard errors, plus 2% for the asymptotics."""
    rng = np.random.default_rng(11)
    q = np.array([0.05, 0.1, 0.15, 0.2, 0.2, 0.3])
    samples = [pair_of(*(rng.multinomial(size, q) for size in sizes)) for _ in range(400)]
    values = np.array([DISTANCES[name].value(pair) for pair in samples])
    exact = pair_of(q * sizes[0], q * sizes[1])
    error = 5 * values.std() / math.sqrt(values.size) + 0.02 * values.mean()
    # Those drawn have an error of their own, of 200 draws.
    error += 5 * values.std() / math.sqrt(200) if name in {"tvd", "linf", "ks"} else 0.0
    assert DISTANCES[name].expected(exact) == pytest.approx(values.mean(), abs=error)


@pytest.mark.parametrize("name", ["tvd", "linf", "ks"])
def test_drawn_expectations_are_deterministic(name):
    pair = pair_of([10, 20, 30], [100, 200, 300])
    assert DISTANCES[name].expected(pair) == DISTANCES[name].expected(pair)


@few
@given(
    arrays(np.float64, st.integers(1, 60), elements=st.floats(-5, 5)),
    arrays(np.float64, st.integers(1, 60), elements=st.floats(-5, 5)),
)
def test_ks_on_cells_is_within_its_bound_of_the_rows_own(window, reference):
    edges = np.linspace(-5, 5, 13)
    cells = pair_of(*(np.histogram(side, edges)[0] for side in (window, reference)))
    grid = np.sort(np.concatenate([window, reference]))
    curves = [np.searchsorted(np.sort(side), grid, side="right") / side.size for side in (window, reference)]
    on_rows = np.abs(curves[0] - curves[1]).max()
    on_cells, bound = ks.value(cells), ks.error_bound(cells)
    assert on_cells is not None
    assert bound is not None
    assert on_cells - 1e-12 <= on_rows <= on_cells + bound + 1e-12


@few
@given(
    arrays(np.float64, st.integers(1, 60), elements=st.integers(-20, 20).map(float)),
    arrays(np.float64, st.integers(1, 60), elements=st.integers(-20, 20).map(float)),
)
def test_wasserstein_on_a_cell_a_value_equals_scipys(window, reference):
    sides = [np.histogram(side, np.arange(-20.5, 21))[0].astype(float) for side in (window, reference)]
    means = np.arange(-20.0, 21)
    value = wasserstein.value(sides[0], means, sides[1], means)
    assert value == pytest.approx(stats.wasserstein_distance(window, reference), abs=1e-9)


def test_ks_on_a_cell_a_row_equals_scipys():
    rng = np.random.default_rng(8)
    rows = rng.normal(size=90), rng.normal(0.4, 1, size=70)
    places = np.sort(np.concatenate(rows))
    cells = pair_of(*(np.isin(places, side).astype(float) for side in rows))
    assert ks.value(cells) == pytest.approx(stats.ks_2samp(*rows).statistic, abs=1e-12)


def test_wasserstein_on_wide_cells_is_never_below_the_difference_of_means():
    rng = np.random.default_rng(5)
    edges = np.array([-np.inf, -1, 0, 1, np.inf])
    for _ in range(50):
        rows = rng.normal(size=80), rng.normal(0.3, 2, size=70)
        counts_, sums = zip(
            *((np.histogram(r, edges)[0].astype(float), np.histogram(r, edges, weights=r)[0]) for r in rows),
            strict=True,
        )
        means = [s / np.maximum(c, 1) for s, c in zip(sums, counts_, strict=True)]
        value = wasserstein.value(counts_[0], means[0], counts_[1], means[1])
        assert value is not None
        # A cell holds its rows within one unit of their mean, save the outer two.
        assert abs(rows[0].mean() - rows[1].mean()) - 1e-12 <= value
        assert value == pytest.approx(stats.wasserstein_distance(*rows), abs=0.5)


def test_wasserstein_is_in_units_of_the_reference_without_its_zeros():
    rng = np.random.default_rng(2)
    rows = np.round(rng.normal(50, 4, 4000))
    values, held = np.unique(np.append(rows, np.zeros(6000)), return_counts=True)
    assert wasserstein.reference_scale(held.astype(float), values) == pytest.approx(rows.std(), rel=1e-12)
    assert wasserstein.reference_scale(np.array([10.0]), np.array([3.0])) == 0.0
    assert wasserstein.value(np.ones(1), np.ones(1), np.ones(1), np.zeros(1), scale=0.0) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_wasserstein_has_no_unit_whatever_the_size_of_the_values(size):
    counts_, means = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.5, 3.0])
    scales = [wasserstein.reference_scale(counts_, means * unit) for unit in (1.0, size)]
    values = [
        wasserstein.value(counts_[::-1], means * unit, counts_, means * unit, scale)
        for unit, scale in zip((1.0, size), scales, strict=True)
    ]
    assert scales[1] == pytest.approx(scales[0] * size)
    assert values[1] == pytest.approx(values[0])


@pytest.mark.filterwarnings("error")
def test_wasserstein_of_means_beyond_float64_does_not_exist():
    counts_, means = np.ones(2), np.array([-np.inf, np.inf])
    assert wasserstein.reference_scale(counts_, means) == 0.0
    assert wasserstein.value(counts_, means, counts_, np.array([0.0, 1.0]), 0.5) is None
    assert wasserstein.value(counts_, np.array([0.0, 1e300]), counts_, np.array([0.0, 1.0]), 1e-300) is None
    assert wasserstein.expected(9, counts_, means, 9, 0.5) is None


@pytest.mark.parametrize(
    ("window", "reference"), [([1, 2], [1, 2, 3]), ([[1]], [[1]]), ([-1, 2], [1, 1]), ([np.nan, 1], [1, 1])]
)
def test_a_wrong_pair_is_refused(window, reference):
    with pytest.raises(ValueError, match=r"counts"):
        pair_of(window, reference)
