"""F1 score."""

from detectors.class_average import ClassRatios
from detectors.confusion import Average, ClusterCells, ConfusionCounts
from detectors.estimate import Estimate


def value(counts: ConfusionCounts, average: Average = "macro", positive: str | None = None) -> float | None:
    """Return the harmonic mean of precision and recall, averaged; None where the positive class is neither labelled nor predicted.

    Source: van Rijsbergen, "Information Retrieval" (1979), chapter 7.

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

    Within macro and weighted a class that is neither labelled nor predicted counts as 0, as in scikit-learn.

    >>> from detectors.confusion import count
    >>> estimate(count(["a", "b"], ["a", "b"])).value
    1.0
    """
    return ClassRatios(counts, 0.5, 0.5).estimate(average, positive, parts, level)
