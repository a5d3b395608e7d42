"""What is usual of a series: a prediction interval from its own recent past, which knows the hour, the weekday and the trend.

For what no reference can say, such as how much traffic a Sunday night has. The past of a window are the windows of the 13 weeks
before it, without those that were called. A run that has been called for a week is no longer unusual: there the past begins anew.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors.pair import FloatArray
from detectors.season import WEEK_US, IntArray, groups, length_us
from kernel.clock import DAY_US
from kernel.windows import WindowSize

LEAST_WINDOWS = 30
_LONGEST_US = 13 * WEEK_US
_MOST = 4_032  # windows; as many of five minutes as a fortnight has
_STILL = 1e-9  # a deviation of cube roots under this is none

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Side:
    """Which way is bad, and by how much at least.

    Attributes:
        high: whether more than usual is bad; else less is.
        ratio: to what is expected: at least so many times it, or less than so many times it.
    """

    high: bool
    ratio: float


@dataclass(frozen=True, slots=True)
class Usual:
    """What the past says of a window, in the value's unit.

    Attributes:
        lower, upper: what is beyond them is unusual. On the bad side that is the prediction interval's end, or `ratio` times what
            is expected, whichever is further out.
        p: one-sided probability of a value as bad.
    """

    expected: float
    lower: float
    upper: float
    p: float


def reach_us(size: WindowSize) -> int:
    """How far back the past of a window may begin: 13 weeks, or 4,032 windows where that is less, and 60 windows at least.

    >>> [reach_us(WindowSize(text)) // DAY_US for text in ("5m", "1h", "1d", "1w")]
    [14, 91, 91, 420]
    """
    length = length_us(size)
    return max(min(_LONGEST_US, _MOST * length), 60 * length)


def adapted_after(size: WindowSize) -> int:
    """How many windows in a row are called before what they show is usual: those of a week, at least 7 and at most 168.

    >>> [adapted_after(WindowSize(text)) for text in ("5m", "1h", "1d", "1mo")]
    [168, 168, 7, 7]
    """
    return min(168, max(7, WEEK_US // length_us(size)))


def usual(
    value: float, at_us: int, past_us: IntArray, past: FloatArray, size: WindowSize, side: Side, alpha: float
) -> Usual | None:
    """What is usual of a window that starts at a moment; None with fewer than 30 windows (windows,) before it.

    The cube roots are taken as normal around a mean for each hour of the week, where the past has that hour in 8 weeks, else for
    each hour of the day, where it has that on 8 days, else around one; and around one trend, common to all. So the standardised
    next one is Student's. Sources: prediction from a linear model with groups, Seber and Lee, "Linear Regression Analysis"
    (2003), section 5.3; the cube root makes counts and positive scales nearly normal, Wilson and Hilferty (1931).

    >>> day = np.arange(40) * DAY_US
    >>> quiet = usual(0.0, 40 * DAY_US, day, 1000 + 10.0 * (np.arange(40) % 3), WindowSize("1d"), Side(False, 0.5), 1e-4)
    >>> round(quiet.expected), round(quiet.lower), quiet.p < 1e-9
    (1010, 505, True)
    """
    if past.size < LEAST_WINDOWS:
        return None
    group, own = groups(at_us, past_us, size)
    roots, days = np.cbrt(past), (past_us - at_us) / DAY_US
    counts = np.bincount(group)
    held = np.maximum(counts, 1)
    mean_root, mean_day = np.bincount(group, roots) / held, np.bincount(group, days) / held
    rest, apart = roots - mean_root[group], days - mean_day[group]
    spread = float(apart @ apart)
    slope = float(apart @ rest) / spread if spread > 0 else 0.0
    rest = rest - slope * apart
    freedom = past.size - int(np.count_nonzero(counts)) - 1
    ahead = -float(mean_day[own])
    predicted = max(0.0, float(mean_root[own]) + slope * ahead)
    variance = float(rest @ rest) / freedom * (1 + 1 / counts[own] + (ahead**2 / spread if spread > 0 else 0.0))
    error = max(math.sqrt(variance), _STILL)
    width = float(special.stdtrit(freedom, 1 - alpha)) * error
    expected, lower, upper = predicted**3, max(0.0, predicted - width) ** 3, (predicted + width) ** 3
    away = (float(np.cbrt(value)) - predicted) / error
    p = float(special.stdtr(freedom, -away if side.high else away))
    if side.high:
        return Usual(expected, lower, max(upper, side.ratio * expected), p)
    return Usual(expected, min(lower, side.ratio * expected), upper, p)


@dataclass(frozen=True, eq=False)
class Line:
    """A series' windows in order; all arrays of shape (windows,).

    Attributes:
        starts_us: ascending.
        values: 0 or more; NaN where the window is no part of any past.
        judged: windows that are to be judged.
        alphas: the level of the test; read of these only.
        called: earlier windows that were called.
    """

    starts_us: IntArray
    values: FloatArray
    judged: BoolArray
    alphas: FloatArray
    called: BoolArray


def fold(line: Line, since_us: int, size: WindowSize, side: Side) -> list[tuple[Usual | None, bool]]:
    """Judge windows from a moment on, in window order: what is usual there, and whether the window is beyond it.

    Returns:
        One entry a window of the line; (None, False) for those that are not judged, and for those without a past.

    >>> n = 60
    >>> values = np.full(n, 1000.0) + 10 * (np.arange(n) % 3); values[50] = 0
    >>> line = Line(np.arange(n) * DAY_US, values, np.ones(n, bool), np.full(n, 1e-4), np.zeros(n, bool))
    >>> [i for i, (_, called) in enumerate(fold(line, 0, WindowSize("1d"), Side(False, 0.5))) if called]
    [50]
    """
    found: list[tuple[Usual | None, bool]] = [(None, False)] * len(line.starts_us)
    starts, known = line.starts_us, np.isfinite(line.values)
    left_out = line.called & (starts < since_us)
    most, reach = adapted_after(size), reach_us(size)
    begins_us, run = -(2**62), 0
    for at in range(len(starts)):
        if line.judged[at] and starts[at] >= since_us and known[at]:
            past = known[:at] & ~left_out[:at] & (starts[:at] >= max(begins_us, starts[at] - reach))
            value, alpha = float(line.values[at]), float(line.alphas[at])
            here = usual(value, int(starts[at]), starts[:at][past], line.values[:at][past], size, side, alpha)
            beyond = here is not None and (value > here.upper if side.high else value < here.lower)
            found[at], left_out[at] = (here, beyond), beyond
        if not known[at]:
            continue
        run = run + 1 if left_out[at] else 0
        if run == most:
            first = at - int(np.cumsum(known[: at + 1][::-1]).searchsorted(most))
            begins_us, run = int(starts[first]), 0
            left_out[first : at + 1] = False
    return found
