"""Newcombe's interval for the difference of two shares."""

import math

from detectors import wilson


def interval(share: float, size: float, other: float, other_size: float, level: float = 0.95) -> tuple[float, float]:
    """Return the hybrid score interval of share - other, seen in so many (effective) rows each; (-1, 1) without rows.

    Source: Newcombe, "Interval estimation for the difference between independent proportions" (1998), method 10.

    >>> [round(end, 4) for end in interval(56 / 70, 70, 48 / 80, 80)]
    [0.0524, 0.3339]
    """
    low, high = wilson.interval(share, size, level)
    other_low, other_high = wilson.interval(other, other_size, level)
    gap = share - other
    return gap - math.hypot(share - low, other_high - other), gap + math.hypot(high - share, other - other_low)
