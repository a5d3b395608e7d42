"""Accuracy."""

import numpy as np

from detectors.confusion import ClusterCells, ConfusionCounts, share_interval
from detectors.estimate import Estimate


def value(counts: ConfusionCounts) -> float | None:
    """Return the share of rows whose prediction is the label; None without rows.

    Source: Sokolova and Lapalme, "A systematic analysis of performance measures for classification tasks" (2009).

    >>> from detectors.confusion import count
    >>> value(count(["a", "a", "b", "b"], ["a", "b", "b", "b"]))
    0.75
    """
    return estimate(counts).value


def estimate(counts: ConfusionCounts, parts: ClusterCells | None = None, level: float = 0.95) -> Estimate:
    """Return accuracy with Wilson's interval, or the cluster-robust one where `parts` are of 30 clusters or more.

    >>> from detectors.confusion import count
    >>> estimate(count(["a"] * 4, ["a"] * 3 + ["b"])).basis
    'iid'
    """
    right = np.eye(len(counts.classes), dtype=bool)
    return share_interval(right, np.ones_like(right), counts, parts, level)
