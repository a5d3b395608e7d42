import numpy as np
import pytest
from scipy import special, stats

from detectors import shares, wilson
from detectors.shares import Tally, missing_share, out_of_range_share, unseen_share


@pytest.mark.parametrize(
    ("window", "reference"), [((7, 400), (12, 4000)), ((0, 30), (5, 9000)), ((90, 100), (900, 950))]
)
def test_few_events_are_tested_exactly(window, reference):
    shift = missing_share(Tally(*window), Tally(*reference), alpha=0.01)
    table = [[k, n - k] for k, n in (window, reference)]
    assert shift.basis == "exact"
    assert shift.p_change == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-6)


def test_many_events_are_tested_by_chi_square():
    shift = missing_share(Tally(300, 1000), Tally(2500, 10_000), alpha=0.01)
    table = [[300, 700], [2500, 7500]]
    assert shift.basis == "chi-square"
    assert shift.p_change == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)


def test_the_interval_is_wilsons():
    interval = stats.binomtest(30, 1000).proportion_ci(method="wilson")
    shift = missing_share(Tally(30, 1000), Tally(3, 1000), alpha=0.01)
    assert (shift.value, shift.expected) == (0.03, 0.003)
    assert (shift.lower, shift.upper) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert wilson.interval(0.3, 0) == (0.0, 1.0)
    assert wilson.interval(1.0, 5)[1] == 1.0


@pytest.mark.parametrize("size", [1.0, 24.0, 1e9])
@pytest.mark.parametrize("share", [0.0, 1e-300, 1e-18, 1e-9, 0.5, 1 - 1e-16, 1.0])
def test_a_share_lies_within_its_interval_to_the_last_bit(share, size):
    low, high = wilson.interval(share, size)
    assert 0.0 <= low <= share <= high <= 1.0


@pytest.mark.parametrize("level", [0.0, 0.003, 0.2])
@pytest.mark.parametrize("rows", [60, 1_000, 100_000])
def test_a_rise_within_tolerance_is_called_no_more_than_alpha(level, rows):
    rng = np.random.default_rng(rows)
    alpha, size = 0.01, 1500
    windows, references = rng.binomial(rows, level + 0.01, size), rng.binomial(rows * 3, level, size)
    calls = sum(
        missing_share(Tally(k, rows), Tally(j, rows * 3), alpha).called(alpha)
        for k, j in zip(windows.tolist(), references.tolist(), strict=True)
    )
    assert calls <= stats.binom.isf(1e-6, size, alpha)


def test_a_rise_beyond_tolerance_is_called_and_a_fall_is_not():
    assert missing_share(Tally(500, 10_000), Tally(200, 100_000), alpha=1e-6).called(1e-6)
    fall = missing_share(Tally(0, 10_000), Tally(9000, 100_000), alpha=1e-6)
    assert fall.p_change < 1e-100
    assert not fall.called(1e-6)


@pytest.mark.parametrize("sides", [((0, 0), (0, 100)), ((0, 100), (0, 0)), ((0, 0), (0, 0))])
def test_no_rows_are_insufficient(sides):
    assert missing_share(Tally(*sides[0]), Tally(*sides[1]), 0.01) == shares.INSUFFICIENT
    assert unseen_share(Tally(*sides[0]), sides[1][1], 0, 0.01) == shares.INSUFFICIENT
    assert out_of_range_share(Tally(*sides[0]), sides[1][1], 0.01) == shares.INSUFFICIENT


def test_one_row_and_all_or_nothing():
    for window, reference in ((1, 1), (0, 1), (1, 0)):
        shift = missing_share(Tally(window, 1), Tally(reference, 1), alpha=0.01)
        assert shift.p_change == 1.0
        assert not shift.called(0.01)


def test_more_events_than_rows_are_refused():
    with pytest.raises(ValueError, match="no share"):
        missing_share(Tally(5, 4), Tally(1, 9), 0.01)


def test_ever_new_identifiers_do_not_alarm_as_unseen():
    rng = np.random.default_rng(4)
    reference, window = rng.zipf(1.6, 20_000), rng.zipf(1.6, 2_000)
    _, held = np.unique(reference, return_counts=True)
    unseen = int((~np.isin(window, reference)).sum())
    knowing = unseen_share(Tally(unseen, 2_000), 20_000, int((held == 1).sum()), 1e-4)
    assert unseen > 20
    assert knowing.p_change > 1e-3
    assert not knowing.called(1e-4)
    assert unseen_share(Tally(unseen, 2_000), 20_000, 0, 1e-4).p_change < 1e-6


def test_exceedances_follow_their_exact_law():
    """The closed form against the enumerated places of the window's ranks, and its level by simulation."""
    n, m = 4, 5
    everything = int(special.comb(n + m, n))
    for k in range(1, n + 1):
        seen = 0
        for bits in range(1 << (n + m)):
            ranks = [bits >> place & 1 for place in range(n + m)]
            if sum(ranks) == n:
                inner = [place for place, window in enumerate(ranks) if not window]
                seen += sum(ranks[: inner[0]]) + sum(ranks[inner[-1] :]) >= k
        assert out_of_range_share(Tally(k, n), m, 0.01).p_change == pytest.approx(seen / everything)


@pytest.mark.parametrize(("n", "m"), [(100, 1_000), (1_000, 500)])
def test_clean_windows_leave_the_range_without_alarm(n, m):
    rng = np.random.default_rng(n)
    low_high = [(np.min(r), np.max(r)) for r in rng.normal(size=(1000, m))]
    outside = [
        int(((w < lo) | (w > hi)).sum()) for w, (lo, hi) in zip(rng.normal(size=(1000, n)), low_high, strict=True)
    ]
    shifts = [out_of_range_share(Tally(k, n), m, 0.01) for k in outside]
    limit = stats.binom.isf(1e-6, 1000, 0.01)
    assert sum(shift.p_change < 0.01 for shift in shifts) <= limit
    assert sum(shift.called(0.01) for shift in shifts) <= limit
    assert np.mean([shift.value for shift in shifts]) == pytest.approx(shifts[0].expected, rel=0.15)


def test_effective_sizes_give_the_evidence_of_the_rows_kept():
    assert missing_share(Tally(30.0, 500.0), Tally(10, 5000), 0.01) == missing_share(
        Tally(30, 500), Tally(10, 5000), 0.01
    )
