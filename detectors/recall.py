"""Recall."""

from detectors.class_average import ClassRatios
from detectors.confusion import Average, ClusterCells, ConfusionCounts
from detectors.estimate import Estimate


def value(counts: ConfusionCounts, average: Average = "macro", positive: str | None = None) -> float | None:
    """Return the share of a class's rows that are predicted as such, averaged; None where the positive class has no rows.

    Source: Sokolova and Lapalme, "A systematic analysis of performance measures for classification tasks" (2009).

    >>> from detectors.confusion import count
    >>> value(count(["a", "a", "b"], ["a", "b", "a"]), "binary", positive="a")
    0.5
    """
    return estimate(counts, average, positive).value


def estimate(
    counts: ConfusionCounts,
    average: Average = "macro",
    positive: str | None = None,
    parts: ClusterCells | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return it with its interval: cluster-robust where `parts` are of 30 clusters or more, else i.i.d.

    Within macro and weighted a class that has no rows counts as 0, as in scikit-learn.

    >>> from detectors.confusion import count
    >>> estimate(count(["a", "b"], ["a", "b"])).value
    1.0
    """
    return ClassRatios(counts, 1.0, 0.0).estimate(average, positive, parts, level)
