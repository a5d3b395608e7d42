"""p of no change: against scipy, and its level by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from detectors import chi2, hypergeometric, monte_carlo, noise, noncentral
from detectors.pair import BinnedPair, pair_of
from detectors.pooling import pool_small

few = settings(max_examples=40, deadline=None, derandomize=True)


@few
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200), st.integers(0, 200))
def test_the_exact_test_is_fishers(hits, misses, others_hit, others_missed):
    ours = hypergeometric.two_sided(hits, hits + misses, others_hit, others_hit + others_missed)
    scipys = stats.fisher_exact([[hits, misses], [others_hit, others_missed]]).pvalue
    assert ours == pytest.approx(scipys, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("table", [(3, 1_000, 900, 100_000_000), (40, 1_000_000, 250, 10_000_000), (0, 5, 0, 9)])
def test_the_exact_test_at_large_sizes(table):
    hits, rows, others_hit, others = table
    scipys = stats.fisher_exact([[hits, rows - hits], [others_hit, others - others_hit]]).pvalue
    assert hypergeometric.two_sided(*table) == pytest.approx(scipys, rel=1e-5)


def test_large_counts_use_the_chi_square_law():
    table = np.array([[520, 480, 1000], [5300, 4700, 10_000]])
    found = noise.p_change(pair_of(*table))
    assert found.basis == "chi-square"
    assert found.p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9)


@pytest.mark.parametrize("sizes", [(1, 9), (2, 2), (300, 3000)])
def test_one_bin_cannot_have_moved(sizes):
    assert noise.p_change(pair_of([sizes[0]], [sizes[1]])).p == 1.0


def test_monte_carlo_agrees_with_the_enumerated_law():
    """Within 4 standard errors of 10,000 draws; the law is enumerated over all tables with the same margins."""
    window, reference = np.array([6, 2, 1, 4]), np.array([10, 12, 9, 3])
    total, n = window + reference, int(window.sum())
    expected = total * n / total.sum()
    weight = 1 / expected + 1 / (total - expected)
    law = stats.multivariate_hypergeom(total, n)
    grid = np.stack(np.meshgrid(*(np.arange(t + 1) for t in total), indexing="ij"), -1).reshape(-1, 4)
    grid = grid[grid.sum(axis=1) == n]
    statistic = (grid - expected) ** 2 @ weight
    exact = law.pmf(grid)[statistic >= (window - expected) ** 2 @ weight - 1e-9].sum()
    drawn = monte_carlo.sequential_p(window, reference, seed=4)
    # Besag-Clifford stops at 20 exceedances: relative error 1/sqrt(20).
    assert drawn == pytest.approx(exact, rel=4 / np.sqrt(20))
    assert drawn == monte_carlo.sequential_p(window, reference, seed=4)


def test_monte_carlo_never_says_zero_and_bears_thousands_of_millions_of_rows():
    assert monte_carlo.sequential_p(np.array([60, 0, 0]), np.array([0, 60, 60]), seed=0, draws=999) == 0.001
    huge = pair_of([5, 50, 4_000_000_000], [1, 60, 4_000_000_000])
    assert 0 < noise.p_change(huge).p <= 1


@pytest.mark.parametrize("rows", [12, 50, 200])
@pytest.mark.parametrize("weights", [np.ones(10), 1 / np.arange(1, 16) ** 1.3], ids=["deciles", "zipf"])
def test_the_level_is_kept_by_simulation(rows, weights):
    """800 clean pairs: rejections at 5% stay within 4 standard errors of 5%, whichever test was chosen."""
    rng = np.random.default_rng(rows)
    q = weights / weights.sum()
    ps = np.array(
        [noise.p_change(pair_of(rng.multinomial(rows, q), rng.multinomial(600, q)), seed).p for seed in range(800)]
    )
    assert (ps <= 0.05).mean() <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / ps.size)


def test_weighted_rows_count_as_their_effective_size():
    """Every tenth row kept with weight 10: counts are ten times larger, but the evidence is not."""
    kept, full = np.array([60.0, 40.0, 100.0]), np.array([550.0, 450.0, 1000.0])
    sampled = BinnedPair(kept * 10, full, window_size=200, reference_size=2000)
    assert noise.p_change(sampled).p == pytest.approx(noise.p_change(pair_of(kept, full)).p)


@few
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 400)), min_size=1, max_size=30))
def test_pooling_keeps_the_rows_and_asks_the_reference_alone(both):
    window, reference = (np.array(side, float) for side in zip(*both, strict=True))
    if not (window.sum() and reference.sum()):
        return
    pair = pair_of(window + 1, reference)
    pooled = pool_small(pair)
    assert pooled.window.sum() == pair.window.sum()
    assert pooled.reference.sum() == pair.reference.sum()
    other = pool_small(BinnedPair((window + 1)[::-1].copy(), reference, pair.window_size, pair.reference_size))
    assert other.reference.tolist() == pooled.reference.tolist()
    expected = np.sort(pooled.reference / pooled.reference.sum() * min(pair.window_size, pair.reference_size))
    assert (expected[1:] >= 5 - 1e-9).all()  # at most the remainder is small


@few
@given(st.integers(1, 60), st.floats(0, 1e7), st.floats(-3, 6))
def test_noncentral_tail_equals_scipys(freedom, noncentrality, deviations):
    x = max(0.0, freedom + noncentrality + deviations * np.sqrt(2 * freedom + 4 * noncentrality))
    scipys = stats.ncx2.sf(x, freedom, noncentrality) if noncentrality else stats.chi2.sf(x, freedom)
    assert noncentral.tail(x, freedom, noncentrality) == pytest.approx(scipys, rel=1e-3, abs=1e-15)


@few
@given(st.integers(1, 40), st.floats(0.1, 1e6), st.sampled_from([0.05, 1e-3, 1e-6, 1e-9]))
def test_lower_noncentrality_is_where_the_tail_is_alpha(freedom, statistic, alpha):
    bound = noncentral.lower_noncentrality(statistic, freedom, alpha)
    if bound == 0:
        assert chi2.tail(statistic, freedom) >= alpha * (1 - 1e-6)
    else:
        assert bound < statistic
        assert noncentral.tail(statistic, freedom, bound) == pytest.approx(alpha, rel=1e-3)
