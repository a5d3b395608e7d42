"""Which metrics are held against what is usual of their own series, and what comes of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.baseline import Side, Usual, called, reach_us, usual
from kernel.windows import Span, WindowSize

NO_PAST = "too short a past"
HOLIDAY = "a holiday"
AWAY = "retired then"


def sides(least_traffic: float, latency_rise: float) -> Mapping[str, Side]:
    """Which way each such metric is bad: by its name.

    >>> {name: side.high for name, side in sides(0.5, 1.5).items()}
    {'traffic': False, 'latency_p99': True}
    """
    return {
        "traffic": Side(high=False, ratio=least_traffic, counts=True),
        "latency_p99": Side(high=True, ratio=latency_rise, recurs=True),
    }


@dataclass(frozen=True, slots=True)
class Seen:
    """A window of such a series, as it was measured.

    Attributes:
        alpha: the level it was measured for; None where it has none and is never judged.
    """

    start_us: int
    end_us: int
    value: float | None
    alpha: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a window comes to.

    Attributes:
        usual: None without a past, of a holiday, and of a time when the model was retired.
    """

    usual: Usual | None
    called: bool
    basis: str


def judge(
    series: Sequence[Seen],
    judged: Collection[int],
    holidays: Sequence[Span],
    size: WindowSize,
    side: Side,
    away: Sequence[Span] = (),
) -> dict[int, Found]:
    """What some windows of a series come to, by start; those that were measured without a level are not among them.

    Args:
        series: in window order, as far back as their past reaches.
        judged: starts of these windows.
        holidays, away: what touches one, or a time when the model was retired, is not judged, and in no window's past.

    >>> day = WindowSize("1d")
    >>> starts = day.between(0, 41 * 86_400_000_000)
    >>> quiet = [Seen(us, day.end(us), 1000.0, 1e-4) for us in starts[:-1]]
    >>> last = Seen(starts[-1], day.end(starts[-1]), 0.0, 1e-4)
    >>> judge([*quiet, last], {last.start_us}, [], day, Side(False, 0.5))[last.start_us].called
    True
    """
    starts = np.array([w.start_us for w in series], np.int64)
    free = [HOLIDAY if _touches(w, holidays) else AWAY if _touches(w, away) else "" for w in series]
    values = np.array([np.nan if w.value is None or off else w.value for w, off in zip(series, free, strict=True)])
    known = np.isfinite(values)
    found = {}
    for at, (window, off) in enumerate(zip(series, free, strict=True)):
        if window.start_us not in judged or window.alpha is None or window.value is None:
            continue
        first = int(np.searchsorted(starts, window.start_us - reach_us(size)))
        past = np.flatnonzero(known[first:at]) + first
        here = (
            None if off else usual(window.value, window.start_us, starts[past], values[past], size, side, window.alpha)
        )
        basis = off or (NO_PAST if here is None else "own past")
        found[window.start_us] = Found(here, here is not None and called(window.value, here, side), basis)
    return found


def _touches(window: Seen, spans: Sequence[Span]) -> bool:
    return any(start < window.end_us and window.start_us < end for start, end in spans)
