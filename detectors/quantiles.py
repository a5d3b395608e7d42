"""Quantiles from cells: latency's P50, P90 and P99."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray


def quantile(counts: FloatArray, means: FloatArray, q: float) -> float | None:
    """Return the mean of the cell in which the q-quantile lies (the inverse of the cumulative share); None without rows.

    Counts and means have shape (C,), cells in the order of their values; the mean of an empty cell is not read. The
    exact quantile lies in the same cell, so on a grid of cells no wider than 1% the error is below 1%. Raises ValueError
    unless 0 <= q <= 1. Source: Hyndman and Fan, "Sample quantiles in statistical packages" (1996), definition 1.

    >>> quantile(np.array([50.0, 49.0, 1.0]), np.array([10.0, 20.0, 500.0]), 0.99)
    20.0
    """
    if not 0 <= q <= 1:
        raise ValueError(f"a quantile lies between 0 and 1, got {q}")
    held = np.flatnonzero(counts > 0)
    if not held.size:
        return None
    return float(means[held[_cell(np.cumsum(counts[held]), q)]])


def _cell(cumulative: FloatArray, q: float) -> npt.NDArray[np.intp] | int:
    # The slack keeps q * n = 99.00000000000001 in the cell of the 99th row.
    place = int(np.searchsorted(cumulative, q * cumulative[-1] * (1 - 1e-12), side="left"))
    return min(place, cumulative.size - 1)


def estimate(counts: FloatArray, means: FloatArray, q: float, size: float, rows: int, level: float = 0.95) -> Estimate:
    """Return the quantile with the interval of the ranks, at `size` effective rows.

    Source: Conover, "Practical Nonparametric Statistics" (1999), section 3.2, normal approximation.

    >>> estimate(np.ones(100), np.arange(100.0), 0.5, 100, 100)
    Estimate(value=49.0, lower=40.0, upper=60.0, rows=100, basis='iid')
    """
    value = quantile(counts, means, q)
    if value is None or not size > 0:
        return none_of(rows)
    half = float(special.ndtri(0.5 + level / 2)) * math.sqrt(q * (1 - q) / size)
    lower, upper = quantile(counts, means, max(0.0, q - half)), quantile(counts, means, min(1.0, q + half + 1 / size))
    return Estimate(value, lower, upper, rows)
