"""Traffic and latency with a rhythm, in which nothing is wrong: how often they are called, and how surely a failure is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.calibration.tests import QUARTER_DAYS
from detectors import dial
from detectors.baseline import Side
from detectors.pair import FloatArray
from detectors.settings import DetectorSettings
from detectors.unusual import Found, Seen, judge, sides
from kernel.clock import DAY_US, HOUR_US
from kernel.windows import WindowSize

COLUMNS = 50
LEVEL = 1e-3
PAST_WEEKS, JUDGED_WEEKS = 13, 13
FAILURES, _LASTS = 20, 3
_MONDAY_US = 4 * DAY_US
_ROWS, _LATENCY_MS, _OFTEN = 2_000.0, 40.0, 0.01


@dataclass(frozen=True, slots=True)
class Rhythm:
    """One kind of series: its quarters that follow on a quarter of past.

    Attributes:
        called: windows a quarter, at the test's part of a dial of 1; part: what that part allows.
        level: how often p is below 1 in 1,000, over 1 in 1,000.
        seen: share of failures of three windows that are called in the first: all traffic but a fifth gone, or a latency three
            times as long; soon: in one of the three.
    """

    kind: str
    size: str
    models: int
    called: float
    part: float
    level: float
    seen: float
    soon: float


Draw = Callable[[np.random.Generator, np.ndarray], FloatArray]


def _calm(rng: np.random.Generator, hours: np.ndarray) -> FloatArray:
    return rng.poisson(_ROWS * _week(hours) * rng.lognormal(0, 0.1, hours.size)).astype(np.float64)


def _wandering(rng: np.random.Generator, hours: np.ndarray) -> FloatArray:
    return rng.poisson(_ROWS * _week(hours) * np.exp(_ar1(rng, hours, 0.2))).astype(np.float64)


def _latency(rng: np.random.Generator, hours: np.ndarray) -> FloatArray:
    return np.asarray(_LATENCY_MS * (0.7 + 0.3 * _week(hours)) * rng.lognormal(0, 0.1, hours.size))


def _spiky(rng: np.random.Generator, hours: np.ndarray) -> FloatArray:
    """One window in a hundred has 3 to 8 times the latency."""
    spikes = np.where(rng.random(hours.size) < _OFTEN, rng.uniform(3, 8, hours.size), 1.0)
    return np.asarray(_latency(rng, hours) * spikes)


KINDS: dict[str, tuple[str, Draw, float]] = {
    "traffic, calm": ("traffic", _calm, 0.2),
    "traffic that wanders": ("traffic", _wandering, 0.2),
    "latency, calm": ("latency_p99", _latency, 3.0),
    "latency with spikes": ("latency_p99", _spiky, 3.0),
}
"""By name: the metric, how a series is drawn, and by what a failure multiplies it."""


def measure(kind: str, text: str, models: int, tell: Callable[[], None], seed: int = 0) -> Rhythm:
    """Some models of one kind, in windows of 1h or 1d."""
    size, settings = WindowSize(text), DetectorSettings()
    hours = 24 if text == "1d" else 1
    metric, draw, failure = KINDS[kind]
    side = sides(settings.least_traffic, settings.latency_rise)[metric]
    alpha = dial.alpha(1.0, dial.windows_per_quarter(hours / 24), dial.planned_tests(COLUMNS))
    at = np.arange(0, (PAST_WEEKS + JUDGED_WEEKS) * 168, hours)
    first = int(np.searchsorted(at, PAST_WEEKS * 168))
    called = low = failed = seen = soon = judged = 0
    for number in range(models):
        rng = np.random.default_rng((seed, number, len(kind), hours))
        values = draw(rng, at)
        found = _judged(at, values, np.arange(first, at.size), size, side, alpha)
        called += sum(one.called for one in found)
        low += sum(one.usual is not None and one.usual.p < LEVEL for one in found)
        judged += len(found)
        for place in rng.choice(np.arange(first, at.size - _LASTS), FAILURES, replace=False):
            broken, failing = values.copy(), np.arange(place, place + _LASTS)
            broken[failing] *= failure
            calls = [one.called for one in _judged(at, broken, failing, size, side, alpha)]
            failed, seen, soon = failed + 1, seen + calls[0], soon + any(calls)
        tell()
    quarters = models * JUDGED_WEEKS * 7 / QUARTER_DAYS
    part = alpha * len(at[first:]) * models / quarters
    return Rhythm(kind, text, models, called / quarters, part, low / judged / LEVEL, seen / failed, soon / failed)


def _judged(
    at: np.ndarray, values: FloatArray, places: np.ndarray, size: WindowSize, side: Side, alpha: float
) -> list[Found]:
    starts = (_MONDAY_US + at * HOUR_US).tolist()
    series = [Seen(us, size.end(us), value, alpha) for us, value in zip(starts, values.tolist(), strict=True)]
    return list(judge(series, {starts[i] for i in places.tolist()}, [], size, side).values())


def _week(hours: np.ndarray) -> FloatArray:
    """A service that sleeps at night and rests on Sundays."""
    return np.asarray(np.where(hours % 24 < 6, 0.1, 1.0) * np.where(hours // 24 % 7 == 6, 0.3, 1.0))


def _ar1(rng: np.random.Generator, hours: np.ndarray, deviation: float) -> FloatArray:
    """A level that forgets half of itself in 14 hours."""
    kept = 0.95 ** float(hours[1] - hours[0])
    level = np.empty(hours.size)
    last = rng.normal(0, deviation)
    for i, move in enumerate(rng.normal(0, deviation * np.sqrt(1 - kept**2), hours.size)):
        last = kept * last + move
        level[i] = last
    return level
