"""Which metrics are held against what is usual of their own series, and what comes of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.baseline import Line, Side, Usual, fold
from kernel.windows import Span, WindowSize

NO_PAST = "under 30 windows"
HOLIDAY = "a holiday"


def sides(least_traffic: float, latency_rise: float) -> Mapping[str, Side]:
    """Which way each such metric is bad: by its name.

    >>> {name: side.high for name, side in sides(0.5, 1.5).items()}
    {'traffic': False, 'latency_p99': True}
    """
    return {"traffic": Side(high=False, ratio=least_traffic), "latency_p99": Side(high=True, ratio=latency_rise)}


@dataclass(frozen=True, slots=True)
class Seen:
    """A window of such a series, as it was measured and as it stands.

    Attributes:
        alpha: the level it was measured for; None where it has none and is never judged.
        called: whether it was called; judged: whether it could be.
    """

    start_us: int
    end_us: int
    value: float | None
    alpha: float | None
    called: bool
    judged: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a window comes to.

    Attributes:
        usual: None without a past, and of a holiday.
    """

    usual: Usual | None
    called: bool
    basis: str


def judge(
    series: Sequence[Seen],
    due: Collection[int],
    opening: Collection[int],
    holidays: Sequence[Span],
    size: WindowSize,
    side: Side,
) -> dict[int, Found]:
    """What each window comes to from the first one that is due on, by its start; only those that may be judged are among them.

    Args:
        series: in window order.
        due: starts of the windows that are decided now; opening: of those at a look. The others stand by the look that they had.

    >>> day = WindowSize("1d")
    >>> starts = day.between(0, 41 * 86_400_000_000)
    >>> quiet = [Seen(us, day.end(us), 1000.0, 1e-4, called=False, judged=True) for us in starts[:-1]]
    >>> last = Seen(starts[-1], day.end(starts[-1]), 0.0, 1e-4, called=False, judged=False)
    >>> judge([*quiet, last], {last.start_us}, {last.start_us}, [], day, Side(False, 0.5))[last.start_us].called
    True
    """
    judged = [w.start_us in opening if w.start_us in due else w.judged for w in series]
    free = [any(start < w.end_us and w.start_us < end for start, end in holidays) for w in series]
    line = Line(
        starts_us=np.array([w.start_us for w in series], np.int64),
        values=np.array([np.nan if w.value is None or off else w.value for w, off in zip(series, free, strict=True)]),
        judged=np.array([ask and w.alpha is not None for ask, w in zip(judged, series, strict=True)], np.bool_),
        alphas=np.array([w.alpha or 0.0 for w in series]),
        called=np.array([w.called for w in series], np.bool_),
    )
    since_us = min(due)
    found = {}
    for window, ask, off, (usual, called) in zip(
        series, line.judged, free, fold(line, since_us, size, side), strict=True
    ):
        if ask and window.start_us >= since_us:
            basis = HOLIDAY if off else NO_PAST if usual is None else "own past"
            found[window.start_us] = Found(usual, called, basis)
    return found
