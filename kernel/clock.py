"""The clock, injected everywhere. One unit of time in the whole project: integer microseconds since the epoch, UTC."""

import time
from datetime import UTC, datetime
from typing import Protocol

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


class Clock(Protocol):
    """What tells the time and waits."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since no moment in particular; unlike the time of day it never jumps, so durations are measured by it."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for that long."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1_000

    def monotonic_s(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for that long."""
        time.sleep(seconds)


class ManualClock:
    """A clock that moves only when it is told to; sleeping moves it.

    >>> clock = ManualClock(0)
    >>> clock.sleep(1.5)
    >>> clock.now_us()
    1500000
    """

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us
        self._passed_us = 0

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        return self._now_us

    def monotonic_s(self) -> float:
        """Seconds that have passed."""
        return self._passed_us / SECOND_US

    def sleep(self, seconds: float) -> None:
        """Move the time forward."""
        self.advance(round(seconds * SECOND_US))

    def advance(self, by_us: int) -> None:
        """Let so many microseconds pass."""
        self._now_us += by_us
        self._passed_us += by_us

    def jump(self, by_us: int) -> None:
        """Set the time of day forward or back, as an operator does; no time passes."""
        self._now_us += by_us


def to_datetime(ts_us: int) -> datetime:
    """An aware datetime in UTC.

    >>> to_datetime(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(ts_us // SECOND_US, UTC).replace(microsecond=ts_us % SECOND_US)


def from_datetime(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime.

    >>> from_datetime(datetime(2013, 3, 1, 10, tzinfo=UTC))
    1362132000000000
    """
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone: use datetime(..., tzinfo=UTC)")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND_US + delta.microseconds


def to_rfc3339(ts_us: int) -> str:
    """RFC 3339 text in UTC, with microseconds only where there are some.

    >>> to_rfc3339(1362132000000000)
    '2013-03-01T10:00:00Z'
    """
    return to_datetime(ts_us).isoformat().replace("+00:00", "Z")
