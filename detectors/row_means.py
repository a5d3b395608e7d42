"""The weights and the clusters of rows, from which means of losses are estimated."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.outcomes import Outcomes
from detectors.pair import FloatArray


@dataclass(frozen=True, eq=False)
class RowMeans:
    """The weights, None where every one is 1, and the clusters of some rows, shape (rows,).

    >>> from detectors import mae
    >>> RowMeans(None, np.array([1, 1])).mean(np.array([1.0, 3.0]), mae.estimate).value
    2.0
    """

    weights: FloatArray | None
    clusters: NDArray[np.generic]

    def mean(self, losses: FloatArray, estimate: Callable[[MeanSums, ClusterSums], Estimate]) -> Estimate:
        """Return what is estimated from the mean of these losses (rows,)."""
        parts = mean_sums.by_cluster(losses, self.clusters, self.weights)
        return estimate(mean_sums.sum_up(losses, self.weights), parts)


def some(found: Outcomes, chosen: NDArray[np.bool_]) -> RowMeans:
    """Return those of the chosen rows (rows,).

    >>> two = Outcomes(np.array([1.0, 2.0]), np.array([1.0, 1.0]), {}, None, np.array([7, 8]), predictions=2)
    >>> some(two, np.array([False, True])).clusters.tolist()
    [8]
    """
    return RowMeans(None if found.weights is None else found.weights[chosen], found.clusters[chosen])
