"""Wasserstein distance of order one, from cells."""

import math

import numpy as np

from detectors.binning import heavy_cells
from detectors.null_draws import mean_under_null
from detectors.pair import BinnedPair, FloatArray


def value(
    window_counts: FloatArray,
    window_means: FloatArray,
    reference_counts: FloatArray,
    reference_means: FloatArray,
    scale: float = 1.0,
) -> float | None:
    """Return the area between the cumulative curves with each cell's mass at its mean, divided by the scale.

    All arrays have shape (C,); the mean of an empty cell is not read. As the cell means are exact, it is never below
    the difference of the means. None where a side is empty, the scale is 0, or a mean or the distance is beyond float64.
    Source: Vallender, "Calculation of the Wasserstein distance between probability distributions on the line" (1974).

    >>> value(np.array([2.0, 2.0]), np.array([1.0, 5.0]), np.array([1.0, 0.0]), np.array([1.0, np.nan]))
    2.0
    """
    if not (window_counts.sum() > 0 and reference_counts.sum() > 0 and scale > 0):
        return None
    p, q = window_counts > 0, reference_counts > 0
    with np.errstate(over="ignore"):
        places = np.concatenate([window_means[p], reference_means[q]]) / scale
    mass = np.concatenate(
        [window_counts[p] / window_counts.sum(), -reference_counts[q] / reference_counts.sum()],
    )
    order = np.argsort(places, kind="stable")
    gaps = np.abs(np.cumsum(mass[order])[:-1])
    with np.errstate(over="ignore", invalid="ignore"):
        area = float(np.sum(gaps * np.diff(places[order])))
    return area if math.isfinite(area) else None


def expected(
    size: float, reference_counts: FloatArray, reference_means: FloatArray, reference_size: float, scale: float = 1.0
) -> float | None:
    """Return what noise alone gives at these effective sizes, the mean over multinomial draws of both sides on the cells (C,).

    >>> 0.02 < expected(1000, np.ones(100), np.arange(100.0), 10_000, scale=28.9) < 0.04
    True
    """
    held = reference_counts > 0
    if not (held.any() and min(size, reference_size, scale) > 0):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        counts, gaps = reference_counts[held], np.diff(reference_means[held] / scale)
    if not np.isfinite(gaps).all():
        return None
    pair = BinnedPair(counts, counts, size, reference_size)
    return mean_under_null(pair, lambda p, q: np.abs(np.cumsum(p - q, axis=-1))[..., :-1] @ gaps)


def reference_scale(counts: FloatArray, means: FloatArray, bins: int = 10) -> float:
    """Return the reference's standard deviation without its heavy values, mass at cell means (C,).

    Where nothing is left of it, or it is constant, the deviation of all values; 0 where that is constant too, and where a
    mean is beyond float64.

    >>> reference_scale(np.array([90.0, 5.0, 5.0]), np.array([0.0, 10.0, 14.0]))
    2.0
    """
    light = np.where(heavy_cells(counts, bins), 0.0, counts)
    return _deviation(light, means) or _deviation(counts, means)


def _deviation(counts: FloatArray, means: FloatArray) -> float:
    held = counts > 0
    if not held.any():
        return 0.0
    mass, places = counts[held] / counts[held].sum(), means[held]
    largest = float(np.abs(places).max())
    if not 0 < largest < math.inf:
        return 0.0
    places = places / largest  # so that no square overflows
    return float(np.sqrt(mass @ (places - mass @ places) ** 2)) * largest
