"""Split conformal prediction: which classes a set must hold to have what happens in 9 of 10 rows, and whether it still does."""

import math

import numpy as np

from detectors import mean_sums, quantiles
from detectors.estimate import Estimate, none_of
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray, effective_size

COVERAGE = 0.9


def threshold(of_labels: FloatArray, weights: FloatArray | None = None, coverage: float = COVERAGE) -> Estimate:
    """Return the least probability of a class that is in the set, so that the sets hold what happens in `coverage` of new rows.

    With the interval of its rank; 0 where there are too few rows to leave any class out.
    Source: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World" (2005); Sadinle, Lei and Wasserman, "Least
    ambiguous set-valued classifiers with bounded error levels" (2019).

    Args:
        of_labels: the probability that was given to what happened, shape (rows,).
        weights: of the rows.

    >>> threshold(np.arange(1, 100) / 100).value
    0.1
    """
    if not of_labels.size:
        return none_of()
    if weights is None:
        weight, ascending = np.ones(of_labels.size), np.sort(of_labels)
    else:
        order = np.argsort(of_labels, kind="stable")
        weight, ascending = weights[order], of_labels[order]
    size = effective_size(float(weight.sum()), float(weight @ weight))
    place = math.floor((size + 1) * (1 - coverage) + 1e-9)  # of so many rows, the first
    if not place:
        return Estimate(0.0, None, None, of_labels.size)
    return quantiles.estimate(weight, ascending, place / size, size, of_labels.size)


def held(of_labels: FloatArray, least: float) -> FloatArray:
    """Return whether each row's set holds what happened, 0 or 1, shape (rows,).

    >>> held(np.array([0.05, 0.1, 0.7]), 0.1).tolist()
    [0.0, 1.0, 1.0]
    """
    return (of_labels >= least).astype(np.float64)


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the share of the rows whose set holds what happened, with its interval; cluster-robust from 30 clusters.

    Source: see threshold.

    >>> estimate(mean_sums.sum_up(held(np.array([0.05, 0.1, 0.7]), 0.1))).value.__round__(3)
    0.667
    """
    return mean_sums.estimate(total, parts, level, (0.0, 1.0))
