"""How far two models agree on the same rows: churn matrix, agreement share, Cohen's kappa."""

from detectors import accuracy
from detectors.confusion import ClusterCells, ConfusionCounts, Labels, count
from detectors.estimate import Estimate
from detectors.pair import FloatArray


def churn(current: Labels, candidate: Labels, weights: FloatArray | None = None) -> ConfusionCounts:
    """Count rows (rows,) by the current model's prediction (row) and the candidate's (column).

    >>> churn(["a", "a", "b"], ["a", "b", "b"]).weights.tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return count(current, candidate, weights)


def share(counts: ConfusionCounts, parts: ClusterCells | None = None, level: float = 0.95) -> Estimate:
    """Return the share of rows on which both say the same, with its interval.

    Source: Milani Fard et al., "Launch and Iterate: Reducing Prediction Churn" (2016); churn is 1 less this share.

    >>> share(churn(["a", "b"], ["a", "a"])).value
    0.5
    """
    return accuracy.estimate(counts, parts, level)


def kappa(counts: ConfusionCounts) -> float | None:
    """Return Cohen's kappa, agreement beyond chance, at most 1; None without rows or where chance alone agrees fully.

    Source: Cohen, "A coefficient of agreement for nominal scales" (1960).

    >>> kappa(churn(["a", "a", "b", "b"], ["a", "b", "b", "b"]))
    0.5
    """
    total = float(counts.weights.sum())
    if not total > 0:
        return None
    chance = float(counts.weights.sum(axis=1) @ counts.weights.sum(axis=0)) / total**2
    observed = float(counts.weights.trace()) / total
    return (observed - chance) / (1 - chance) if chance < 1 else None
