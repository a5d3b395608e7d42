"""The width of the Gaussian kernel."""

import numpy as np
from scipy.spatial import distance

from detectors.multivariate.pooled import Pooled

_SAMPLE = 1_000


def median_distance(pooled: Pooled, seed: int = 0) -> float:
    """Return the median Euclidean distance between two rows of either side, over a random thousand of them at most.

    Where that is 0, since most rows are alike, the mean of the other distances; where all rows are alike, 1. Which side a
    row is of plays no part, so that a permutation test stays valid. Source: Gretton et al., "A kernel two-sample test"
    (2012), section 8.

    >>> from detectors.multivariate.rows import all_rows
    >>> median_distance(Pooled(all_rows(np.array([[0.0], [1.0]])), all_rows(np.array([[4.0]]))))
    3.0
    """
    gaps = distance.pdist(pooled.sample(_SAMPLE, seed))
    median = float(np.median(gaps)) if gaps.size else 0.0
    apart = gaps[gaps > 0]
    return median or (float(apart.mean()) if apart.size else 1.0)
