"""DeLong's placements: each row's part in the area under the ROC curve."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray


@dataclass(frozen=True, eq=False)
class Placements:
    """The area under the ROC curve and each row's linear part in it.

    Attributes:
        area: P(score of a positive > of a negative) + P(tie) / 2, by weight.
        influences: shape (rows,); they sum to 0, their squares to the area's variance but for the small-sample factor.
        error: DeLong's standard error; 0 where the scores separate the classes, None where a class has one row only.
    """

    area: float
    influences: FloatArray
    error: float | None


def placements(scores: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None) -> Placements:
    """Place every row among the other class by weighted midranks, in O(rows log rows); all arrays have shape (rows,).

    Raises ValueError where a class has no weight, or a score is NaN. Source: DeLong, DeLong and Clarke-Pearson (1988);
    by midranks, Sun and Xu, "Fast implementation of DeLong's algorithm" (2014).

    >>> placements(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True])).area
    0.875
    """
    weight = np.ones(scores.size) if weights is None else np.asarray(weights, np.float64)
    up, down = weight * positives, weight * ~positives
    if np.isnan(scores).any() or not (up.sum() > 0 and down.sum() > 0):
        raise ValueError("an area under the ROC curve needs scores that are numbers, and both classes")
    _, level = np.unique(scores, return_inverse=True)
    below = _share_below(level, down)
    above = 1 - _share_below(level, up)
    area = float(up @ below / up.sum())
    influences = up * (below - area) / up.sum() + down * (above - area) / down.sum()
    return Placements(area, influences, _error(influences, positives))


def _share_below(level: npt.NDArray[np.intp], weight: FloatArray) -> FloatArray:
    """The share of the weight that scores lower than each row, ties by half."""
    at = np.bincount(level, weight)
    share: FloatArray = ((np.cumsum(at) - at / 2) / at.sum())[level]
    return share


def _error(influences: FloatArray, positives: npt.NDArray[np.bool_]) -> float | None:
    sides = influences[positives], influences[~positives]
    if min(side.size for side in sides) < 2:
        return None
    return math.sqrt(sum(float(side @ side) * side.size / (side.size - 1) for side in sides))
