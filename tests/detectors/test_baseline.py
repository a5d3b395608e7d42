"""What is usual of a series, and what of it is called."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.baseline import Side, called, reach_us, usual
from detectors.unusual import Seen, judge
from kernel.clock import DAY_US, HOUR_US
from kernel.windows import WindowSize

HOUR, DAY, WEEK = WindowSize("1h"), WindowSize("1d"), WindowSize("1w")
LESS, MORE = Side(high=False, ratio=0.5, counts=True), Side(high=True, ratio=1.5)
ALPHA = 1e-4
MONDAY_US = 4 * DAY_US  # 1970-01-05


def calls(
    values: np.ndarray, size: WindowSize = DAY, side: Side = LESS, alpha: float = ALPHA, *, step: int = 1
) -> list[int]:
    """Which windows are called, of all or of every so many from the last one on, each looked at once."""
    length_us = size.end(size.start(0)) - size.start(0)
    starts = MONDAY_US + np.arange(len(values)) * length_us
    series = [
        Seen(us, us + length_us, None if np.isnan(v) else v, alpha)
        for us, v in zip(starts.tolist(), values, strict=True)
    ]
    found = judge(series, set(starts[::-step].tolist()), [], size, side)
    return [i for i, us in enumerate(starts.tolist()) if us in found and found[us].called]


def hourly(weeks: int, seed: int = 0, *, night: float = 20.0) -> np.ndarray:
    """Rows an hour of a service that sleeps at night and rests on Sundays."""
    rng = np.random.default_rng(seed)
    hour = np.arange(weeks * 168)
    mean = np.where(hour % 24 < 6, night, 2_000.0) * np.where(hour // 24 % 7 == 6, 0.2, 1.0)
    return rng.poisson(mean * rng.lognormal(0, 0.1, hour.size)).astype(float)


@pytest.mark.parametrize("weeks", [5, 12])
def test_the_interval_holds_at_its_level_around_days_of_the_week_and_a_trend(weeks) -> None:
    rng = np.random.default_rng(1)
    beyond = []
    starts = np.arange(weeks * 7 + 1) * DAY_US
    for _ in range(4_000):
        roots = 10 + np.arange(starts.size) % 7 + 0.02 * np.arange(starts.size) + rng.normal(0, 0.3, starts.size)
        found = usual(roots[-1] ** 3, int(starts[-1]), starts[:-1], roots[:-1] ** 3, DAY, Side(True, 0.0), 0.05)
        assert found is not None
        beyond.append(called(roots[-1] ** 3, found, Side(True, 0.0)))
        assert beyond[-1] == (found.p < 0.05)
    assert np.mean(beyond) < 0.05 * 1.3
    assert np.mean(beyond) > 0.05 * 0.6


@pytest.mark.parametrize("mean", [2, 20, *(pytest.param(mean, marks=pytest.mark.long) for mean in (5, 8, 100))])
def test_counts_are_never_taken_to_be_surer_than_poissons_law(mean) -> None:
    rng = np.random.default_rng(mean)
    alpha = 1e-3
    starts = np.arange(8 * 168) * HOUR_US
    count, tried = 0, 3_000
    for _ in range(tried):
        drawn = rng.poisson(mean, starts.size + 1).astype(float)
        found = usual(drawn[-1], starts.size * HOUR_US, starts, drawn[:-1], HOUR, Side(False, 0.9, counts=True), alpha)
        assert found is not None
        count += called(drawn[-1], found, LESS)
    assert count <= 3 * alpha * tried + 4 * np.sqrt(alpha * tried)


def test_an_hour_without_traffic_is_called_by_day_and_not_in_a_night_that_has_none() -> None:
    values = hourly(12)
    values[np.arange(values.size) % 24 == 3] = 0.0  # an hour in which nothing ever comes
    silent = 11 * 168 + 12
    values[silent : silent + 3] = 0.0
    assert calls(values, HOUR) == [silent, silent + 1, silent + 2]


def test_from_two_weeks_on_a_silent_hour_is_called() -> None:
    values = hourly(3, seed=2)
    silent = 2 * 168 + 15
    values[silent] = 0.0
    assert calls(values, HOUR) == [silent]
    values[168 + 15] = 0.0  # before there are two weeks nothing is
    assert min(calls(values, HOUR), default=silent) == silent


@pytest.mark.parametrize(
    ("size", "quiet", "begins"),
    [
        ("1h", lambda hour: hour // 24 % 7 >= 5, 0),
        ("15m", lambda hour: hour % 24 >= 12, 0),
        ("15m", lambda hour: (hour % 24 < 8) | (hour % 24 >= 22), 10),
        ("5m", lambda hour: (hour % 24 < 8) | (hour % 24 >= 22), 8),
        ("1d", lambda hour: hour // 24 % 7 == 6, 0),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_rhythm_is_never_called_however_the_first_days_looked(size, quiet, begins, share) -> None:
    """Nights and weekends that come after days and weeks without any."""
    rng = np.random.default_rng(3)
    window = WindowSize(size)
    length_us = window.end(0)
    hours = begins + np.arange(0, 26 * 168 if size == "1d" else 4 * 168, length_us / HOUR_US)
    values = rng.poisson(500 * np.where(quiet(hours), share, 1.0) * rng.lognormal(0, 0.05, hours.size)).astype(float)
    assert calls(values, window, alpha=1e-5, step=max(1, HOUR_US // length_us - 1)) == []


def test_half_of_what_is_expected_is_not_called_however_steady_the_past() -> None:
    steady = np.full(60, 1_000.0)
    assert calls(np.append(steady, 501.0)) == []
    assert calls(np.append(steady, 499.0)) == [60]


def test_more_than_usual_is_called_where_that_is_bad() -> None:
    rng = np.random.default_rng(3)
    values = 80 * rng.lognormal(0, 0.05, 80)
    values[[70, 75]] = [100.0, 200.0]
    assert calls(values, side=MORE) == [75]
    assert calls(values, side=LESS) == []


def test_a_trend_is_followed() -> None:
    rng = np.random.default_rng(4)
    grown = 100 * np.exp(np.arange(200) / 60) * rng.lognormal(0, 0.05, 200)
    assert calls(grown) == calls(grown, side=MORE) == []
    half = grown.copy()
    half[190] *= 0.3  # more than there was half a year ago
    assert half[190] > grown[40]
    assert calls(half) == [190]


@pytest.mark.parametrize(("size", "days"), [("5m", 3), ("15m", 4), ("1h", 7), ("1d", 14)])
def test_an_outage_is_called_for_as_long_as_it_lasts_and_blinds_nobody_afterwards(size, days) -> None:
    rng = np.random.default_rng(5)
    window = WindowSize(size)
    a_day = DAY_US // window.end(0)
    values = rng.poisson(1_000 * rng.lognormal(0, 0.05, 90 * a_day if size in ("1h", "1d") else 30 * a_day)).astype(
        float
    )
    first = values.size - (days + 4) * a_day
    values[first : first + days * a_day] = 0.0
    values[-1] = 0.0
    step = max(1, a_day // 24)
    expected = [*range(first, first + days * a_day), values.size - 1]
    assert calls(values, window, step=step) == [i for i in expected if (values.size - 1 - i) % step == 0]


@pytest.mark.parametrize(("rows", "before"), [(300, 45), (400, 35), (60, 90), (1_000_000, 45)])
def test_an_outage_of_a_series_that_never_varies_is_no_trend(rows, before) -> None:
    values = np.append(np.full(before, float(rows)), np.zeros(7))
    assert calls(values) == list(range(before, values.size))
    starts = MONDAY_US + np.arange(values.size) * DAY_US
    last = usual(0.0, int(starts[-1]), starts[:-1], values[:-1], DAY, LESS, ALPHA)
    assert last is not None
    assert last.expected == pytest.approx(rows, rel=0.15)


def spiky(at: list[int], height: float = 30.0, days: int = 90) -> np.ndarray:
    """A latency of about 5 that jumps on some days."""
    values = np.random.default_rng(3).normal(5.0, 0.3, days)
    values[at] = height
    return values


def test_a_rise_that_comes_and_goes_is_called_until_it_came_three_times() -> None:
    spikes = [32, 40, 47, 55, 62, 70, 81]
    assert calls(spiky(spikes), side=replace(MORE, recurs=True)) == [32, 40, 47]
    assert calls(spiky(spikes), side=MORE) == spikes


def test_a_rise_beyond_those_that_recur_is_called() -> None:
    values = spiky([32, 40, 47, 55, 70])
    values[62] = 1.6 * 30.0
    assert calls(values, side=replace(MORE, recurs=True)) == [32, 40, 47, 62]


def test_a_rise_that_lasts_is_one_and_called_for_as_long_as_it_lasts() -> None:
    lasting = list(range(40, 50))
    assert calls(spiky(lasting), side=replace(MORE, recurs=True)) == lasting


def test_a_rise_that_lasts_longer_than_those_that_recur_is_called() -> None:
    recurring = [32, 40, 47, 55]
    assert calls(spiky([*recurring, 62, 63, 64, 65]), side=replace(MORE, recurs=True)) == [32, 40, 47, 63, 64, 65]


def test_a_rise_recurs_beside_its_own_hour_and_not_beside_a_busier_one() -> None:
    """By day the latency is 20 as a rule, at night 5: a night of 25 is called, however often a day has had that."""
    rng = np.random.default_rng(4)
    hour = np.arange(8 * 168)
    values = np.where(hour % 24 < 8, 5.0, 20.0) + rng.normal(0, 0.3, hour.size)
    values[7 * 168 + 3] = 25.0
    assert calls(values, HOUR, replace(MORE, recurs=True)) == [7 * 168 + 3]


def test_outages_that_recur_are_each_called() -> None:
    silent = [32, 40, 47, 55, 62]
    assert calls(100 * spiky(silent, height=0.0)) == silent


def test_what_lasts_is_usual_once_it_is_half_of_the_past() -> None:
    rng = np.random.default_rng(6)
    values = 1_000 * rng.lognormal(0, 0.05, 300)
    values[150:] *= 0.1
    found = calls(values)
    assert found[:25] == list(range(150, 175))
    assert found[-1] < 150 + 60


def test_without_thirty_windows_nothing_is_called() -> None:
    assert calls(np.append(np.full(29, 1_000.0), 0.0)) == []
    assert calls(np.append(np.full(30, 1_000.0), 0.0)) == [30]


def test_windows_without_a_value_are_no_part_of_it() -> None:
    values = np.full(60, 1_000.0)
    values[40:50] = np.nan
    values[55] = 0.0
    assert calls(values) == [55]


def test_a_window_hangs_on_the_values_within_reach_alone() -> None:
    values = hourly(20, seed=7)
    whole = calls(values, HOUR)
    reach = reach_us(HOUR) // HOUR_US
    assert [i + values.size - reach - 168 for i in calls(values[-reach - 168 :], HOUR)] == [
        i for i in whole if i >= values.size - reach
    ]


def test_windows_of_minutes_and_of_weeks_have_a_past_too() -> None:
    rng = np.random.default_rng(7)
    minutes = 500 * rng.lognormal(0, 0.1, 5_000)
    minutes[4_990] = 0.0
    assert calls(minutes, WindowSize("5m")) == [4_990]
    weeks = 5_000 * rng.lognormal(0, 0.1, 45)
    weeks[40] = 0.0
    assert calls(weeks, WEEK) == [40]
