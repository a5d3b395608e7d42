"""What the hour of the day and the week do to a series.

Source: seasonal indices, Hyndman and Athanasopoulos, "Forecasting: Principles and Practice" (2021), section 7.4.
"""

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray
from kernel.clock import DAY_US, HOUR_US
from kernel.windows import WindowSize

HOURS = 24
LEAST_SAME_HOUR = 8  # weeks, or days
WEEK_US = 7 * DAY_US

IntArray = npt.NDArray[np.int64]


def length_us(size: WindowSize) -> int:
    """How long a window is, in microseconds; a month has the 31 days of January.

    >>> length_us(WindowSize("1w")) // DAY_US, length_us(WindowSize("1mo")) // DAY_US
    (7, 31)
    """
    return size.end(size.start(0)) - size.start(0)


def hours_of_week(moments_us: IntArray) -> IntArray:
    """The hour of the week of each moment, from 0 on; weeks are counted from the epoch, a Thursday. Same shape.

    >>> hours_of_week(np.array([0, 25 * HOUR_US, WEEK_US])).tolist()
    [0, 25, 0]
    """
    return np.asarray(moments_us % WEEK_US // HOUR_US, np.int64)


def groups(at_us: int, past_us: IntArray, size: WindowSize) -> tuple[IntArray, int]:
    """Which group each window (windows,) of a past is in, and which one the window is that starts at a moment; microseconds.

    The hour of the week, where the past has that of the moment in 8 weeks; else the hour of the day, where it has that on 8 days;
    else 0, as of windows longer than a day.

    >>> days = np.arange(60) * DAY_US
    >>> groups(60 * DAY_US, days, WindowSize("1d"))[0][:8].tolist()
    [0, 24, 48, 72, 96, 120, 144, 0]
    >>> groups(10 * DAY_US, days[:10], WindowSize("1d"))[0].tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    if length_us(size) <= DAY_US:
        for period_us in (WEEK_US, DAY_US):
            hours, own = past_us % period_us // HOUR_US, at_us % period_us // HOUR_US
            if len(np.unique(past_us[hours == own] // period_us)) >= LEAST_SAME_HOUR:
                return hours, own
    return np.zeros(len(past_us), np.int64), 0


def by_day(starts_us: IntArray, values: FloatArray, size: WindowSize) -> tuple[IntArray, FloatArray, float]:
    """The mean of each day (days,) of windows shorter than a day (windows,), by the day's start; microseconds.

    What the hour adds is taken away first, so that a day of which only the night is there is hardly lower for it. What goes
    together for hours is then one error a day. Source: classical decomposition, Hyndman and Athanasopoulos, section 3.4.

    Returns:
        Starts and means of the days, and what the newest window's hour of the week adds to them (see `groups`).

    >>> hours = np.arange(72) * HOUR_US
    >>> starts, means, added = by_day(hours, np.where(hours // HOUR_US % 24 < 6, 1.0, 5.0), WindowSize("1h"))
    >>> (starts // DAY_US).tolist(), means.round(6).tolist()
    ([0, 1, 2], [4.0, 4.0, 4.0])
    """
    days, place, held = np.unique(starts_us // DAY_US, return_inverse=True, return_counts=True)
    hour = starts_us % DAY_US // HOUR_US
    off = values - (np.bincount(place, values) / held)[place]
    added = np.bincount(hour, off, HOURS) / np.maximum(np.bincount(hour, minlength=HOURS), 1)
    group, own = groups(int(starts_us[-1]), starts_us, size)
    return days * DAY_US, np.bincount(place, values - added[hour]) / held, float(off[group == own].mean())
