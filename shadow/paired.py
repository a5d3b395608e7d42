"""The difference of one metric between two models on the same rows, with its interval.

A metric is linearised: each row has an influence on it, and the difference's influence is the difference of the influences. So the
rows' pairing is taken into account, and from 30 days on the interval holds when errors of one day depend on one another.
Source: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 2.7.2; for the area under the ROC curve
this is DeLong, DeLong and Clarke-Pearson (1988), for a mean the paired t-test's variance.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors import clusters
from detectors.confusion import ConfusionCounts
from detectors.delong import placements
from detectors.estimate import Estimate
from shadow.candidates.contract import FloatArray
from shadow.pairs import Codes

_Z = float(special.ndtri(0.975))


def interval(
    value: float,
    influences: FloatArray,
    days: Codes,
    error: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Estimate:
    """The 95% interval of a difference from the rows' influences on it, shape (n,).

    Args:
        error: the standard error for independent rows; None for sqrt(n / (n - 1) sum influence^2).
    """
    rows = influences.size
    if rows < 2:
        return Estimate(value, None, None, rows)
    iid = math.sqrt(rows / (rows - 1) * float(influences @ influences)) if error is None else error
    return clusters.interval(value, rows, iid, clusters.sum_by_cluster(influences, days), limits=limits)


def mean_influences(losses: FloatArray, weights: FloatArray) -> tuple[float, FloatArray]:
    """The weighted mean of (n,) losses and each row's influence on it.

    >>> mean_influences(np.array([0.0, 1.0]), np.ones(2))[1].tolist()
    [-0.25, 0.25]
    """
    mean = float(weights @ losses / weights.sum())
    return mean, weights * (losses - mean) / weights.sum()


def accuracy_gradient(counts: ConfusionCounts) -> FloatArray:
    """The influence of a row of weight 1 on accuracy, by label and prediction, shape (K, K)."""
    total = counts.weights.sum()
    gradient: FloatArray = (np.eye(len(counts.classes)) - counts.weights.trace() / total) / total
    return gradient


def ratio_gradient(
    counts: ConfusionCounts, label_share: float, predicted_share: float, positive: str | None
) -> FloatArray:
    """The influence of a row of weight 1 on recall (1, 0), precision (0, 1) or F1 (1/2, 1/2), shape (K, K).

    Of the positive class; None for the macro average over the classes seen on either side.
    """
    labelled, predicted = counts.weights.sum(axis=1), counts.weights.sum(axis=0)
    whole = label_share * labelled + predicted_share * predicted
    if positive is None:
        mix = (labelled + predicted > 0).astype(np.float64)
    else:
        mix = np.array([name == positive for name in counts.classes], np.float64)
    held = whole > 0
    slope = np.divide(mix / mix.sum(), whole, out=np.zeros_like(whole), where=held)
    missed = slope * np.divide(np.diag(counts.weights), whole, out=np.zeros_like(whole), where=held)
    gradient: FloatArray = np.diag(slope) - label_share * missed[:, None] - predicted_share * missed[None, :]
    return gradient


def area_difference(
    champion: FloatArray, candidate: FloatArray, positives: NDArray[np.bool_], weights: FloatArray, days: Codes
) -> tuple[float, float, Estimate]:
    """Both areas under the ROC curve and their difference by DeLong's covariance; scores (n,) are finite, both classes there."""
    before, after = (placements(scores, positives, weights) for scores in (champion, candidate))
    influences = after.influences - before.influences
    error = _by_class(influences, positives)
    return before.area, after.area, interval(after.area - before.area, influences, days, error, (-1.0, 1.0))


def _by_class(influences: FloatArray, positives: NDArray[np.bool_]) -> float | None:
    sides = influences[positives], influences[~positives]
    if min(side.size for side in sides) < 2:
        return None
    return math.sqrt(sum(float(side @ side) * side.size / (side.size - 1) for side in sides))


def bonett_price(only_champion: int, only_candidate: int, rows: int) -> tuple[float, float]:
    """The 95% interval of a difference of accuracies of independent rows, from the rows that one model alone has right.

    Unlike Wald's it does not shrink to nothing where the models never differ. Source: Bonett and Price, "Adjusted Wald
    confidence interval for a difference of binomial proportions based on paired data" (2012).

    >>> [round(end, 4) for end in bonett_price(0, 0, 98)]
    [-0.0277, 0.0277]
    """
    b, c = (only_champion + 1) / (rows + 2), (only_candidate + 1) / (rows + 2)
    half = _Z * math.sqrt((b + c - (c - b) ** 2) / (rows + 2))
    return max(-1.0, c - b - half), min(1.0, c - b + half)
