"""What a series' own past makes of a window, and the fold of a series in window order."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.own_past import Series, fold, hours_of_week, ordinary_delta, p_own_past
from kernel.clock import DAY_US, HOUR_US, MINUTE_US
from kernel.windows import WindowSize

DAY, HOUR, MONTH = WindowSize("1d"), WindowSize("1h"), WindowSize("1mo")


def series_of(values: np.ndarray, size: WindowSize = DAY, *, alpha: float = 1e-4, called_from: float = 0.3) -> Series:
    """Windows that the null of independent rows calls wherever the value is that large; the lower bound is near the value."""
    length_us = HOUR_US if size is HOUR else DAY_US
    n = len(values)
    return Series(
        starts_us=np.arange(n) * length_us,
        values=values,
        candidates=values > called_from,
        alphas=np.full(n, alpha),
        lowers=values * 0.9,
        abnormal=np.zeros(n, bool),
        by_past=np.zeros(n, bool),
        eligible=np.ones(n, bool),
    )


def abnormal(series: Series, since_us: int = 0, size: WindowSize = DAY) -> list[int]:
    return np.flatnonzero(fold(series, since_us, size).abnormal).tolist()


def test_the_level_is_kept_where_the_statistic_is_a_chi_square() -> None:
    """Noise of ten bins, and a feature whose mean moves from day to day: psi is then the square of a normal."""
    rng = np.random.default_rng(1)
    hours = np.zeros(100, np.int64)
    for freedom in (9, 1):
        drawn = rng.chisquare(freedom, (20_000, 101))
        ps = np.array([p_own_past(row[-1], 0, row[:-1], hours) for row in drawn])
        for level in (0.05, 1e-3):
            assert level / 8 < (ps < level).mean() < 3 * level, (freedom, level)


def test_the_level_is_kept_where_every_weekday_has_a_mean_of_its_own() -> None:
    rng = np.random.default_rng(2)
    hours = hours_of_week(np.arange(64) * DAY_US, DAY)
    drawn = (5 + np.arange(64) % 7 + rng.normal(0, 0.3, (4000, 64))) ** 3
    ps = np.array([p_own_past(row[-1], int(hours[-1]), row[:-1], hours[:-1]) for row in drawn])
    assert (ps < 0.05).mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 / ps.size))


def test_an_hour_of_the_week_is_held_against_its_own_kind_from_eight_weeks_on() -> None:
    rng = np.random.default_rng(3)
    monday = np.arange(100) % 7 == 0
    values = np.exp(rng.normal(0, 0.1, 100)) * np.where(monday, 1.0, 0.02)  # every Monday is fifty times as far off
    assert abnormal(series_of(values)) == [0, 7, 14, 21, 28]  # before there is a past
    tuesday = series_of(np.where(np.arange(100) == 92, 1.0, values))
    assert abnormal(tuesday) == [0, 7, 14, 21, 28, 92]  # what is ordinary on a Monday is not on a Tuesday


def test_a_past_that_never_moved_calls_any_rise_and_one_of_zeros_and_more_does_not() -> None:
    hours = np.zeros(30, np.int64)
    for still in (0.0, 0.1):
        past = np.full(30, still)
        assert p_own_past(still, 0, past, hours) == 1.0
        assert p_own_past(still + 0.1, 0, past, hours) == 0.0
    mixed = np.array([0.0] * 15 + [0.1] * 15)
    assert 0.05 < p_own_past(0.1, 0, mixed, hours) < 0.5
    assert p_own_past(5.0, 0, mixed, hours) < 1e-3


def test_without_thirty_windows_a_candidate_stands() -> None:
    values = np.full(31, 0.5)
    judged = fold(series_of(values), 0, DAY)
    assert judged.abnormal.tolist() == [True] * 30 + [False]
    assert np.isnan(judged.p_own[:30]).all()
    assert judged.deltas[30] == 0.5


def test_a_shift_that_lasts_is_called_for_as_long_as_it_lasts() -> None:
    rng = np.random.default_rng(4)
    values = rng.lognormal(-3, 0.3, 200)
    values[60:] *= 60
    assert abnormal(series_of(values)) == list(range(60, 200))


def test_what_comes_and_goes_is_called_at_first_and_becomes_ordinary() -> None:
    rng = np.random.default_rng(7)
    values = rng.lognormal(-3, 0.3, 400)
    values[40::12] = 1.0  # a rainy day among twelve
    called = abnormal(series_of(values, alpha=1e-4))
    assert called[0] == 40
    assert len(called) < 12
    assert called[-1] < 200


def test_a_slow_shift_is_called_though_no_window_differs_much_from_the_one_before() -> None:
    rng = np.random.default_rng(5)
    quarters = 0.05 * np.exp(rng.normal(0, 0.1, 365)) * np.exp(np.maximum(0, np.arange(365) - 91) / 60)
    series = series_of(quarters, alpha=1e-5)
    series = replace(series, eligible=np.arange(365) < 91)
    called = abnormal(series)
    assert quarters[called[0]] < 0.5
    assert set(np.flatnonzero(quarters > 0.5)) <= set(called)


def test_a_shift_before_there_is_a_past_is_called_for_as_long_as_it_lasts() -> None:
    """Ten quiet windows, then a shift: the 30th window after the first does not make it ordinary, nor what comes back later."""
    rng = np.random.default_rng(8)
    for begins in (8, 10, 25, 29):
        values = rng.lognormal(-3, 0.3, 120)
        values[begins:70] *= 60
        values[begins + 4] = 0.05  # one window in which it is hardly seen
        values[100:] *= 60
        shifted = [*range(begins, begins + 4), *range(begins + 5, 70), *range(100, 120)]
        assert abnormal(series_of(values)) == shifted, begins


def test_what_the_null_calls_in_more_than_one_of_ten_windows_is_a_thing_that_the_series_does() -> None:
    rng = np.random.default_rng(9)
    values = np.where(np.arange(200) % 8 < 4, 0.05, 1.0) * np.exp(rng.normal(0, 0.1, 200))
    called = abnormal(series_of(values))
    assert 12 in called  # before there is a past
    assert called[-1] < 40


@pytest.mark.parametrize("early", [False, True])
def test_folding_from_a_changed_window_on_equals_folding_all_of_it(early: bool) -> None:
    rng = np.random.default_rng(6)
    values = rng.lognormal(-1, 0.5, 300)
    values[rng.choice(300, 20, replace=False)] *= 30
    if early:
        values[15:80] = 20.0
    series = series_of(values, called_from=5 if early else 0.3)
    whole = fold(series, 0, DAY)
    judged = np.isfinite(whole.p_own)
    assert (whole.abnormal & judged).sum() > 5
    for first in (1, 20, 50, 85, 200, 299):
        before = np.arange(300) < first
        standing = replace(series, abnormal=whole.abnormal & before, by_past=judged & before)
        part = fold(standing, first * DAY_US, DAY)
        assert part.abnormal[first:].tolist() == whole.abnormal[first:].tolist()
        np.testing.assert_array_equal(part.p_own[first:], whole.p_own[first:])
        assert not part.abnormal[:first].any()


def test_the_own_delta_is_what_nine_of_ten_windows_kept_under() -> None:
    values = np.full(60, 0.2)
    values[::5] = 0.45
    month = series_of(np.append(values, 0.6), called_from=0.5)
    judged = fold(replace(month, lowers=np.full(61, 0.44)), 0, MONTH)
    assert judged.deltas[60] == pytest.approx(0.45)
    assert not judged.abnormal[60]  # its lower bound is not above what is ordinary
    assert ordinary_delta(0, np.array([]), np.array([], np.int64)) == 0.1


def test_windows_under_an_hour_are_held_against_all_their_past() -> None:
    """Twelve windows of one hour are no eight weeks: what differs from hour to hour is not unheard of."""
    rng = np.random.default_rng(10)
    hourly = np.repeat(rng.normal(0, 0.1, 100), 12)
    values = (1 + hourly + rng.normal(0, 0.03, 1_200)) ** 3
    starts = np.arange(1_200) * 5 * MINUTE_US
    size = WindowSize("5m")
    assert not hours_of_week(starts, size).any()
    series = replace(series_of(values), starts_us=starts, candidates=np.arange(1_200) >= 600)
    assert fold(series, 0, size).abnormal.sum() == 0


def test_months_have_no_hour_of_the_week() -> None:
    starts = np.array([0, 31, 59]) * DAY_US
    assert hours_of_week(starts, MONTH).tolist() == [0, 0, 0]
    assert hours_of_week(starts, HOUR).tolist() == [0, 31 * 24 % 168, 59 * 24 % 168]
