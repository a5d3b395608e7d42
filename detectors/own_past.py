"""A series against its own past: real windows are not independent draws, so the past says what is ordinary.

The past of a window are the windows before it that were held against the same reference, at most so many from the first on. So what
creeps away from the reference is not taken for ordinary because it is slow. A window that the past has called is a part of the past
after it only where it was over soon: what comes and goes is a thing that the series does, what lasts is not. The same holds of what
the null of independent rows calls before there is a past, where that null had called next to nothing of the series until then.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors import season
from detectors.delta import DELTA
from detectors.pair import FloatArray
from detectors.season import IntArray
from kernel.clock import DAY_US, HOUR_US
from kernel.windows import WindowSize

LEAST_WINDOWS = 30
LEAST_SAME_HOUR = 8
LASTING = 3  # windows; what is over sooner is a thing that the series does
LEAST_QUIET = 8  # windows before the null of independent rows is known to describe a series
ORDINARY_SHARE = 0.9
_STILL = 1e-9  # a deviation of cube roots under this is none
_LONGEST_US = 91 * DAY_US
_FEWEST, _MOST = 60, 2_184  # windows; as many hours as 13 weeks have

BoolArray = npt.NDArray[np.bool_]


def most_windows(size: WindowSize) -> int:
    """How many windows make a past, at most: those of 13 weeks, but 60 at least and 2,184 at most.

    >>> [most_windows(WindowSize(text)) for text in ("5m", "1h", "1d", "1mo")]
    [2184, 2184, 91, 60]
    """
    return min(_MOST, max(_FEWEST, _LONGEST_US // season.length_us(size)))


def hours_of_week(starts_us: IntArray, size: WindowSize) -> IntArray:
    """The hour of the week, from 0 to 167, in which each window starts (windows,).

    0 for windows of a week or longer; and for those under an hour, whose past is too short to have an hour of the week often.

    >>> hours_of_week(np.array([0, 24 * HOUR_US, 168 * HOUR_US]), WindowSize("1d")).tolist()
    [0, 24, 0]
    """
    if not HOUR_US <= season.length_us(size) <= DAY_US:
        return np.zeros(len(starts_us), np.int64)
    return season.hours_of_week(starts_us)


def p_own_past(value: float, hour: int, past: FloatArray, hours: IntArray) -> float | None:
    """Return the one-sided probability of a window's statistic as large as `value`, given its past (windows,); both 0 or more.

    The cube roots are taken as normal around a mean, which is that of the same hour of the week where the past has it 8 times,
    else that of all; the deviation is that around those means, over all hours together. So the standardised next one is Student's.
    None with fewer than 30 windows. After a past that never moved, any rise has probability 0. Sources: the cube root makes
    chi-square and gamma laws nearly normal far into their tail, Wilson and Hilferty, "The distribution of chi-square"
    (1931); prediction interval, Geisser, "Predictive Inference" (1993), section 2.2.

    Args:
        hour, hours: of the week, of the window and of each of its past.

    >>> past, hours = np.linspace(0.5, 1.5, 41) ** 3, np.zeros(41, np.int64)
    >>> round(p_own_past(1.0, 0, past, hours), 9), p_own_past(40.0, 0, past, hours) < 1e-6
    (0.5, True)
    >>> p_own_past(1.0, 0, past[:29], hours[:29])  # too short a past
    """
    if past.size < LEAST_WINDOWS:
        return None
    roots = np.cbrt(past)
    same = int(np.count_nonzero(hours == hour))
    if same < LEAST_SAME_HOUR:
        hours, hour, same = np.zeros(past.size, np.int64), 0, past.size
    counts = np.bincount(hours)
    means = np.bincount(hours, roots) / np.maximum(counts, 1)
    freedom = past.size - int(np.count_nonzero(counts))
    rest = roots - means[hours]
    deviation = math.sqrt(float(rest @ rest) / freedom)
    gap = float(np.cbrt(value) - means[hour])
    if deviation < _STILL:
        return 0.0 if gap > _STILL else 1.0
    return float(special.stdtr(freedom, -gap / (deviation * math.sqrt(1 + 1 / same))))


def ordinary_delta(hour: int, past_psi: FloatArray, hours: IntArray, least: float = DELTA) -> float:
    """Return the delta of the interval null: `least`, or the psi that 9 of 10 past windows (windows,) kept under, if more.

    Those of the same hour of the week where the past has it 8 times. The past counts from 30 windows. Source: Hodges and
    Lehmann (1954) leave delta to what matters; here the past says it.

    >>> hours = np.zeros(30, np.int64)
    >>> ordinary_delta(0, np.full(30, 0.25), hours), ordinary_delta(0, np.full(29, 0.25), hours[:29])
    (0.25, 0.1)
    """
    if past_psi.size < LEAST_WINDOWS:
        return least
    same = hours == hour
    seasonal = np.count_nonzero(same) >= LEAST_SAME_HOUR
    return max(least, float(np.quantile(past_psi[same] if seasonal else past_psi, ORDINARY_SHARE)))


@dataclass(frozen=True, eq=False)
class Series:
    """One test's windows in order; all arrays of shape (windows,).

    Attributes:
        starts_us: ascending.
        values: the statistic, NaN where there is none.
        candidates: windows that the null of independent rows has called and that are to be judged.
        alphas: the level of the test; read of candidates only.
        lowers: the lower confidence bound of psi; NaN of other statistics. Read of candidates only.
        abnormal: earlier windows that were called; by_past: those of them that had a past.
        eligible: windows that may be part of a past.
    """

    starts_us: IntArray
    values: FloatArray
    candidates: BoolArray
    alphas: FloatArray
    lowers: FloatArray
    abnormal: BoolArray
    by_past: BoolArray
    eligible: BoolArray


@dataclass(frozen=True, eq=False)
class Judged:
    """What is decided of each window of a series, where it is a candidate; all arrays of shape (windows,).

    Attributes:
        abnormal: candidates that are not ordinary.
        p_own: by the own past; NaN where nothing was judged by it.
        deltas: what psi's lower bound had to pass; NaN likewise, and of other statistics.
    """

    abnormal: BoolArray
    p_own: FloatArray
    deltas: FloatArray


def fold(series: Series, since_us: int, size: WindowSize, delta: float = DELTA) -> Judged:
    """Judge the candidates from a moment on, in window order.

    A candidate with a past is abnormal where that calls it as well: p_own below its alpha and, of psi, the lower bound above the
    own delta. Without a past the candidate stands. What was called and may last is left out of the past after it.

    >>> n = 40
    >>> values = np.full(n, 0.05); values[35:] = [2.0, 0.05, 2.0, 2.0, 0.05]
    >>> none = np.zeros(n, bool)
    >>> s = Series(np.arange(n) * DAY_US, values, values > 1, np.full(n, 1e-4), values, none, none, ~none)
    >>> np.flatnonzero(fold(s, 0, WindowSize("1d")).abnormal).tolist()
    [35, 37, 38]
    """
    n = len(series.starts_us)
    hours = hours_of_week(series.starts_us, size)
    known = series.eligible & np.isfinite(series.values)
    earlier = series.abnormal & (series.starts_us < since_us)
    judging = series.candidates & (series.starts_us >= since_us)
    abnormal, called = earlier.copy(), earlier & series.by_past
    p_own, deltas = np.full(n, np.nan), np.full(n, np.nan)
    for at in np.flatnonzero((earlier & ~called) | judging):
        past = np.flatnonzero(known[:at] & ~lasting(called[:at], known[:at]))
        values, hour = series.values[past], int(hours[at])
        p = p_own_past(float(series.values[at]), hour, values, hours[past]) if judging[at] else None
        if p is None:
            abnormal[at], called[at] = True, _was_quiet(abnormal[past])
            continue
        p_own[at], beyond = p, True
        if np.isfinite(series.lowers[at]):
            deltas[at] = ordinary_delta(hour, values, hours[past], delta)
            beyond = bool(series.lowers[at] > deltas[at])
        abnormal[at] = called[at] = beyond and p < series.alphas[at]
    return Judged(abnormal & judging, p_own, deltas)


def _was_quiet(abnormal: BoolArray) -> bool:
    """Whether the null of independent rows describes a past (windows,): it has called 1 in 10 at most."""
    return bool(abnormal.size >= LEAST_QUIET and 10 * np.count_nonzero(abnormal) <= abnormal.size)


def beginnings(called: BoolArray) -> BoolArray:
    """The first window of each run of called ones (..., windows).

    >>> beginnings(np.array([True, True, False, True])).tolist()
    [True, False, False, True]
    """
    before = np.roll(called, 1, axis=-1)
    before[..., :1] = False
    first: BoolArray = called & ~before
    return first


def lasting(called: BoolArray, known: BoolArray) -> BoolArray:
    """The called windows (windows,) that may be the beginning of something that lasts: runs that are not over, or were not soon.

    Args:
        known: windows that may be part of a past; no other interrupts a run.

    >>> called = np.array([True, False, True, True, True, False, True])
    >>> lasting(called, np.ones(7, bool)).tolist()
    [False, False, True, True, True, False, True]
    """
    places = np.flatnonzero(known)
    of = called[places]
    starts = np.flatnonzero(beginnings(of))
    ends = np.flatnonzero(of & ~np.append(of[1:], False)) + 1
    found = np.zeros(called.size, np.bool_)
    for start, end in zip(starts, ends, strict=True):
        if end - start >= LASTING or end == len(of):
            found[places[start:end]] = True
    return found
