"""Intervals that hold when rows depend on one another within a cluster: a declared key, else the day."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors.estimate import Estimate, bounded
from detectors.pair import FloatArray

LEAST_CLUSTERS = 30
_CLOSE = 4  # times as many possible numbers as rows
_ROUNDING = 1e-9  # relative: a smaller error is one of sums


def cluster_error(influences: FloatArray) -> float:
    """Return the standard error of a measure from each cluster's summed influence on it, shape (G,).

    Influences are the linear terms of the measure; they sum to 0 over the clusters. sqrt(G / (G - 1) sum e^2).
    Source: Cameron and Miller, "A practitioner's guide to cluster-robust inference" (2015), section II.

    >>> cluster_error(np.array([0.1, -0.1]))
    0.2
    """
    count = influences.size
    return math.sqrt(count / (count - 1) * float(influences @ influences))


def interval(
    value: float,
    rows: int,
    iid_error: float,
    influences: FloatArray | None,
    level: float = 0.95,
    limits: tuple[float, float] | None = None,
) -> Estimate:
    """Return the estimate with the cluster-robust interval from 30 clusters (Student, G - 1), else with the i.i.d. one.

    `influences` has shape (G,), or is None where no clusters are known.

    >>> interval(0.5, 100, 0.05, None, limits=(0, 1)).basis, interval(0.5, 100, 0.05, np.zeros(30)).basis
    ('iid', 'cluster')
    """
    upper_tail = 0.5 + level / 2
    if influences is None or influences.size < LEAST_CLUSTERS:
        return bounded(value, iid_error, float(special.ndtri(upper_tail)), rows, "iid", limits)
    width, error = float(special.stdtrit(influences.size - 1, upper_tail)), cluster_error(influences)
    return bounded(value, error, width, rows, "cluster", limits, design_effect(error, iid_error, value))


def design_effect(error: float, iid_error: float, value: float) -> float | None:
    """Return how many times the variance of independent rows there is; None where that is no more than rounding.

    Source: Kish, "Survey Sampling" (1965), section 8.2.

    >>> round(design_effect(error=0.03, iid_error=0.01, value=0.8), 3), design_effect(0.0, 0.0, 1.0)
    (9.0, None)
    """
    if not iid_error > _ROUNDING * abs(value) or not math.isfinite(error / iid_error):
        return None
    return (error / iid_error) ** 2


def of_rows(
    value: float,
    influences: FloatArray,
    keys: npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
    limits: tuple[float, float] | None = None,
) -> Estimate:
    """Return the estimate with its interval from each row's influence on it, shape (rows,), and the rows' cluster keys.

    Influences are the linear terms of the measure, times the row's weight; they sum to 0. One row has no interval.
    Source: the infinitesimal jackknife, Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 22.

    >>> found = of_rows(0.5, np.array([0.25, -0.25] * 50) / 50)
    >>> round(found.upper - found.lower, 3), found.basis
    (0.197, 'iid')
    """
    rows = influences.size
    if rows < 2:
        return Estimate(value, None, None, rows)
    iid_error = math.sqrt(rows / (rows - 1) * float(influences @ influences))
    parts = None if keys is None else sum_by_cluster(influences, keys)
    return interval(value, rows, iid_error, parts, level, limits)


def sum_by_cluster(values: FloatArray, clusters: npt.NDArray[np.generic]) -> FloatArray:
    """Sum the rows' values (rows,) by their cluster key (rows,), of any type that sorts; shape (G,).

    >>> sum_by_cluster(np.array([1.0, 2.0, 4.0]), np.array(["mon", "tue", "mon"])).tolist()
    [5.0, 2.0]
    """
    numbers, count = number(clusters)
    return np.bincount(numbers, values, count).astype(np.float64)


def number(clusters: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.intp], int]:
    """Number the clusters of rows (rows,) from 0 to G - 1 in the order of their keys; returns each row's number, and G.

    Whole numbers that lie close, such as days, are not sorted for it.

    >>> numbers, count = number(np.array(["mon", "tue", "mon"]))
    >>> numbers.tolist(), count, number(np.array([18, 20, 18]))[0].tolist()
    ([0, 1, 0], 2, [0, 1, 0])
    """
    if clusters.size and np.issubdtype(clusters.dtype, np.integer):
        low = int(clusters.min())
        if int(clusters.max()) - low <= _CLOSE * clusters.size:
            places = clusters.astype(np.int64) - low
            seen = np.bincount(places) > 0
            return (np.cumsum(seen) - 1)[places], int(np.count_nonzero(seen))
    keys, numbers = np.unique(clusters, return_inverse=True)
    return numbers, keys.size
