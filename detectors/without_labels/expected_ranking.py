"""What is expected of measures of ranking, of rows whose label is not known, but its chance."""

import numpy as np
from scipy import special

from detectors.pair import FloatArray


def roc_auc(scores: FloatArray, chances: FloatArray, weights: FloatArray | None = None) -> float | None:
    """Return the area under the ROC curve of expected counts, 0 to 1, ties counted half; None where a class is not expected.

    Arrays have shape (rows,); the scores rank, the chances say what is expected. With chances of 0 and 1 it is the area
    itself. Source: NannyML 0.13, estimate_roc_auc, whose trapezoids are straight over rows of one score.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.875
    """
    up, all_ = _by_score(scores, chances, weights)
    down = all_ - up
    if not (up.sum() > 0 and down.sum() > 0):
        return None
    above = np.cumsum(up) - up / 2
    return float(down @ above) / float(up.sum() * down.sum())


def average_precision(scores: FloatArray, chances: FloatArray, weights: FloatArray | None = None) -> float | None:
    """Return the area under the precision-recall curve of expected counts, 0 to 1; None where the class is not expected.

    Arrays have shape (rows,). Row by row from the highest score; rows of one score count one after the other, each with their
    mean chance p: sum over j = 1..w of p (T + p j) / (N + j), w the rows, N those above and T what is expected of them, which
    is p^2 w + p (T - p N) (H(N + w) - H(N)), H the harmonic numbers. Weights are taken in units of their mean. From rows,
    never from cells. Source: NannyML 0.13, estimate_ap.

    >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([1.0, 0.5, 0.0]))
    0.9166666666666666
    """
    up, all_ = _by_score(scores, chances, weights)
    total = float(up.sum())
    if not total > 0:
        return None
    unit = all_.sum() / scores.size
    up, all_ = up / unit, all_ / unit
    mean = np.divide(up, all_, out=np.zeros_like(up), where=all_ > 0)
    before, up_before = np.cumsum(all_) - all_, np.cumsum(up) - up
    harmonic = special.digamma(before + all_ + 1) - special.digamma(before + 1)
    return float((mean * up + mean * (up_before - mean * before) * harmonic).sum() * unit / total)


def _by_score(scores: FloatArray, chances: FloatArray, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """What is expected of the class, and the weight, at each distinct score from the highest down."""
    _, level = np.unique(-scores, return_inverse=True)
    weight = np.ones(scores.size) if weights is None else weights
    up, all_ = (np.bincount(level, held).astype(np.float64) for held in (weight * chances, weight))
    return up, all_
