"""How late labels are, learnt from windows that are too young to have all of theirs."""

import numpy as np
import pytest

from detectors import label_arrival, label_delay
from detectors.label_arrival import Arrival
from detectors.label_delay import Cohort, DelayCurve
from detectors.label_shortfall import WindowLabels, short
from kernel.clock import DAY_US, HOUR_US

SEEDS = range(5)


def cohorts_of(delays_us: np.ndarray, predicted_us: np.ndarray, now_us: int, width_us: int) -> list[Cohort]:
    """What is there at a moment, by windows of that width."""
    here = predicted_us + delays_us <= now_us
    windows = predicted_us // width_us
    return [
        Cohort(now_us - (w + 1) * width_us, label_delay.count(delays_us[here & (windows == w)]))
        for w in np.unique(windows)
        if now_us >= (w + 1) * width_us
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_curve_is_the_law_that_the_delays_were_drawn_from(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = 60_000
    predicted_us = rng.integers(0, 60 * DAY_US, rows)
    delays_us = (rng.lognormal(np.log(20.0), 1.0, rows) * HOUR_US).astype(np.int64)
    curve = label_delay.fit(cohorts_of(delays_us, predicted_us, 60 * DAY_US, DAY_US))
    assert curve is not None
    ages = np.array([2, 6, 12, 24, 48, 96, 240]) * HOUR_US
    truth = np.array([(delays_us <= age).mean() for age in ages])
    assert np.abs(curve.at(ages) - truth).max() < 0.015


def test_a_plain_share_of_young_windows_would_be_too_high() -> None:
    rng = np.random.default_rng(1)
    predicted_us = rng.integers(0, 20 * DAY_US, 40_000)
    delays_us = (rng.exponential(3.0, 40_000) * DAY_US).astype(np.int64)
    cohorts = cohorts_of(delays_us, predicted_us, 20 * DAY_US, DAY_US)
    curve = label_delay.fit(cohorts)
    assert curve is not None
    whole = np.sum([cohort.counts for cohort in cohorts], axis=0)
    plain = whole[label_delay.ends_s() <= DAY_US / 1e6].sum() / whole.sum()
    truth = 1 - np.exp(-1 / 3)
    assert plain > truth + 0.03
    assert curve.at(np.array([DAY_US]))[0] == pytest.approx(truth, abs=0.015)


def test_labels_that_still_come_at_the_greatest_age_make_no_curve() -> None:
    rng = np.random.default_rng(2)
    predicted_us = rng.integers(0, 10 * DAY_US, 20_000)
    delays_us = (rng.uniform(0, 30, 20_000) * DAY_US).astype(np.int64)
    assert label_delay.fit(cohorts_of(delays_us, predicted_us, 10 * DAY_US, DAY_US)) is None


def test_the_order_of_the_windows_is_of_no_matter() -> None:
    rng = np.random.default_rng(3)
    predicted_us = rng.integers(0, 30 * DAY_US, 5_000)
    delays_us = (rng.exponential(2.0, 5_000) * DAY_US).astype(np.int64)
    cohorts = cohorts_of(delays_us, predicted_us, 30 * DAY_US, DAY_US)
    assert label_delay.fit(cohorts) == label_delay.fit(cohorts[::-1])


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_corrected_is_right_in_the_mean_where_one_class_is_later(seed: int) -> None:
    """Fraud is told of after weeks: of a young window, the labels that are there say that nearly nothing is fraud."""
    rng = np.random.default_rng(seed)
    rows = 80_000
    predicted_us = rng.integers(0, 90 * DAY_US, rows)
    fraud = rng.random(rows) < 0.1
    delays_us = (rng.exponential(np.where(fraud, 10.0, 1.0)) * DAY_US).astype(np.int64)
    labels = np.where(fraud, "fraud", "fine")
    now_us = 90 * DAY_US
    here = predicted_us + delays_us <= now_us
    windows = predicted_us // DAY_US
    cohorts = [
        (int((w + 1) * DAY_US), label_arrival.tally(delays_us[of], labels[of]))
        for w in range(90)
        for of in [here & (windows == w)]
    ]
    arrival = label_arrival.learn(cohorts, now_us)
    assert arrival is not None
    week = (predicted_us >= 80 * DAY_US) & (predicted_us < 87 * DAY_US)
    seen = week & here
    chances = arrival.chances(predicted_us[seen], labels[seen])
    raw = fraud[seen].mean()
    corrected = np.average(fraud[seen], weights=1 / chances)
    truth = fraud[week].mean()
    assert raw < truth - 0.03
    assert corrected == pytest.approx(truth, abs=0.02)
    assert label_arrival.completeness(chances) == pytest.approx(seen.sum() / week.sum(), abs=0.03)


def short_days(labels: list[int], rows: int = 200, now_day: int = 0) -> list[int]:
    """Of days with so many labels, whose labels take up to a day; those have come to the end of the last one unless it is said."""
    days = [WindowLabels(day * DAY_US, (day + 1) * DAY_US, rows, count) for day, count in enumerate(labels)]
    arrival = Arrival({"": DelayCurve((0.0, 86_400.0), (0.0, 1.0))}, (now_day or len(labels)) * DAY_US)
    return [start_us // DAY_US for start_us, _ in short(arrival, days)]


def test_windows_that_a_stall_left_half_empty_are_short_until_they_have_waited_and_young_ones_are_not() -> None:
    assert short_days([195] * 18 + [100, 0, 0, 195, 0]) == [18, 19, 20]
    assert short_days([195] * 10 + [100] + [195] * 9) == []


def test_a_wrong_clock_makes_no_window_older_than_the_last_prediction_and_the_longest_delay() -> None:
    assert short_days([195] * 18 + [100, 0, 0], now_day=900) == [18, 19, 20]


def test_a_share_of_labels_that_stays_lower_is_usual_when_a_tenth_of_the_windows_that_waited_has_it() -> None:
    assert short_days([195] * 30 + [60] * 9) == [31, 32, 33, 34, 35, 36, 37]
    assert short_days([195] * 30 + [60] * 13) == []


def test_windows_without_labels_on_weekends_and_windows_of_few_rows_are_not_short_by_chance() -> None:
    assert short_days([195, 195, 195, 195, 195, 0, 0] * 6) == []
    shares = np.random.default_rng(1).binomial(10, 0.5, 300).tolist()
    assert short_days(shares, rows=10) == []


def test_none_is_short_where_no_window_has_waited() -> None:
    assert short_days([195] * 5 + [0, 195]) == []
