import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import dial, own_past

few = settings(max_examples=40, deadline=None, derandomize=True)


@few
@given(st.floats(0.01, 50), st.integers(1, 3000), st.integers(1, 500), st.integers(1, 3))
def test_the_levels_of_a_quarter_sum_to_at_most_the_dial(false_alarms, windows, series, looks):
    level = dial.alpha(false_alarms, windows, series, looks)
    assert 0 < level < 1
    assert level * windows * series * looks <= false_alarms * (1 + 1e-12)


def test_hourly_windows_with_their_roll_ups():
    assert dial.windows_per_quarter(1 / 24) == 92 * 24
    assert dial.windows_per_quarter(1, 7, 28) == 92 + 14 + 4


@pytest.mark.parametrize("wrong", [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)])
def test_a_dial_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="dial"):
        dial.alpha(*wrong)


def test_own_past_keeps_its_level_on_log_normal_series():
    rng = np.random.default_rng(1)
    series = rng.lognormal(-3, 1, (2000, 41))
    ps = np.array([own_past.p_own_past(row[-1], row[:-1]) for row in series])
    assert (ps < 0.05).mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / ps.size))


def test_own_past_bears_zeros_and_constants():
    zeros = np.zeros(30)
    assert own_past.p_own_past(0.0, zeros) == 1.0
    assert own_past.p_own_past(0.2, zeros) == 0.0
    mixed = np.array([0.0] * 15 + [0.1] * 15)
    assert 0 < own_past.p_own_past(0.1, mixed) < 1
    assert own_past.p_own_past(5.0, mixed) < 1e-3
