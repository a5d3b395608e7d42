"""Calibration error and the parts of a Brier score: against their definitions, and their intervals by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from detectors import brier_decomposition, calibration_error

few = settings(max_examples=40, deadline=None, derandomize=True)
forecasts = st.lists(
    st.tuples(st.integers(0, 20).map(lambda k: k / 20), st.booleans(), st.integers(1, 4)), min_size=2, max_size=80
)
ROWS, SIMULATED = 1_000, 200


def _arrays(rows):
    probability, positives, weights = (np.array(side) for side in zip(*rows, strict=True))
    return probability.astype(float), positives.astype(bool), weights.astype(float)


def _drawn(rng, rate, rows=ROWS):
    chance = rng.random(rows)
    return chance, rng.random(rows) < rate(chance)


def test_calibration_error_is_the_gap_of_scikit_learns_reliability_curve():
    chance, happened = _drawn(np.random.default_rng(1), lambda p: p**2)
    frequency, mean = calibration_curve(happened, chance, n_bins=10)
    rows = np.histogram(chance, 10, (0, 1))[0]
    expected = float(rows @ np.abs(frequency - mean)) / ROWS
    assert calibration_error.value(chance, happened) == pytest.approx(expected, rel=1e-12)


@few
@given(forecasts)
def test_the_parts_of_a_brier_score_add_up_to_scikit_learns(rows):
    probability, positives, weights = _arrays(rows)
    parts = {name: part.value for name, part in brier_decomposition.estimates(probability, positives, weights).items()}
    rate = np.average(positives, weights=weights)
    assert parts["brier_uncertainty"] == pytest.approx(rate * (1 - rate), abs=1e-12)
    whole = parts["brier_reliability"] - parts["brier_resolution"] + parts["brier_uncertainty"]
    expected = metrics.brier_score_loss(positives, probability, sample_weight=weights, pos_label=True)
    assert whole == pytest.approx(expected, abs=1e-12)


def test_with_one_probability_a_bin_the_parts_are_murphys():
    rng = np.random.default_rng(2)
    probability = rng.choice([0.05, 0.35, 0.75], ROWS)
    happened = rng.random(ROWS) < probability**2
    found = brier_decomposition.estimates(probability, happened)
    bins = [(happened[probability == p], p) for p in (0.05, 0.35, 0.75)]
    reliability = sum(len(seen) * (seen.mean() - p) ** 2 for seen, p in bins) / ROWS
    resolution = sum(len(seen) * (seen.mean() - happened.mean()) ** 2 for seen, _ in bins) / ROWS
    assert found["brier_reliability"].value == pytest.approx(reliability, rel=1e-9)
    assert found["brier_resolution"].value == pytest.approx(resolution, rel=1e-9)


@pytest.mark.parametrize(
    "rate", [lambda p: p, lambda p: 0.8 * p + 0.1, lambda p: p**2], ids=["calibrated", "a little", "much"]
)
def test_the_intervals_hold_what_is_true(rate):
    """The lower end allows for the noise, so that calibrated models are not said to be off; a little too wide is right here."""
    rng = np.random.default_rng(3)
    truth = _parts_of(*_drawn(rng, rate, 2_000_000))
    covered = dict.fromkeys(truth, 0)
    for _ in range(SIMULATED):
        for name, found in _estimates(*_drawn(rng, rate)).items():
            covered[name] += found.lower <= truth[name] <= found.upper
    least = 0.95 - 4 * np.sqrt(0.95 * 0.05 / SIMULATED)
    assert {name: share / SIMULATED >= least for name, share in covered.items()} == dict.fromkeys(truth, True)


def test_rows_that_come_in_copies_have_wider_intervals():
    rng = np.random.default_rng(4)
    chance, happened = _drawn(rng, lambda p: p**2)
    copied, keys = [np.repeat(side, 5) for side in (chance, happened)], np.repeat(np.arange(ROWS), 5)
    for name, found in _estimates(*copied, keys=keys).items():
        assert (found.basis, found.design_effect) == ("cluster", pytest.approx(5, rel=0.01)), name
        alone = _estimates(chance, happened)[name]
        assert (found.lower, found.upper) == (
            pytest.approx(alone.lower, rel=0.02),
            pytest.approx(alone.upper, rel=0.02),
        )


def _estimates(probability, positives, keys=None):
    return {
        "calibration_error": calibration_error.estimate(probability, positives, keys=keys),
        **brier_decomposition.estimates(probability, positives, keys=keys),
    }


def _parts_of(probability, positives):
    return {name: found.value for name, found in _estimates(probability, positives).items()}
