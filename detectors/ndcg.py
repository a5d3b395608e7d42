"""Normalized discounted cumulative gain of the first k items of a list."""

import numpy as np

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray
from detectors.rankings import Rankings


def values(ranked: Rankings, k: int) -> FloatArray:
    """Return the NDCG of each list, shape (L,), 0 to 1; 0 for a list in which nothing is relevant.

    An item gains its relevance, divided by log2(place + 1), places from 1; items with one score share what their places are
    worth. Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002); the ties as McSherry
    and Najork, "Computing information retrieval performance measures efficiently in the presence of tied scores" (2008), and
    scikit-learn's ndcg_score.

    >>> values(Rankings(np.array([0, 0, 0]), np.array([0.9, 0.5, 0.1]), np.array([0.0, 2.0, 1.0])), k=2).round(3).tolist()
    [0.48]
    """
    worth = np.where(ranked.places < k, 1 / np.log2(ranked.places + 2.0), 0.0)
    ordered = ranked.relevance[ranked.order(ranked.scores)]
    mean = np.bincount(ranked.ties, ordered) / np.bincount(ranked.ties)
    lists = np.sort(ranked.lists)
    gained = np.bincount(lists, mean[ranked.ties] * worth)
    best = np.bincount(lists, ranked.relevance[ranked.order(ranked.relevance)] * worth)
    found: FloatArray = np.divide(gained, best, out=np.zeros_like(best), where=best > 0)
    return np.minimum(found, 1.0)  # rounding


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the mean over lists with its interval.

    Source: see `values`; the interval is that of a mean, Cochran, "Sampling Techniques" (1977).

    >>> estimate(mean_sums.sum_up(np.array([0.5, 1.0]))).value
    0.75
    """
    return mean_sums.estimate(total, parts, level, (0.0, 1.0))
