"""Whether scores can be taken as chances, and the curve that makes them so."""

import numpy as np

from detectors import roc_auc
from detectors.pair import FloatArray
from detectors.without_labels import isotonic, splits
from detectors.without_labels.isotonic import Isotonic

BINS = 10
SPLITS = 10
HELD_OUT = 0.1
SEPARATED = 0.999
SEED = 42


def fit(scores: FloatArray, labels: FloatArray, weights: FloatArray | None = None, seed: int = SEED) -> Isotonic | None:
    """Return the curve from a reference's scores to chances; None where it would not bring them closer to the labels.

    Arrays have shape (rows,), labels are 0 or 1. Source: NannyML 0.13, nannyml/calibration.py.

    >>> labels = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> fit(np.full(200, 0.5), labels), fit(np.full(200, 0.25), labels)
    (Isotonic(scores=(0.5,), chances=(0.25,)), None)
    """
    return isotonic.fit(scores, labels, weights) if is_needed(scores, labels, weights, seed) else None


def is_needed(scores: FloatArray, labels: FloatArray, weights: FloatArray | None = None, seed: int = SEED) -> bool:
    """Return whether the curve lowers the expected calibration error of rows that it was not fitted to.

    A tenth of each class is held out, ten times over, and all that was held out is taken together. Not needed where there is
    one class only, or where the scores separate the classes (area under the ROC curve above 0.999). Which rows are held out is
    drawn from the seed; where little is to be gained the answer hangs on that, and on how rows of one score are sorted. Source:
    NannyML 0.13, nannyml/calibration.py.

    >>> labels = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> is_needed(np.full(200, 0.5), labels), is_needed(np.full(200, 0.25), labels), is_needed(labels, labels)
    (True, False, False)
    """
    positives = labels > 0
    area = roc_auc.value(scores, positives, weights)
    if area is None or area > SEPARATED:
        return False
    weight = np.ones(scores.size) if weights is None else weights
    held_out, curved = [], []
    for kept, held in splits.shuffled(positives, HELD_OUT, SPLITS, seed):
        held_out.append(held)
        curved.append(isotonic.fit(scores[kept], labels[kept], weight[kept]).at(scores[held]))
    rows = np.concatenate(held_out)
    before = calibration_error(scores[rows], labels[rows], weight[rows])
    return before > calibration_error(np.concatenate(curved), labels[rows], weight[rows])


def calibration_error(chances: FloatArray, labels: FloatArray, weights: FloatArray, bins: int = BINS) -> float:
    """Return the mean gap, 0 to 1, between chances and labels over bins of as many rows each; arrays have shape (rows,).

    Rows of one chance lie as numpy sorts them, so that the answer is NannyML's also where bins part them. Source: Naeini,
    Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (2015), on bins of equal size.

    >>> calibration_error(np.array([0.5, 0.5, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0]), np.ones(4), bins=2)
    0.25
    """
    gaps = (weights * (chances - labels))[np.argsort(chances)]
    return float(sum(abs(part.sum()) for part in np.array_split(gaps, bins)) / weights.sum())
