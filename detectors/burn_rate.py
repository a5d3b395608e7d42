"""Burn rates: how fast a service spends the errors that its objective allows, over a long and a short span at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray
from kernel.clock import DAY_US, HOUR_US, MINUTE_US
from kernel.measurement import SERVICE_SPAN_US

_OF_THE_HIGHEST = 0.9
LEAST_BAD = 5  # bad rows in the long span before anything is called

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pair:
    """A long span and a short one; both must burn `limit` times as fast as the objective allows.

    Source: Google, "The Site Reliability Workbook" (2018), chapter 5, with a budget over 30 days: 14.4 spends 2% of it in an
    hour, 6 spends 5% in six hours, 1 spends 10% in three days.
    """

    metric: str
    long_us: int
    short_us: int
    limit: float


PAIRS = (
    Pair("burn_1h", HOUR_US, 5 * MINUTE_US, 14.4),
    Pair("burn_6h", 6 * HOUR_US, 30 * MINUTE_US, 6.0),
    Pair("burn_3d", 3 * DAY_US, 6 * HOUR_US, 1.0),
)


@dataclass(frozen=True, eq=False)
class Burn:
    """A pair's burn rate at the end of each bucket; arrays of shape (buckets,).

    Attributes:
        rate: the smaller of the two spans' rates: so many times what the objective allows. 0 where nothing came in the short
            span, NaN where nothing did in the long one.
        called: where both are at the limit or above it.
        limit: the pair's, or nine in ten of the highest rate that there can be where that is less.
        bad, rows: in the long span.
    """

    rate: FloatArray
    called: BoolArray
    limit: float
    bad: IntArray
    rows: IntArray


def burn(bad: IntArray, rows: IntArray, objective: float, pair: Pair) -> Burn:
    """Return the burn rates of consecutive buckets of five minutes: (bad / rows) / (1 - objective) over each span.

    Args:
        bad, rows: of each bucket, shape (buckets,); spans reach back no further than the first.
        objective: the share of rows that is to be good, between 0 and 1.

    >>> bad, rows = np.array([0] * 11 + [15]), np.full(12, 100)
    >>> found = burn(bad, rows, 0.99, PAIRS[0])
    >>> round(float(found.rate[-1]), 9), bool(found.called[-1])  # 15 of 1,200 in an hour, and 15 of 100 in five minutes
    (1.25, False)
    """
    if not 0 < objective < 1:
        raise ValueError(f"an objective lies between 0 and 1, got {objective}")
    (long_bad, long_rows), (short_bad, short_rows) = (
        (_trailing(bad, span // SERVICE_SPAN_US), _trailing(rows, span // SERVICE_SPAN_US))
        for span in (pair.long_us, pair.short_us)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.minimum(long_bad / long_rows, short_bad / short_rows) / (1 - objective)
    rate = np.where(short_rows > 0, rate, 0.0)
    rate = np.where(long_rows > 0, rate, np.nan)
    limit = min(pair.limit, _OF_THE_HIGHEST / (1 - objective))
    called = (rate >= limit * (1 - 1e-12)) & (long_bad >= LEAST_BAD)
    return Burn(rate, called, limit, long_bad, long_rows)


def budget_left(bad: int, rows: int, objective: float) -> float | None:
    """Return which share of the errors that the objective allows is left; below 0 where more were made; None without rows.

    >>> round(budget_left(bad=4, rows=10_000, objective=0.999), 6)
    0.6
    """
    return 1 - bad / (rows * (1 - objective)) if rows else None


def _trailing(values: IntArray, buckets: int) -> IntArray:
    """The sums over so many buckets up to each one."""
    sums = np.append(0, np.cumsum(values))
    ends = np.arange(1, values.size + 1)
    found: IntArray = sums[ends] - sums[np.maximum(0, ends - buckets)]
    return found
