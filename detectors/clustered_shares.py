"""How far the difference, or the ratio, of two shares may be off where rows go together by cluster."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from detectors import clusters
from detectors.estimate import Estimate
from detectors.pair import FloatArray

_ROUNDING = 1e-9  # a share this near 0 or 1 is one of rows that are all alike, less what sums of weights lose


@dataclass(frozen=True, eq=False)
class Side:
    """Rows of one side by cluster, arrays of shape (clusters,): sums of weights, of those of events, and of the squares of both."""

    weight: FloatArray
    events: FloatArray
    weight2: FloatArray
    events2: FloatArray

    @classmethod
    def of(cls, sums: FloatArray, numbers: npt.NDArray[np.intp], count: int) -> "Side":
        """Return the side of some rows.

        Args:
            sums: the four of each row, or of rows that were added up before, shape (4, rows).
            numbers: the cluster of each, shape (rows,), of so many.

        >>> Side.of(np.ones((4, 3)), np.array([0, 0, 2]), 3).weight.tolist()
        [2.0, 0.0, 1.0]
        """
        return cls(*(np.bincount(numbers, of, count).astype(np.float64) for of in sums))

    def less(self, other: "Side") -> "Side":
        """Return the rows of this side that are not of the other, whose rows are all of this one.

        >>> side = Side.of(np.ones((4, 3)), np.array([0, 0, 2]), 3)
        >>> side.less(side).weight.tolist()
        [0.0, 0.0, 0.0]
        """
        return Side(
            self.weight - other.weight,
            self.events - other.events,
            self.weight2 - other.weight2,
            self.events2 - other.events2,
        )

    @property
    def share(self) -> float:
        """Events among all, by weight; NaN without rows.

        >>> Side.of(np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0], [1.0, 0.0]]), np.array([0, 1]), 2).share
        0.5
        """
        total = float(self.weight.sum())
        return float(self.events.sum()) / total if total > 0 else math.nan

    @property
    def influences(self) -> FloatArray:
        """Each cluster's influence on the share, shape (clusters,), which sum to 0.

        >>> Side.of(np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0], [1.0, 0.0]]), np.array([0, 1]), 2).influences.tolist()
        [0.25, -0.25]
        """
        found: FloatArray = (self.events - self.share * self.weight) / self.weight.sum()
        return found

    @property
    def variance(self) -> float:
        """That of the share where rows are independent.

        >>> Side.of(np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0], [1.0, 0.0]]), np.array([0, 1]), 2).variance
        0.125
        """
        events, rest = float(self.events2.sum()), float((self.weight2 - self.events2).sum())
        return ((1 - self.share) ** 2 * events + self.share**2 * rest) / float(self.weight.sum()) ** 2


@dataclass(frozen=True, eq=False)
class Sides:
    """A group and all other rows, by the same clusters."""

    group: Side
    rest: Side

    def difference(self, independent: Estimate, level: float = 0.95) -> Estimate:
        """Return the group's share less that of the rest with the interval that holds for clusters.

        That of independent rows where there are fewer than 30 clusters, or a side's rows are all alike: of such a side clusters
        show no error at all.

        Args:
            independent: the same for independent rows, with a value.

        >>> side = Side.of(np.ones((4, 3)), np.array([0, 0, 2]), 3)
        >>> Sides(side, side).difference(Estimate(0.0, -0.1, 0.1, 6)).basis
        'iid'
        """
        if not self._differ or independent.value is None:
            return independent
        error = math.sqrt(self.group.variance + self.rest.variance)
        influences = self.group.influences - self.rest.influences
        found = clusters.interval(independent.value, independent.rows, error, influences, level, (-1.0, 1.0))
        return found if found.basis == "cluster" else independent

    def ratio(self, independent: Estimate, level: float = 0.95) -> Estimate:
        """Return how many times as large the group's share is, with the interval that holds for clusters, normal in the logarithm.

        Source: the delta method, as Katz and others (1978) have it of independent rows. The arguments are those of `difference`.

        >>> side = Side.of(np.ones((4, 3)), np.array([0, 0, 2]), 3)
        >>> Sides(side, side).ratio(Estimate(1.0, 0.9, 1.1, 6)).basis
        'iid'
        """
        if not self._differ or independent.value is None:
            return independent
        group, rest = self.group, self.rest
        error = math.sqrt(group.variance / group.share**2 + rest.variance / rest.share**2)
        influences = group.influences / group.share - rest.influences / rest.share
        found = clusters.interval(0.0, independent.rows, error, influences, level)
        if found.basis != "cluster" or found.lower is None or found.upper is None:
            return independent
        ends = (independent.value * math.exp(end) for end in (found.lower, found.upper))
        return replace(found, value=independent.value, lower=next(ends), upper=next(ends))

    @property
    def _differ(self) -> bool:
        return all(_ROUNDING < side.share < 1 - _ROUNDING for side in (self.group, self.rest))
