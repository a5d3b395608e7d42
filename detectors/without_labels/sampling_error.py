"""How far a measure of few rows lies from that of many: of each measure, the standard error that one row would have.

n rows have it over the square root of n. It is known from the reference, where labels are.
"""

import math
from collections.abc import Sequence

import numpy as np

from detectors import average_precision
from detectors.delong import placements
from detectors.pair import FloatArray
from detectors.without_labels.expected_counts import Ratio

WIDTH = 3.0
"""How many of them an interval reaches to each side, as NannyML's do."""
RESAMPLES = 200
MOST_RESAMPLED = 50_000
OF_DEPENDENT_CLASSES = 1.2
"""By what NannyML multiplies the error of a mean area of several classes, which are not independent."""


def of_ratio(ratio: Ratio, rows: float) -> float | None:
    """Return the error of a ratio among `rows` of weight; None where it is about none of them.

    sd / sqrt(f): sd is that of part or not among what it is about, in units of its whole; f the share of the rows that it is
    about. For a share it is the binomial error; of F1 it is wider than the truth, 1.4 times in a simulation, and kept so that
    it agrees. Source: NannyML 0.13, sampling_error/binary_classification.py.

    >>> of_ratio(Ratio(50.0, 100.0, 100.0), rows=400.0)
    1.0
    """
    if not ratio.whole > 0:
        return None
    share = min(1.0, ratio.part / ratio.of)
    return ratio.of / ratio.whole * math.sqrt(share * (1 - share) / (ratio.of / rows))


def of_mean(errors: Sequence[float | None]) -> float | None:
    """Return the error of the mean of several independent measures; None where one has none.

    Source: NannyML 0.13, sampling_error/multiclass_classification.py.

    >>> of_mean([3.0, 4.0]), of_mean([3.0, None])
    (2.5, None)
    """
    known = [error for error in errors if error is not None]
    return math.hypot(*known) / len(known) if errors and len(known) == len(errors) else None


def of_area(scores: FloatArray, labels: FloatArray, weights: FloatArray | None = None) -> float | None:
    """Return the error of the area under the ROC curve; None where there is one class only. Arrays have shape (rows,).

    sd / sqrt(f): sd is that, over the rows of the rarer class, of the share of the other class which they rank right; f the
    rarer class's share of the rows. Source: NannyML 0.13, auroc_sampling_error_components; rows of one score count by half
    here, where NannyML takes them in any order.

    >>> of_area(np.array([0.1, 0.4, 0.3, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])).__round__(6)
    0.353553
    """
    weight = np.ones(scores.size) if weights is None else weights
    positives = labels > 0
    if not 0 < weight @ positives < weight.sum():
        return None
    placed = placements(scores, positives, weights)
    share = float(weight @ positives / weight.sum())
    rarer = (positives if share <= 0.5 else ~positives) & (weight > 0)
    of_rarer = weight[rarer]
    ranked = placed.influences[rarer] / of_rarer * of_rarer.sum()
    return math.sqrt(float(of_rarer @ ranked**2) / float(of_rarer.sum()) / min(share, 1 - share))


def of_average_precision(
    scores: FloatArray, labels: FloatArray, seed: int = 0, resamples: int = RESAMPLES
) -> float | None:
    """Return the error of the average precision, by drawing half of the rows 200 times; None without rows of the class, or draws.

    Arrays have shape (rows,). Source: NannyML 0.13, ap_sampling_error_components, which draws 50 times,
    anew whenever it is asked.

    >>> of_average_precision(np.array([0.1, 0.4, 0.3, 0.8] * 50), np.array([0.0, 0.0, 1.0, 1.0] * 50)) > 0
    True
    """
    positives = labels > 0
    drawn = min(scores.size // 2, MOST_RESAMPLED)
    if not positives.any() or not drawn or not resamples:
        return None
    rng = np.random.default_rng(seed)
    places = (rng.integers(scores.size, size=drawn) for _ in range(resamples))
    values = [average_precision.value(scores[rows], positives[rows]) for rows in places]
    return float(np.std([value for value in values if value is not None])) * math.sqrt(drawn)
