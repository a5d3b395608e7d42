"""Area under the ROC curve, exact from rows."""

import numpy as np
import numpy.typing as npt

from detectors import clusters
from detectors.delong import placements
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray


def value(scores: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None) -> float | None:
    """Return the area, 0 to 1, ties counted half; None where a class has no rows. Arrays have shape (rows,).

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve" (1982).

    >>> value(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    return estimate(scores, positives, weights).value


def estimate(
    scores: FloatArray,
    positives: npt.NDArray[np.bool_],
    weights: FloatArray | None = None,
    cluster_keys: npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the area with DeLong's interval, or the cluster-robust one where the keys (rows,) name 30 clusters or more.

    Without an interval where a class has one row only. Raises ValueError for a NaN among the scores. Source of the
    cluster-robust variance: Obuchowski, "Nonparametric analysis of clustered ROC curve data" (1997).

    >>> estimate(np.array([0.1, 0.9]), np.array([True, True])).value is None
    True
    """
    weight = positives.astype(np.float64) if weights is None else weights * positives
    if not 0 < weight.sum() < (positives.size if weights is None else weights.sum()):
        return none_of(positives.size)
    placed = placements(scores, positives, weights)
    if placed.error is None:
        return Estimate(placed.area, None, None, positives.size)
    parts = None if cluster_keys is None else clusters.sum_by_cluster(placed.influences, cluster_keys)
    return clusters.interval(placed.area, positives.size, placed.error, parts, level, (0.0, 1.0))
