"""A window with too few rows takes in the fewest windows before it that reach enough together."""

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.profile import WindowProfile


@dataclass(frozen=True, slots=True)
class Look:
    """What there is of one series in a window.

    Attributes:
        profile: the window alone.
        whole: with the windows that it looks back over; they begin at `span_start_us`.
    """

    profile: WindowProfile
    whole: WindowProfile
    span_start_us: int


def fewest(earlier: Mapping[int, int], rows: int, enough: int) -> tuple[int, ...]:
    """The starts of the fewest windows that reach `enough` rows with one of so many rows, the latest first.

    Args:
        earlier: rows by start, of the windows that it may look back over.

    Returns:
        None of them where all together do not reach it.

    >>> fewest({10: 300, 20: 50, 30: 100}, rows=90, enough=200)
    (30, 20)
    >>> fewest({10: 30}, rows=90, enough=200)
    ()
    """
    taken = []
    for start in sorted(earlier, reverse=True):
        taken.append(start)
        rows += earlier[start]
        if rows >= enough:
            return tuple(taken)
    return ()
