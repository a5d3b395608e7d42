"""Calendar windows in UTC cover all time once."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import from_datetime
from kernel.windows import WindowSize, parse_duration

SIZES = ["5m", "1h", "6h", "1d", "1w", "1mo"]


@given(st.sampled_from(SIZES), st.integers(0, 4_000_000_000_000_000))
def test_every_moment_lies_in_its_window_and_the_next_begins_at_its_end(text: str, ts_us: int) -> None:
    size = WindowSize(text)
    start = size.start(ts_us)
    assert start <= ts_us < size.end(start)
    assert size.start(size.end(start)) == size.end(start)
    assert size.start(size.end(start) - 1) == start
    assert size.starts(np.array([ts_us]))[0] == start


def test_months_and_weeks_are_the_calendars() -> None:
    moment = from_datetime(datetime(2013, 2, 28, 23, 59, tzinfo=UTC))
    month, week = WindowSize("1mo"), WindowSize("1w")
    assert month.start(moment) == from_datetime(datetime(2013, 2, 1, tzinfo=UTC))
    assert month.end(month.start(moment)) == from_datetime(datetime(2013, 3, 1, tzinfo=UTC))
    assert week.start(moment) == from_datetime(datetime(2013, 2, 25, tzinfo=UTC))  # a Monday


@pytest.mark.parametrize("text", ["7m", "5h", "2d", "1y", "", "h", "0m"])
def test_what_is_no_calendar_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no calendar window|no duration"):
        WindowSize(text)


def test_durations() -> None:
    assert parse_duration("90s") == 90_000_000
    with pytest.raises(ValueError, match="write a whole number"):
        parse_duration("soon")
