"""Mean reciprocal rank: how far up the first relevant item of a list stands."""

import numpy as np

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray
from detectors.rankings import Rankings


def values(ranked: Rankings) -> FloatArray:
    """Return 1 / place of the first relevant item of each list, shape (L,), places from 1; 0 where nothing is relevant.

    Among items with one score it is the place that the first relevant one has in the mean, over all their orders: of t items
    with r relevant ones, the (t + 1) / (r + 1)th. Source: Voorhees, "The TREC-8 question answering track report" (1999).

    >>> lists, relevance = np.array([0, 0, 0, 1, 1]), np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    >>> values(Rankings(lists, np.array([0.9, 0.5, 0.1, 0.9, 0.1]), relevance)).tolist()
    [0.5, 0.0]
    """
    tied, first = np.bincount(ranked.ties), np.unique(ranked.ties, return_index=True)[1]
    relevant = np.bincount(ranked.ties, ranked.relevance[ranked.order(ranked.scores)] > 0)
    place = ranked.places[first] + (tied + 1) / (relevant + 1)
    found = np.zeros(ranked.size)
    np.maximum.at(found, np.sort(ranked.lists)[first], np.where(relevant > 0, 1 / place, 0.0))
    return found


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the mean over lists with its interval.

    Source: see `values`; the interval is that of a mean, Cochran, "Sampling Techniques" (1977).

    >>> estimate(mean_sums.sum_up(np.array([0.5, 1.0]))).value
    0.75
    """
    return mean_sums.estimate(total, parts, level, (0.0, 1.0))
