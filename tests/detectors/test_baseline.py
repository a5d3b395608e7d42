"""What is usual of a series, and what of it is called."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.baseline import Line, Side, adapted_after, fold, reach_us, usual
from kernel.clock import DAY_US, HOUR_US, MINUTE_US
from kernel.windows import WindowSize

HOUR, DAY, WEEK = WindowSize("1h"), WindowSize("1d"), WindowSize("1w")
LESS, MORE = Side(high=False, ratio=0.5), Side(high=True, ratio=1.5)
ALPHA = 1e-4


def line_of(values: np.ndarray, length_us: int = DAY_US) -> Line:
    n = len(values)
    return Line(np.arange(n) * length_us, values, np.ones(n, bool), np.full(n, ALPHA), np.zeros(n, bool))


def called(line: Line, size: WindowSize = DAY, side: Side = LESS, since_us: int = 0) -> list[int]:
    return [i for i, (_, beyond) in enumerate(fold(line, since_us, size, side)) if beyond]


def hourly(weeks: int, seed: int = 0) -> np.ndarray:
    """Rows an hour of a service that sleeps at night and rests on Sundays."""
    rng = np.random.default_rng(seed)
    hour = np.arange(weeks * 168)
    mean = np.where(hour % 24 < 6, 20.0, 2_000.0) * np.where(hour // 24 % 7 == 2, 0.2, 1.0)
    return rng.poisson(mean * rng.lognormal(0, 0.1, hour.size)).astype(float)


def test_the_interval_holds_at_its_level_around_hours_of_the_week_and_a_trend() -> None:
    rng = np.random.default_rng(1)
    weeks, beyond = 12, []
    starts = np.arange(weeks * 7 + 1) * DAY_US
    for _ in range(4_000):
        roots = 10 + np.arange(starts.size) % 7 + 0.02 * np.arange(starts.size) + rng.normal(0, 0.3, starts.size)
        found = usual(roots[-1] ** 3, int(starts[-1]), starts[:-1], roots[:-1] ** 3, DAY, Side(True, 0.0), 0.05)
        assert found is not None
        beyond.append(found.p < 0.05)
        assert (found.p < 0.05) == (roots[-1] ** 3 > found.upper)
    assert np.mean(beyond) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 / 4_000))


def test_an_hour_without_traffic_is_called_by_day_and_not_in_a_night_that_has_none() -> None:
    values = hourly(12)
    values[np.arange(values.size) % 24 == 3] = 0.0  # an hour in which nothing ever comes
    silent = 11 * 168 + 12
    values[silent : silent + 3] = 0.0
    assert called(line_of(values, HOUR_US), HOUR) == [silent, silent + 1, silent + 2]


def test_before_eight_weeks_the_hour_of_the_day_counts() -> None:
    values = hourly(3, seed=2)
    values[np.arange(values.size) // 24 % 7 == 2] *= 5  # no Sundays
    silent = 2 * 168 + 15
    values[silent] = 0.0
    assert called(line_of(values, HOUR_US), HOUR) == [silent]


def test_half_of_what_is_expected_is_not_called_however_steady_the_past() -> None:
    steady = np.full(60, 1_000.0)
    assert called(line_of(np.append(steady, 501.0))) == []
    assert called(line_of(np.append(steady, 499.0))) == [60]


def test_more_than_usual_is_called_where_that_is_bad() -> None:
    rng = np.random.default_rng(3)
    values = 80 * rng.lognormal(0, 0.05, 80)
    values[[70, 75]] = [100.0, 200.0]
    assert called(line_of(values), side=MORE) == [75]
    assert called(line_of(values), side=LESS) == []


def test_a_trend_is_followed() -> None:
    rng = np.random.default_rng(4)
    grown = 100 * np.exp(np.arange(200) / 60) * rng.lognormal(0, 0.05, 200)
    assert called(line_of(grown)) == called(line_of(grown), side=MORE) == []
    half = grown.copy()
    half[190] *= 0.3  # more than there was half a year ago
    assert half[190] > grown[40]
    assert called(line_of(half)) == [190]


def test_what_was_called_is_no_part_of_the_past_and_a_week_of_it_is_a_new_beginning() -> None:
    rng = np.random.default_rng(5)
    values = 1_000 * rng.lognormal(0, 0.05, 120)
    values[60:] *= 0.1
    assert called(line_of(values)) == list(range(60, 67))
    values[110] = 0.0  # 30 windows after the new beginning there is a past again
    assert called(line_of(values)) == [*range(60, 67), 110]


def test_without_thirty_windows_nothing_is_called() -> None:
    assert called(line_of(np.append(np.full(29, 1_000.0), 0.0))) == []
    assert called(line_of(np.append(np.full(30, 1_000.0), 0.0))) == [30]


def test_windows_without_a_value_are_no_part_of_it() -> None:
    values = np.full(60, 1_000.0)
    values[40:50] = np.nan
    values[55] = 0.0
    assert called(line_of(values)) == [55]


def test_folding_from_a_changed_window_on_equals_folding_all_of_it() -> None:
    rng = np.random.default_rng(6)
    values = 1_000 * rng.lognormal(0, 0.2, 300)
    values[[50, 51, 90, 200]] = 0.0
    values[120:150] *= 0.05
    values[160:] *= 0.2
    line = line_of(values)
    whole = fold(line, 0, DAY, LESS)
    was = np.array([beyond for _, beyond in whole])
    assert was.sum() == 10
    for first in (1, 51, 123, 128, 165, 299):
        part = fold(replace(line, called=was & (np.arange(300) < first)), first * DAY_US, DAY, LESS)
        assert part[first:] == whole[first:], first
        assert part[:first] == [(None, False)] * first
    cut = 299 * DAY_US - reach_us(DAY)  # as much as is read of a series
    read = line.starts_us >= cut - adapted_after(DAY) * DAY_US
    rest = Line(*(getattr(line, name)[read] for name in ("starts_us", "values", "judged", "alphas")), was[read])
    assert fold(rest, 299 * DAY_US, DAY, LESS)[-1] == whole[-1]


def test_windows_of_minutes_and_of_weeks_have_a_past_too() -> None:
    rng = np.random.default_rng(7)
    minutes = 500 * rng.lognormal(0, 0.1, 600)
    minutes[590] = 0.0
    assert called(line_of(minutes, 5 * MINUTE_US), WindowSize("5m")) == [590]
    weeks = 5_000 * rng.lognormal(0, 0.1, 45)
    weeks[40] = 0.0
    assert called(line_of(weeks, 7 * DAY_US), WEEK) == [40]
