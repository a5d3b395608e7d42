import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import dial

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
