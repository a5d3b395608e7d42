"""What is usual of a series: a prediction interval from its own recent past, which knows the hour of the week and the trend.

For what no reference can say, such as how much traffic a Sunday night has. The past of a window are the windows of the 13 weeks
before it, all of them: medians and clipped deviations bear an outage, so that no judgement hangs on the ones before it. What lasts
is usual once it is half of that past; and a rise that comes and
goes, where that is asked for, once it has come three times.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from detectors.pair import FloatArray
from detectors.season import WEEK_US, IntArray, hours_of_week, length_us
from kernel.clock import DAY_US
from kernel.windows import WindowSize

LEAST_WINDOWS = 30
LEAST_WEEKS = 2  # in which the past has the window's hour of the week
_LONGEST_US = 13 * WEEK_US
_MOST = 8_064  # windows; as many of five minutes as four weeks have
_STILL = 1e-9  # a deviation of cube roots under this is none
_CLIPPED = 3.0  # deviations
_RECURRING = 3  # rises in a past
_POISSON = 1 / 3  # the deviation of the cube root of a count of mean 1; of mean m that times m ** (-1 / 6)
_OF_A_MEDIAN = math.pi / 2  # its variance to that of a mean, of normal values
_NORMAL_MAD = 1.4826  # a normal deviation to the median of the deviations from the median


@dataclass(frozen=True, slots=True)
class Side:
    """Which way is bad, and by how much at least.

    Attributes:
        high: whether more than usual is bad; else less is.
        ratio: to what is expected: at least so many times it, or less than so many times it.
        counts: whether values are counts, which are never surer than Poisson's law.
        recurs: whether a rise that the past has had several times, and that was over each time, is a thing that the series does.
    """

    high: bool
    ratio: float
    counts: bool = False
    recurs: bool = False


@dataclass(frozen=True, slots=True)
class Usual:
    """What the past says of a window, in the value's unit.

    Attributes:
        lower, upper: what is beyond them is unusual. On the bad side that is the prediction interval's end, or `ratio` times what
            is expected, or `ratio` times a rise that recurs, whichever is furthest out.
        p: one-sided probability of a value as bad.
    """

    expected: float
    lower: float
    upper: float
    p: float


def reach_us(size: WindowSize) -> int:
    """How far back the past of a window may begin: 13 weeks, or 8,064 windows where that is less, and 60 windows at least.

    >>> [reach_us(WindowSize(text)) // DAY_US for text in ("5m", "1h", "1d", "1w")]
    [28, 91, 91, 420]
    """
    return max(min(_LONGEST_US, _MOST * length_us(size)), 60 * length_us(size))


def usual(
    value: float, at_us: int, past_us: IntArray, past: FloatArray, size: WindowSize, side: Side, alpha: float
) -> Usual | None:
    """What is usual of a window that starts at a moment; None where its past (windows,) is too short.

    That is under 30 windows; and of windows of a day or less, where the same hour of the week is not among them in two weeks.
    The cube roots are taken as normal around the median of each hour of the week, and around one trend, common to all; what is
    3 deviations off counts as 3. The next one, standardised, is held against Student's law. A count is besides no less
    likely than Poisson's law with the mean expected has it. Sources: prediction from a linear model with groups, Seber and
    Lee, "Linear Regression Analysis" (2003), section 5.3, with clipped residuals, Huber, "Robust Statistics" (1981), section
    7.4; the cube root makes counts and positive scales nearly normal, Wilson and Hilferty (1931).

    >>> day = np.arange(40) * DAY_US
    >>> quiet = usual(0.0, 40 * DAY_US, day, 1000 + 10.0 * (np.arange(40) % 3), WindowSize("1d"), Side(False, 0.5), 1e-4)
    >>> 1000 < quiet.expected < 1020, quiet.lower == quiet.expected / 2, quiet.p < 1e-9
    (True, True, True)
    """
    group, own = _groups(at_us, past_us, size)
    same = int(np.count_nonzero(group == own))
    if past.size < LEAST_WINDOWS or len(np.unique(past_us[group == own] // WEEK_US)) < LEAST_WEEKS:
        return None
    roots, days = np.cbrt(past), (past_us - at_us) / DAY_US
    codes, place = np.unique(group, return_inverse=True)
    freedom = past.size - len(codes) - 1
    apart = days - (np.bincount(place, days) / np.bincount(place))[place]
    spread = float(apart @ apart)
    middle = _medians(roots, place)[place]
    # A count of a steady mean scatters by Poisson's law at least: a series that hardly does would take an outage for a trend.
    least = _POISSON / np.sqrt(np.maximum(middle, 1.0)) if side.counts else np.zeros(1)
    off, _ = _clipped(roots - middle, freedom, least)
    slope = float(apart @ off) / spread if spread > 0 else 0.0
    level = _medians(roots - slope * days, place)
    rest = roots - slope * days - level[place]
    _, deviation = _clipped(rest, freedom, least)
    ahead = float(days[group == own].mean())
    predicted = max(0.0, float(level[np.searchsorted(codes, own)]))
    widened = 1 + _OF_A_MEDIAN / same + (ahead**2 / spread if spread > 0 else 0.0)
    error = max(deviation * math.sqrt(widened), _STILL)
    width = float(special.stdtrit(freedom, 1 - alpha)) * error
    found = _interval(value, predicted, error, width, freedom, side, alpha)
    rise = recurring(rest, width) if side.recurs else None
    return found if rise is None else replace(found, upper=max(found.upper, side.ratio * (predicted + rise) ** 3))


def recurring(rest: FloatArray, width: float) -> float | None:
    """The rise that a series has had three times: the third largest peak of its runs (windows,) above a width; None of fewer runs.

    And None where the run that the next window would be in is longer than the third longest of the others: what comes and goes is
    a thing that the series does, what lasts is not. Source: runs above a threshold as one event, Leadbetter, "Extremes and local
    dependence in stationary sequences" (1983).

    >>> spikes = np.array([0.0, 9.0, 8.0, 0.0, 7.0, 0.0, 5.0, 0.0])
    >>> recurring(spikes, 4.0), recurring(np.append(spikes, 9.0), 4.0), recurring(spikes[:-3], 4.0)
    (5.0, None, None)
    """
    above = np.concatenate([[False], rest > width, [False]])
    begins, ends = np.flatnonzero(above[1:] & ~above[:-1]), np.flatnonzero(above[:-1] & ~above[1:])
    now = 1
    if ends.size and ends[-1] == rest.size:
        now += int(ends[-1] - begins[-1])
        begins, ends = begins[:-1], ends[:-1]
    if begins.size < _RECURRING or now > np.sort(ends - begins)[-_RECURRING]:
        return None
    peaks = np.maximum.reduceat(np.where(above[1:-1], rest, -np.inf), begins)
    return float(np.sort(peaks)[-_RECURRING])


def _interval(
    value: float, predicted: float, error: float, width: float, freedom: int, side: Side, alpha: float
) -> Usual:
    """From a predicted cube root, its error and the width of the interval to the value's unit."""
    expected, lower, upper = predicted**3, max(0.0, predicted - width) ** 3, (predicted + width) ** 3
    away = (float(np.cbrt(value)) - predicted) / error
    p = float(special.stdtr(freedom, -away if side.high else away))
    if side.high:
        return Usual(expected, lower, max(upper, side.ratio * expected), p)
    if side.counts:
        lower = min(lower, float(stats.poisson.ppf(alpha, expected)) if expected > 0 else 0.0)
        p = max(p, float(special.pdtr(value, expected)) if expected > 0 else 1.0)
    return Usual(expected, min(lower, side.ratio * expected), upper, p)


def called(value: float, here: Usual, side: Side) -> bool:
    """Whether a value is beyond what is usual, on the bad side.

    >>> called(3.0, Usual(10.0, 5.0, 20.0, 0.001), Side(high=False, ratio=0.5))
    True
    """
    return value > here.upper if side.high else value < here.lower


def _groups(at_us: int, past_us: IntArray, size: WindowSize) -> tuple[IntArray, int]:
    """The hour of the week of each window (windows,) and of the one that starts at a moment; 0 of windows longer than a day."""
    if length_us(size) > DAY_US:
        return np.zeros(len(past_us), np.int64), 0
    return hours_of_week(past_us), int(hours_of_week(np.array([at_us]))[0])


def _medians(values: FloatArray, place: npt.NDArray[np.intp]) -> FloatArray:
    """The median of each group (groups,)."""
    order = np.lexsort((values, place))
    counts = np.bincount(place)
    first = np.cumsum(counts) - counts
    ordered = values[order]
    middle: FloatArray = (ordered[first + (counts - 1) // 2] + ordered[first + counts // 2]) / 2
    return middle


def _clipped(off: FloatArray, freedom: int, least: FloatArray) -> tuple[FloatArray, float]:
    """Residuals (windows,) within 3 robust deviations, at least so large ones; and the deviation of what remains."""
    scale = np.maximum(_NORMAL_MAD * float(np.median(np.abs(off))) * math.sqrt(off.size / freedom), least)
    held = np.where(scale > _STILL, np.clip(off, -_CLIPPED * scale, _CLIPPED * scale), off)
    return held, math.sqrt(float(held @ held) / freedom)
