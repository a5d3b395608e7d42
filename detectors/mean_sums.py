"""The weighted mean of a loss per row, kept as sums that merge, with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors import clusters
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray


@dataclass(frozen=True)
class MeanSums:
    """What the mean of a loss and its error need.

    Attributes:
        rows: the number of rows.
        weight: sum of the weights w.
        total: sum of w x, in the loss's unit.
        squares: sum of w^2.
        centre: sum of w^2 x / sum of w^2.
        spread: sum of w^2 (x - centre)^2; centred, so that large losses do not cancel.
    """

    rows: int = 0
    weight: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    centre: float = 0.0
    spread: float = 0.0

    def merge(self, other: "MeanSums") -> "MeanSums":
        """Add two sums; associative and commutative up to rounding. Source: Chan, Golub and LeVeque (1983).

        >>> halves = sum_up(np.array([1.0, 2.0])), sum_up(np.array([6.0]))
        >>> halves[0].merge(halves[1]) == sum_up(np.array([1.0, 2.0, 6.0]))
        True
        """
        squares = self.squares + other.squares
        portion = other.squares / squares if squares > 0 else 0.0
        gap = other.centre - self.centre
        return MeanSums(
            self.rows + other.rows,
            self.weight + other.weight,
            self.total + other.total,
            squares,
            self.centre + gap * portion,
            self.spread + other.spread + gap * gap * self.squares * portion,
        )

    @property
    def value(self) -> float | None:
        """The weighted mean, sum w x / sum w; None without rows.

        >>> sum_up(np.array([1.0, 4.0]), weights=np.array([2.0, 1.0])).value
        2.0
        """
        return self.total / self.weight if self.weight > 0 else None


def sum_up(losses: FloatArray, weights: FloatArray | None = None) -> MeanSums:
    """Sum up losses (rows,) with their weights (rows,), 1 where none are given.

    >>> sum_up(np.array([1.0, 2.0, 6.0])).value
    3.0
    """
    x = np.asarray(losses, np.float64)
    w = np.ones(x.size) if weights is None else np.asarray(weights, np.float64)
    squares = float(w @ w)
    if not squares > 0:
        return MeanSums(rows=x.size)
    centre = float((w * w) @ x) / squares
    return MeanSums(x.size, float(w.sum()), float(w @ x), squares, centre, float((w * w) @ (x - centre) ** 2))


@dataclass(frozen=True, eq=False)
class ClusterSums:
    """What the error of a mean needs where rows depend on one another within a cluster: sums by cluster, shape (G,).

    Attributes:
        weights: sums of w.
        totals: sums of w x.
    """

    weights: FloatArray
    totals: FloatArray


def by_cluster(losses: FloatArray, keys: npt.NDArray[np.generic], weights: FloatArray | None = None) -> ClusterSums:
    """Sum up losses (rows,) and weights (rows,) by the rows' cluster keys (rows,), of any type that sorts.

    >>> by_cluster(np.array([1.0, 2.0, 6.0]), np.array([7, 8, 7])).totals.tolist()
    [7.0, 2.0]
    """
    x = np.asarray(losses, np.float64)
    w = np.ones(x.size) if weights is None else np.asarray(weights, np.float64)
    return ClusterSums(clusters.sum_by_cluster(w, keys), clusters.sum_by_cluster(w * x, keys))


def merge_all(parts: Sequence[MeanSums]) -> MeanSums:
    """Merge any number of sums.

    >>> merge_all([sum_up(np.array([1.0])), sum_up(np.array([3.0]))]).value
    2.0
    """
    total = MeanSums()
    for part in parts:
        total = total.merge(part)
    return total


def estimate(
    sums: MeanSums, parts: ClusterSums | None = None, level: float = 0.95, limits: tuple[float, float] | None = None
) -> Estimate:
    """Return the mean with its interval: cluster-robust where `parts`, which sum to it, are of 30 clusters or more.

    One row has no interval; a mean beyond float64 does not exist.
    Source: Cochran, "Sampling Techniques" (1977), section 6.3, the ratio estimator.

    >>> estimate(sum_up(np.array([1.0, 3.0]))).value
    2.0
    """
    value = sums.value
    if value is None or not math.isfinite(value):
        return none_of(sums.rows)
    if sums.rows < 2:
        return Estimate(value, None, None, sums.rows)
    gap = sums.centre - value
    variance = (sums.spread + sums.squares * (gap * gap)) / sums.weight**2
    error = math.sqrt(variance * sums.rows / (sums.rows - 1))
    influences = None if parts is None else (parts.totals - value * parts.weights) / sums.weight
    return clusters.interval(value, sums.rows, error, influences, level, limits)
