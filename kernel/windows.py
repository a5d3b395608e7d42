"""Calendar windows in UTC: which window a moment belongs to, where a window ends, which roll-ups cover it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernel.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, to_datetime

Int64Array = NDArray[np.int64]
Span = tuple[int, int]
"""Microseconds, [start, end)."""

_UNITS_US = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US, "w": 7 * DAY_US}
_WEEK_SHIFT_US = 4 * DAY_US  # 1970-01-01 was a Thursday; a week begins on Monday


def parse_duration(text: str) -> int:
    """A duration such as "90s", "5m", "1h", "7d" or "2w" in microseconds.

    Raises:
        ValueError: when the text is none.

    >>> parse_duration("1h") == HOUR_US
    True
    """
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: write a whole number and s, m, h, d or w, such as 5m")
    return int(match[1]) * _UNITS_US[match[2]]


@dataclass(frozen=True, slots=True)
class WindowSize:
    """The length of a calendar window: "5m", "1h", "1d", "1w", "1mo".

    A length under a day must divide a day, so that windows nest in days.

    Raises:
        ValueError: when the text names no calendar window.

    >>> day = WindowSize("1d")
    >>> day.end(day.start(1362132000000000)) - day.start(1362132000000000) == DAY_US
    True
    """

    text: str

    def __post_init__(self) -> None:
        if self.text in ("1w", "1mo", "1d"):
            return
        length = parse_duration(self.text)
        if self.text[-1] not in "mh" or not length or DAY_US % length:
            raise ValueError(f"{self.text!r} is no calendar window: use 5m, 1h, 1d, 1w, 1mo, or a part of a day")

    def starts(self, ts_us: Int64Array) -> Int64Array:
        """The start of the window of each moment, in microseconds, same shape."""
        if self.text == "1mo":
            months = ts_us.astype("datetime64[us]").astype("datetime64[M]")
            return months.astype("datetime64[us]").astype(np.int64)
        shift = -_WEEK_SHIFT_US if self.text == "1w" else 0
        length = parse_duration(self.text)
        return (ts_us + shift) // length * length - shift

    def start(self, ts_us: int) -> int:
        """The start of the window of one moment, in microseconds."""
        return int(self.starts(np.array([ts_us], np.int64))[0])

    def end(self, start_us: int) -> int:
        """Where the window that starts there ends (exclusive), in microseconds."""
        if self.text != "1mo":
            return start_us + parse_duration(self.text)
        month = np.datetime64(start_us, "us").astype("datetime64[M]") + 1
        return int(month.astype("datetime64[us]").astype(np.int64))

    def back(self, start_us: int, windows: int) -> int:
        """The start of the window that lies so many windows before the one that starts there, in microseconds.

        >>> month = WindowSize("1mo")
        >>> month.back(month.start(1362132000000000), 2) == month.start(1357000000000000)  # January, from March
        True
        """
        if self.text != "1mo":
            return start_us - windows * parse_duration(self.text)
        month = np.datetime64(start_us, "us").astype("datetime64[M]") - windows
        return int(month.astype("datetime64[us]").astype(np.int64))

    def between(self, start_us: int, end_us: int) -> list[int]:
        """The starts of all windows that begin in [start, end), ascending."""
        first = self.start(start_us)
        first = first if first >= start_us else self.end(first)
        if self.text != "1mo":
            return list(range(first, end_us, parse_duration(self.text)))
        starts = []
        while first < end_us:
            starts.append(first)
            first = self.end(first)
        return starts

    def per_quarter(self) -> float:
        """How many such windows a quarter (91.25 days) holds."""
        return 3.0 if self.text == "1mo" else 91.25 * DAY_US / parse_duration(self.text)


def span_words(span: Span) -> str:
    """A span of UTC as people write it: days where it is whole ones, the day once where it is within one.

    >>> day = 1362096000000000
    >>> span_words((day, day + DAY_US)), span_words((day, day + 7 * DAY_US))
    ('2013-03-01 UTC', '2013-03-01 to 2013-03-07 UTC')
    >>> span_words((day + 10 * HOUR_US, day + 11 * HOUR_US)), span_words((day + 23 * HOUR_US, day + DAY_US))
    ('2013-03-01 10:00–11:00 UTC', '2013-03-01 23:00–24:00 UTC')
    >>> span_words((day + 22 * HOUR_US, day + 26 * HOUR_US))
    '2013-03-01 22:00 to 2013-03-02 02:00 UTC'
    """
    start, end, last = (to_datetime(us) for us in (span[0], span[1], span[1] - 1))
    if span[0] % DAY_US == span[1] % DAY_US == 0:
        return f"{start:%Y-%m-%d} UTC" if start.date() == last.date() else f"{start:%Y-%m-%d} to {last:%Y-%m-%d} UTC"
    if start.date() == last.date():
        until = f"{end:%H:%M}" if end.date() == start.date() else "24:00"
        return f"{start:%Y-%m-%d %H:%M}–{until} UTC"  # noqa: RUF001 - a dash
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def join_spans(spans: Iterable[Span]) -> list[Span]:
    """The same moments in the fewest spans, in order.

    >>> join_spans([(5, 7), (0, 2), (2, 3), (6, 9)])
    [(0, 3), (5, 9)]
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
