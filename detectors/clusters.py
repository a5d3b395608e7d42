"""Intervals that hold when rows depend on one another within a cluster: a declared key, else the day."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors.estimate import Basis, Estimate, bounded
from detectors.pair import FloatArray

LEAST_CLUSTERS = 30


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
    basis: Basis = "cluster" if influences is not None and influences.size >= LEAST_CLUSTERS else "iid"
    if influences is None or basis == "iid":
        return bounded(value, iid_error, float(special.ndtri(upper_tail)), rows, basis, limits)
    width = float(special.stdtrit(influences.size - 1, upper_tail))
    return bounded(value, cluster_error(influences), width, rows, basis, limits)


def sum_by_cluster(values: FloatArray, clusters: npt.NDArray[np.generic]) -> FloatArray:
    """Sum the rows' values (rows,) by their cluster key (rows,), of any type that sorts; shape (G,).

    >>> sum_by_cluster(np.array([1.0, 2.0, 4.0]), np.array(["mon", "tue", "mon"])).tolist()
    [5.0, 2.0]
    """
    keys, index = np.unique(clusters, return_inverse=True)
    return np.bincount(index, values, keys.size).astype(np.float64)
