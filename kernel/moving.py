"""References that move with the windows: the time before each, or the same time so long before."""

import math
from dataclasses import dataclass

from kernel.clock import DAY_US
from kernel.windows import Span, WindowSize, parse_duration

MOST_LOOKBACK = 100
"""Windows that a small one looks back over, at most."""
_LONGEST = 31 * DAY_US
_FURTHEST = 3_660 * DAY_US
ROLLING, LAG = "rolling", "lag"


@dataclass(frozen=True, slots=True)
class Moving:
    """How a reference moves.

    Attributes:
        kind: `rolling`, the length before a window; or `lag`, the window's own span so long before.
        length: a duration such as 28d.
    """

    kind: str
    length: str

    def __post_init__(self) -> None:
        if self.kind not in (ROLLING, LAG):
            raise ValueError(f"a reference moves by {ROLLING} or {LAG}, not by {self.kind!r}")
        if not 0 < parse_duration(self.length) <= _FURTHEST:
            raise ValueError(f"{self.length!r} is not between a second and ten years: write a duration such as 28d")

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        return f"{self.kind} {self.length}"

    def before(self, span: Span) -> Span:
        """Where the reference of some rows lies, [start, end): always before them, and in whole lags.

        >>> Moving("rolling", "1d").before((DAY_US * 5, DAY_US * 6)) == (DAY_US * 4, DAY_US * 5)
        True
        >>> Moving("lag", "7d").before((DAY_US * 31, DAY_US * 59)) == (DAY_US * 3, DAY_US * 31)  # four weeks, for a month
        True
        """
        start, end = span
        length = parse_duration(self.length)
        if self.kind == ROLLING:
            return start - length, start
        lag = length * math.ceil((end - start) / length)
        return start - lag, end - lag

    def reach_us(self, size: WindowSize) -> int:
        """How long after a window begins those begin at the latest whose reference it may be part of."""
        window = _LONGEST if size.text == "1mo" else parse_duration(size.text)
        return (
            parse_duration(self.length) + (2 * MOST_LOOKBACK + 1) * window
        )  # a lag is as long as what looks back, in whole ones

    def problem(self, size: WindowSize) -> str:
        """Why windows of this length cannot be held against it; "" where they can.

        >>> Moving("lag", "7d").problem(WindowSize("1d")), Moving("lag", "1h").problem(WindowSize("1d"))
        ('', 'must be a whole number of windows of 1d')
        """
        if size.text == "1mo":
            return "" if self.kind == ROLLING and parse_duration(self.length) >= _LONGEST else "is too short for months"
        whole = parse_duration(self.length) % parse_duration(size.text) == 0
        return "" if whole else f"must be a whole number of windows of {size.text}"


def parse(text: str) -> Moving | None:
    """The stored text; None of "", which does not move.

    >>> parse("rolling 28d"), parse("")
    (Moving(kind='rolling', length='28d'), None)
    """
    return Moving(*text.split(" ", 1)) if text else None
