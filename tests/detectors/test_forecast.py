"""A forecast of a crossing holds at its level under autocorrelated errors, and is silent where there is no trend."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from detectors.autocorrelated_line import fit
from detectors.forecast import Forecast, forecast
from detectors.scale import Scale
from kernel.clock import DAY_US, HOUR_US
from kernel.windows import WindowSize

HOUR, DAY, MONTH = WindowSize("1h"), WindowSize("1d"), WindowSize("1mo")
PHIS = (0.0, 0.5, 0.8)
WEEK = np.array([3.0, 1.0, 0.0, 2.0, 4.0, -5.0, -5.0])


def noise(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    """Stationary AR(1) with a standard deviation of 1."""
    steps = rng.normal(0, np.sqrt(1 - phi**2), n)
    steps[0] = rng.normal()
    found = steps.copy()
    for at in range(1, n):
        found[at] += phi * found[at - 1]
    return found


def ahead(
    values: np.ndarray, limit: float, *, above: bool = True, size: WindowSize = DAY, first_us: int = 0, **how: object
):
    length_us = size.end(0) - size.start(0)
    starts = first_us + np.arange(len(values)) * length_us
    return forecast(starts, np.asarray(values, float), size, limit, above=above, **how)  # type: ignore[arg-type]


def known(values: np.ndarray, limit: float, **how: object) -> Forecast:
    found = ahead(values, limit, **how)  # type: ignore[arg-type]
    assert found is not None
    return found


def rising(n: int = 60, slope: float = 0.1, seed: int = 0, phi: float = 0.3) -> np.ndarray:
    return slope * (np.arange(n) + 0.5) + 0.4 * noise(np.random.default_rng(seed), n, phi)


@pytest.mark.parametrize("phi", PHIS)
@pytest.mark.parametrize("n", [20, 40, 91])
def test_the_interval_holds_what_it_says_under_autocorrelated_errors(n: int, phi: float) -> None:
    rng, runs = np.random.default_rng([n, round(10 * phi)]), 250 if n < 60 else 120
    crossing = 1.3 * n  # windows; the line rises by 8 standard deviations over the past
    early = late = given = 0
    for _ in range(runs):
        found = ahead(8 / n * (np.arange(n) + 0.5) + noise(rng, n, phi), 8 / n * crossing)
        if found is not None:
            given += 1
            early += crossing * DAY_US < found.earliest_us
            late += found.latest_us is not None and crossing * DAY_US > found.latest_us
    assert given > 0.95 * runs
    most = stats.binom.ppf(0.999, given, [0.1, 0.1, 0.2])
    assert (np.array([early, late, early + late]) <= most).all(), (early, late, given)
    assert early + late > 0  # and not because it says nothing


@pytest.mark.parametrize("phi", PHIS)
@pytest.mark.parametrize("n", [14, 30, 91])
def test_a_series_without_a_trend_has_no_crossing_in_sight(n: int, phi: float) -> None:
    rng, runs = np.random.default_rng([n, round(10 * phi), 1]), 250 if n < 60 else 120
    assert sum(ahead(noise(rng, n, phi), 1.5) is None for _ in range(runs)) >= 0.9 * runs


def test_the_interval_holds_where_each_window_has_an_error_of_its_own_too() -> None:
    rng, runs, n = np.random.default_rng(8), 120, 60
    missed = 0
    for _ in range(runs):
        errors = noise(rng, n, 0.8) + rng.normal(0, 1, n)
        found = ahead(0.2 * (np.arange(n) + 0.5) + errors, 0.2 * 78)
        missed += found is not None and not found.earliest_us <= 78 * DAY_US <= (found.latest_us or 2**62)
    assert missed <= stats.binom.ppf(0.999, runs, 0.2)


@pytest.mark.parametrize("phi", PHIS)
def test_psi_that_grows_with_the_square_of_time_is_met_on_its_own_scale(phi: float) -> None:
    rng, runs, n = np.random.default_rng(round(10 * phi)), 100, 60
    crossing, missed = 75.0, 0
    for _ in range(runs):
        root = 0.004 * (np.arange(n) + 0.5) + 0.02 * noise(rng, n, phi)
        found = ahead(root**2, (0.004 * crossing) ** 2, scale=Scale.ROOT)
        missed += found is not None and not found.earliest_us <= crossing * DAY_US <= (found.latest_us or 2**62)
    assert missed <= stats.binom.ppf(0.999, runs, 0.2)


def test_the_line_is_generalised_least_squares() -> None:
    """Against dense matrices, for one autocorrelation, with windows missing and two groups."""
    rng, k = np.random.default_rng(2), 9
    phi = 1 - 0.03 ** (k / 13)  # the tenth of fourteen
    at = np.sort(rng.choice(60, 40, replace=False))
    group, y = at % 2 * 5, 0.05 * at + rng.normal(0, 1, 40)
    found = fit(at.astype(float), y, np.diff(at).astype(float), group)
    design = np.column_stack([group == 0, group == 5, at]).astype(float)
    apart = np.linalg.inv(phi ** np.abs(at[:, None] - at[None, :]))
    inverse = np.linalg.inv(design.T @ apart @ design)
    line = inverse @ design.T @ apart @ y
    rest = y - design @ line
    covariance = inverse * (rest @ apart @ rest) / 37
    mean = np.array([0.5, 0.5, 0.0])
    assert found.freedom == 37
    assert found.levels[k] == pytest.approx(mean @ line, rel=1e-9)
    assert found.slopes[k] == pytest.approx(line[2], rel=1e-9)
    assert found.level_variances[k] == pytest.approx(mean @ covariance @ mean, rel=1e-9)
    assert found.slope_variances[k] == pytest.approx(covariance[2, 2], rel=1e-9)
    assert found.covariances[k] == pytest.approx(mean @ covariance[:, 2], rel=1e-9)
    assert found.weights.sum() == pytest.approx(1)


def test_autocorrelation_widens_the_interval() -> None:
    rng = np.random.default_rng(3)
    widths = []
    for phi in (0.0, 0.8):
        found = [known(0.2 * np.arange(60) + noise(rng, 60, phi), 15.0) for _ in range(12)]
        widths.append(np.median([(one.latest_us or 2**62) - one.earliest_us for one in found]))
    assert widths[1] > 1.5 * widths[0]


def test_nearer_to_the_limit_is_sooner_and_likelier() -> None:
    found = [known(rising() + shift, 12.0, horizon_us=50 * DAY_US) for shift in (0.0, 0.5, 1.0, 2.0)]
    for name in ("crosses_us", "earliest_us", "latest_us"):
        moments = [getattr(one, name) for one in found]
        assert moments == sorted(moments, reverse=True)
    assert [one.probability for one in found] == sorted(one.probability for one in found)
    assert all(one.earliest_us < one.crosses_us < (one.latest_us or 0) for one in found)


def test_later_windows_move_the_moments_and_the_unit_does_not() -> None:
    values = rising()
    here = known(values, 8.0)
    later = known(values, 8.0, first_us=7_000 * DAY_US)
    assert later == replace(
        here,
        crosses_us=here.crosses_us + 7_000 * DAY_US,
        earliest_us=here.earliest_us + 7_000 * DAY_US,
        latest_us=(here.latest_us or 0) + 7_000 * DAY_US,
    )
    larger = known(1e6 * values, 8e6)
    assert larger.crosses_us == pytest.approx(here.crosses_us, abs=DAY_US / 100)
    assert larger.probability == pytest.approx(here.probability, abs=1e-6)


def test_downward_is_upward_upside_down() -> None:
    assert known(-rising(), -8.0, above=False) == known(rising(), 8.0)
    assert ahead(rising(), -8.0, above=False) is None  # the trend goes the other way
    share = known(0.98 - rising() / 100, 0.9, above=False, scale=Scale.ARCSINE)
    assert share.crosses_us == pytest.approx(80 * DAY_US, abs=10 * DAY_US)


def test_a_horizon_further_ahead_is_likelier() -> None:
    likely = [known(rising(), 8.0, horizon_us=days * DAY_US).probability for days in (1, 15, 20, 30, 300)]
    assert likely == sorted(likely)
    assert likely[0] < 0.01
    assert likely[-1] > 0.99


def test_the_weekday_is_no_trend_and_no_noise() -> None:
    rng = np.random.default_rng(4)
    n, crossing = 84, 100.0
    weekly = WEEK[np.arange(n) % 7]
    plain = 0.02 * (np.arange(n) + 0.5) + 0.2 * noise(rng, n, 0.3)
    with_week, without = known(plain + weekly, 0.02 * crossing), known(plain, 0.02 * crossing)
    assert with_week.crosses_us == pytest.approx(without.crosses_us, abs=2 * DAY_US)
    assert with_week.earliest_us <= crossing * DAY_US <= (with_week.latest_us or 0)


def test_a_limit_of_the_newest_hour_is_held_against_that_hour() -> None:
    rng = np.random.default_rng(5)
    n = 84
    values = 0.02 * (np.arange(n) + 0.5) + WEEK[np.arange(n) % 7] + 0.2 * noise(rng, n, 0.3)
    here = known(values, 0.02 * 100 + WEEK[(n - 1) % 7], own_hour=True)
    assert here.crosses_us == pytest.approx(100 * DAY_US, abs=10 * DAY_US)


def test_hours_of_the_day_are_followed_from_eight_days_on() -> None:
    rng = np.random.default_rng(6)
    hours = np.arange(14 * 24)
    day = 5 * np.cos(2 * np.pi * hours / 24)
    found = known(0.01 * (hours + 0.5) + day + 0.3 * noise(rng, hours.size, 0.5), 4.0, size=HOUR)
    assert found.earliest_us <= 400 * HOUR_US <= (found.latest_us or 0)
    assert (found.latest_us or 0) - found.earliest_us < 5 * DAY_US


def test_calendar_months_are_windows_too() -> None:
    starts = np.array(MONTH.between(0, 700 * DAY_US))
    found = forecast(starts, 1.0 * np.arange(starts.size), MONTH, 30.0, above=True)
    assert found is not None
    assert found.crosses_us == pytest.approx(30.5 * 30.44 * DAY_US, abs=4 * DAY_US)


def test_windows_without_a_value_are_left_out() -> None:
    values = rising()
    holes = values.copy()
    holes[10:20] = np.nan
    holes[33] = np.inf
    assert known(holes, 8.0).crosses_us == pytest.approx(known(values, 8.0).crosses_us, abs=2 * DAY_US)
    trailing = np.append(values, [np.nan] * 5)
    assert known(trailing, 8.0) == known(values, 8.0)


@pytest.mark.parametrize(
    "values",
    [
        np.array([]),
        np.full(60, np.nan),
        rising(13),
        np.append(rising(13), [np.nan] * 40),
        np.full(60, 0.3),
        np.zeros(60),
        rising()[::-1],
        rising() + 100,
    ],
    ids=["none", "no value", "13 windows", "13 values", "constant", "zero", "falling", "past the limit"],
)
def test_nothing_is_in_sight(values: np.ndarray) -> None:
    assert ahead(values, 8.0) is None


def test_fourteen_windows_are_enough() -> None:
    assert ahead(rising(14, slope=0.5), 8.0) is not None


def test_a_limit_that_no_value_can_reach_is_never_crossed() -> None:
    share = np.linspace(0.5, 0.9, 60)
    assert ahead(share, 1.2, scale=Scale.ARCSINE) is None
    assert ahead(-share + 1, -0.1, above=False, scale=Scale.ROOT) is None


def test_nothing_is_said_of_what_is_far_beyond_the_past() -> None:
    assert ahead(rising(), 17.0) is not None
    assert ahead(rising(), 19.0) is None


def test_the_end_may_be_open() -> None:
    """Far ahead of a weak trend: not before some day, and perhaps never."""
    found = [ahead(0.08 * np.arange(30) + noise(np.random.default_rng(seed), 30, 0.5), 4.5) for seed in range(40)]
    assert any(one is not None and one.latest_us is None for one in found)


def test_a_line_without_an_error_is_met_exactly() -> None:
    found = known(0.1 * (np.arange(30) + 0.5), 4.0)
    assert found.crosses_us == pytest.approx(40 * DAY_US, abs=DAY_US / 10)
    assert found.probability == 1.0
