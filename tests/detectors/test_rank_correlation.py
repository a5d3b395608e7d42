"""Rank correlation of series: against scipy, and its level and coverage where windows go together."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import spearmanr

from detectors.rank_correlation import correlate

WINDOWS, SIMULATED = 120, 600


def test_it_is_scipys_also_with_ties_and_holes() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 9, 60).astype(float), rng.normal(size=60)
    one[3], other[9] = np.nan, np.nan
    found = correlate(one, other)
    assert found.value == pytest.approx(spearmanr(one, other, nan_policy="omit").statistic)
    assert found.windows == 58


def test_where_there_is_nothing_to_correlate_there_is_none() -> None:
    assert correlate(np.arange(9.0), np.arange(9.0)) is None
    assert correlate(np.ones(40), np.arange(40.0)) is None


@pytest.mark.parametrize(("kept", "most"), [(0.0, 0.075), (0.7, 0.09)])
def test_series_that_have_nothing_to_do_with_one_another_are_seldom_called(kept, most) -> None:
    """Each forgets so little from one window to the next that independent windows would call 25%."""
    rng = np.random.default_rng(2)
    called = plain = 0
    for _ in range(SIMULATED):
        one, other = (lfilter([1], [1, -kept], rng.normal(size=WINDOWS)) for _ in range(2))
        called += correlate(one, other).p_value < 0.05
        plain += spearmanr(one, other).pvalue < 0.05
    assert 0.01 < called / SIMULATED < most
    assert kept == 0 or plain / SIMULATED > 0.2


def test_the_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(3)
    held = 0
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # of normal pairs whose own correlation is 0.6
    for _ in range(SIMULATED):
        one, noise = rng.normal(size=(2, WINDOWS))
        found = correlate(one, 0.6 * one + 0.8 * noise)
        held += found.lower <= truth <= found.upper
    assert held / SIMULATED == pytest.approx(0.95, abs=0.025)
