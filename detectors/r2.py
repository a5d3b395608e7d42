"""Coefficient of determination."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detectors import clusters, mean_sums
from detectors.estimate import Estimate, none_of
from detectors.mean_sums import MeanSums
from detectors.pair import FloatArray


@dataclass(frozen=True)
class R2Sums:
    """What R2 needs: squared errors, and the labels' moments about their own mean, so that a large offset cancels nothing.

    Attributes:
        errors: sums of the squared errors.
        label_mean: weighted mean of the labels, in their unit.
        label_spread: sum of w (label - label_mean)^2.
    """

    errors: MeanSums = field(default_factory=MeanSums)
    label_mean: float = 0.0
    label_spread: float = 0.0

    def merge(self, other: "R2Sums") -> "R2Sums":
        """Add two sums; associative and commutative up to rounding. Source: Chan, Golub and LeVeque (1983).

        >>> one, other = sums(np.array([1.0]), np.array([1.0])), sums(np.array([3.0]), np.array([2.0]))
        >>> one.value, one.merge(other).value  # one label does not vary
        (None, 0.5)
        """
        errors = self.errors.merge(other.errors)
        portion = other.errors.weight / errors.weight if errors.weight > 0 else 0.0
        gap = other.label_mean - self.label_mean
        spread = self.label_spread + other.label_spread + gap * gap * self.errors.weight * portion
        return R2Sums(errors, self.label_mean + gap * portion, spread)

    @property
    def value(self) -> float | None:
        """1 - sum of squared errors / sum of squared deviations; None where the labels do not vary.

        >>> sums(np.array([1.0, 3.0]), np.array([3.0, 1.0])).value  # worse than the mean of the labels
        -3.0
        """
        return 1 - self.errors.total / self.label_spread if self.label_spread > 0 else None


def sums(labels: FloatArray, predictions: FloatArray, weights: FloatArray | None = None) -> R2Sums:
    """Sum up rows (rows,) of labels, predictions and weights.

    >>> sums(np.array([1.0, 3.0]), np.array([1.0, 2.0])).value
    0.5
    """
    errors = mean_sums.sum_up(np.square(predictions - labels), weights)
    if not errors.weight > 0:
        return R2Sums(errors)
    w = np.ones(labels.size) if weights is None else weights
    mean = float(w @ labels) / errors.weight
    return R2Sums(errors, mean, float(w @ np.square(labels - mean)))


def estimate(
    labels: FloatArray,
    predictions: FloatArray,
    weights: FloatArray | None = None,
    keys: npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return R2 of rows (rows,), at most 1, with its interval: cluster-robust where the keys (rows,) name 30 clusters or more.

    Its sums do not hold what an interval needs, so that it is taken from the rows. Source: Draper and Smith, "Applied
    Regression Analysis" (1998), section 1.3; the interval is the ratio's linearisation.

    >>> found = estimate(np.array([1.0, 3.0, 5.0]), np.array([1.0, 2.0, 5.0]))
    >>> found.value, found.upper
    (0.875, 1.0)
    """
    total = sums(labels, predictions, weights)
    value = total.value
    if value is None or not math.isfinite(value + total.label_spread):
        return none_of(total.errors.rows)
    spread = np.square(labels - total.label_mean)
    influences = ((1 - value) * spread - np.square(predictions - labels)) / total.label_spread
    weighed = influences if weights is None else weights * influences
    return clusters.of_rows(value, weighed, keys, level, (-math.inf, 1.0))
