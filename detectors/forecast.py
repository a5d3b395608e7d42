"""When a series will cross a limit, if it goes on as it has gone: the moment, an interval of 80%, and a probability."""

from dataclasses import dataclass

import numpy as np

from detectors.autocorrelated_line import Line, fit
from detectors.pair import FloatArray
from detectors.scale import Scale
from detectors.season import IntArray, by_day, groups, length_us
from kernel.clock import DAY_US
from kernel.windows import WindowSize

LEAST_WINDOWS = 14
HORIZON_US = 90 * DAY_US
TREND = 0.95  # a slope towards the limit less likely than this is none
REACH = 2  # a line is drawn no further ahead than so many times the past
_EARLY, _HALF, _LATE = 0.1, 0.5, 0.9
_MOMENTS, _BETWEEN = 150, 50  # that are looked at, and between two of them


@dataclass(frozen=True, slots=True)
class Forecast:
    """A crossing that is in sight; moments in microseconds.

    Attributes:
        crosses_us: by then it is as likely as not.
        earliest_us, latest_us: it lies between them with a probability of 80%, 10% on either side. None as the latest where that is
            further ahead than the past can say: perhaps it never comes.
        probability: that it comes within the horizon.
        horizon_us: how long after the newest window's end that is.
    """

    crosses_us: int
    earliest_us: int
    latest_us: int | None
    probability: float
    horizon_us: int


def forecast(
    starts_us: IntArray,
    values: FloatArray,
    size: WindowSize,
    limit: float,
    *,
    above: bool,
    scale: Scale = Scale.PLAIN,
    own_hour: bool = False,
    horizon_us: int = HORIZON_US,
) -> Forecast | None:
    """When the level of a series, its windows (windows,) in order, passes a limit; None where that is not in sight.

    The level is a straight line on the scale, through the middles of the windows, or of days where windows are shorter, without
    what the hour and the weekday add (detectors/season.py; the weekday from 8 weeks on). Its errors go together
    (detectors/autocorrelated_line.py), so the probability that the line is past the limit is known at every moment, and the
    moments at which that is 10%, 50% and 90% are the forecast. A single window scatters around its level and may be past the limit
    before. Source: inverse prediction, Hoadley, "A Bayesian look at inverse linear regression" (1970).

    Not in sight: under 14 windows, or days, with a value; a slope towards the limit that is less than 95% likely; a level past the
    limit already; a limit that no value of the scale can reach; a crossing further ahead than twice the length of the past.

    Args:
        values: NaN where there is none.
        limit: in the values' unit; above: whether it is crossed upward.
        own_hour: whether the limit is that of the newest window's hour of the week, and not of the whole week.

    >>> n = np.arange(40)
    >>> seen = forecast(n * DAY_US, 0.02 * n + 0.1 * np.cos(9 * n), WindowSize("1d"), 1.0, above=True)
    >>> [round(us / DAY_US) for us in (seen.earliest_us, seen.crosses_us, seen.latest_us)], seen.probability > 0.99
    ([48, 51, 54], True)
    >>> forecast(n * DAY_US, np.cos(9.0 * n), WindowSize("1d"), 2.0, above=True)  # no trend
    """
    known = np.isfinite(values)
    if np.count_nonzero(known) < LEAST_WINDOWS or not scale.holds(limit):
        return None
    starts, taken = starts_us[known], scale.of(values[known])
    sign = 1.0 if above else -1.0
    level = sign * float(scale.of(np.array([limit]))[0])
    end_us = size.end(int(starts[-1]))
    line = _line(starts, sign * taken, size, end_us, own_hour=own_hour)
    span = (end_us - int(starts[0])) / DAY_US
    if line is None or line.p_rising() < TREND:
        return None
    ahead = np.append(0.0, np.geomspace(span / 1_000, REACH * span, _MOMENTS))
    early, half, late = (_reached(line, level, share, ahead) for share in (_EARLY, _HALF, _LATE))
    if half is None or half == 0.0:
        return None
    within = float(line.p_above(level, np.array([horizon_us / DAY_US]))[0])

    def moment(days: float | None) -> int:
        return end_us + round((days or 0.0) * DAY_US)

    return Forecast(moment(half), moment(early), None if late is None else moment(late), within, horizon_us)


def _line(starts: IntArray, values: FloatArray, size: WindowSize, end_us: int, *, own_hour: bool) -> Line | None:
    """The level in days after `end_us`; None where it does not move, or too little of it is left beside the week."""
    added = 0.0
    if length_us(size) < DAY_US:
        starts, values, added = by_day(starts, values, size)
        size = WindowSize("1d")
    group, own = groups(int(starts[-1]), starts, size)
    if values.size - np.unique(group).size < LEAST_WINDOWS - 1 or float(np.ptp(values)) == 0.0:
        return None
    length = length_us(size)
    gaps = np.maximum(np.rint(np.diff(starts) / length), 1.0)
    x = (starts + length / 2 - end_us) / DAY_US
    return fit(x, values + added, gaps, group, own) if own_hour else fit(x, values, gaps, group)


def _reached(line: Line, level: float, share: float, ahead: FloatArray) -> float | None:
    """The first x at which the probability that the line is above a level is a share; None where that is beyond `ahead` (n,)."""
    found = np.flatnonzero(line.p_above(level, ahead) >= share)
    if not found.size:
        return None
    at = int(found[0])
    if at == 0:
        return 0.0
    between = np.linspace(ahead[at - 1], ahead[at], _BETWEEN)
    return float(between[np.argmax(line.p_above(level, between) >= share)])
