"""Area under the precision-recall curve, as average precision, exact from rows."""

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray


def value(scores: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None) -> float | None:
    """Return sum over thresholds of (recall gained) x precision, 0 to 1; None without positives. Arrays: (rows,).

    Never from cells: merged ties destroy it where positives are rare. Source: Zhu, "Recall, precision and average
    precision" (2004), as scikit-learn defines it.

    >>> round(value(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])), 6)
    0.833333
    """
    weight = np.ones(scores.size) if weights is None else np.asarray(weights, np.float64)
    _, level = np.unique(-scores, return_inverse=True)
    hits = np.bincount(level, weight * positives)
    total = float(hits.sum())
    if not total > 0:
        return None
    taken = np.cumsum(np.bincount(level, weight))
    precision = np.divide(np.cumsum(hits), taken, out=np.zeros_like(taken), where=taken > 0)
    return float(hits @ precision) / total
