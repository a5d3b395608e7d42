"""Two versions compared: whoever looks every day is not fooled more often than once in twenty, and a difference is seen."""

import numpy as np
import pytest

from detectors.version_comparison import VersionDifference, compare

DAYS, ROWS, RUNS = 120, 400, 400


def looked_at(seed: int, gap: float, day_effect: float, own_effect: float, days: int = DAYS) -> VersionDifference:
    """Accuracy of two versions by day: a day is good or bad for both, and a version has good and bad days of its own."""
    rng = np.random.default_rng(seed)
    base = 0.8 + rng.normal(0, day_effect, days)
    chances = [np.clip(base + shift + rng.normal(0, own_effect, days), 0.05, 0.95) for shift in (gap, 0.0)]
    values = [rng.binomial(ROWS, chance) / ROWS for chance in chances]
    errors = [np.sqrt(value * (1 - value) / ROWS) for value in values]
    found = compare(*values, *errors, np.full(days, ROWS / 2.0))
    assert found is not None
    return found


@pytest.mark.parametrize(("day_effect", "own_effect"), [(0.0, 0.0), (0.08, 0.0), (0.05, 0.06)])
def test_without_a_difference_one_in_twenty_is_fooled_at_most_whenever_they_look(day_effect, own_effect) -> None:
    fooled = [looked_at(seed, 0.0, day_effect, own_effect).is_sure for seed in range(RUNS)]
    assert sum(fooled) <= 0.05 * RUNS + 2 * np.sqrt(0.05 * 0.95 * RUNS)


def test_who_looks_every_day_at_the_interval_of_one_look_is_fooled_far_more_often() -> None:
    fooled = 0
    for seed in range(60):
        looks = [looked_at(seed, 0.0, 0.0, 0.0, days) for days in range(2, DAYS, 4)]
        fooled += any(not look.lower <= 0 <= look.upper for look in looks)
    assert fooled > 0.15 * 60


def test_the_interval_of_one_look_holds_the_truth_in_19_of_20_cases() -> None:
    held = [look.lower <= 0.02 <= look.upper for look in (looked_at(seed, 0.02, 0.05, 0.03) for seed in range(RUNS))]
    assert 0.92 * RUNS <= sum(held) <= 0.985 * RUNS


def test_a_difference_of_three_points_is_seen_within_the_month() -> None:
    found = [looked_at(seed, 0.03, 0.05, 0.0, days=30) for seed in range(50)]
    assert np.mean([one.is_sure for one in found]) > 0.95
    assert all(one.always_lower < one.lower < one.value < one.upper < one.always_upper for one in found)
    assert np.mean([one.value for one in found]) == pytest.approx(0.03, abs=0.003)


def test_windows_that_one_of_them_lacks_do_not_count() -> None:
    whole = np.array([0.9, 0.8, 0.7])
    errors, weights = np.full(3, 0.01), np.ones(3)
    hole = compare(whole, np.array([0.8, np.nan, 0.6]), errors, errors, weights)
    assert hole is not None
    assert (hole.windows, round(hole.value, 12)) == (2, 0.1)
    assert (hole.always_lower, hole.p_value) == (None, 1.0)  # two windows are too few to look again and again
    assert compare(whole, np.full(3, np.nan), errors, errors, weights) is None
