"""The fold: from the windows of one series, in order, to the episodes in which it was abnormal. Pure.

An episode is pending from its first abnormal window, fires once enough abnormal windows follow each other, and ends after enough
normal ones; a pending one that meets a normal window is forgotten. Windows that say nothing are not given to the fold at all.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from kernel.clock import DAY_US
from kernel.windows import WindowSize
from store.decision_feed import Decision

_QUARTER_US = 91.25 * DAY_US  # as WindowSize.per_quarter counts


@dataclass(frozen=True, slots=True)
class Policy:
    """How long before an episode fires and ends.

    Attributes:
        windows: abnormal windows in a row before it fires, at least.
        span_us: event time that those cover, at least.
        calm: normal windows in a row before it ends.
    """

    windows: int = 1
    span_us: int = 0
    calm: int = 1

    def lookback(self, size: str) -> int:
        """How many windows before one decide what state a series is in when that one comes."""
        length_us = _QUARTER_US / WindowSize(size).per_quarter()
        return max(self.windows, self.calm, math.ceil(self.span_us / length_us) + 1)


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a series as a rule sees it; evidence is what was decided there."""

    start_us: int
    end_us: int
    abnormal: bool
    evidence: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of trouble, in event time; all `*_us` are starts of windows but `last_end_us`.

    Attributes:
        first_us, last_us: the first and the last abnormal window; last_end_us: where the last one ends.
        seen_us: the last window folded in.
        abnormal: abnormal windows while pending.
        fired_us: the window in which it fired; None while pending.
        calm: normal windows in a row since the last abnormal one.
        ended: whether it was calm for long enough.
        evidence: of the last abnormal window; empty when that lies before the fold began.
    """

    first_us: int
    last_us: int
    last_end_us: int
    seen_us: int
    abnormal: int = 0
    fired_us: int | None = None
    calm: int = 0
    ended: bool = False
    evidence: tuple[Decision, ...] = ()


def fold(windows: Iterable[Window], policy: Policy, standing: Episode | None = None) -> list[Episode]:
    """The episodes of a series.

    Args:
        windows: in ascending order of their starts, each once.
        policy: when an episode fires and ends.
        standing: the episode that was firing before the first of the windows, if any.

    >>> day = [Window(n, n + 1, abnormal) for n, abnormal in enumerate([False, True, True, False])]
    >>> [(e.first_us, e.fired_us, e.ended) for e in fold(day, Policy(windows=2))]
    [(1, 2, True)]
    """
    ended: list[Episode] = []
    current = standing
    for window in windows:
        current = _abnormal(current, window, policy) if window.abnormal else _normal(current, window, policy)
        if current and current.ended:
            ended.append(current)
            current = None
    return [*ended, current] if current else ended


def _abnormal(current: Episode | None, window: Window, policy: Policy) -> Episode:
    start = window.start_us
    before = current or Episode(start, start, window.end_us, start)
    episode = replace(
        before,
        last_us=start,
        last_end_us=window.end_us,
        seen_us=start,
        abnormal=before.abnormal + 1,
        calm=0,
        evidence=window.evidence,
    )
    enough = episode.abnormal >= policy.windows and window.end_us - episode.first_us >= policy.span_us
    return replace(episode, fired_us=start) if enough and episode.fired_us is None else episode


def _normal(current: Episode | None, window: Window, policy: Policy) -> Episode | None:
    if current is None or current.fired_us is None:
        return None
    calm = current.calm + 1
    return replace(current, seen_us=window.start_us, calm=calm, ended=calm >= policy.calm)
