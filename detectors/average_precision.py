"""Area under the precision-recall curve, as average precision, exact from rows."""

import numpy as np
import numpy.typing as npt

from detectors import clusters
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray


def value(scores: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None) -> float | None:
    """Return sum over thresholds of (recall gained) x precision, 0 to 1; None without positives. Arrays: (rows,).

    Never from cells: merged ties destroy it where positives are rare. Source: Zhu, "Recall, precision and average
    precision" (2004), as scikit-learn defines it.

    >>> round(value(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])), 6)
    0.833333
    """
    return _value_and_influences(scores, positives, weights)[0]


def estimate(
    scores: FloatArray,
    positives: npt.NDArray[np.bool_],
    weights: FloatArray | None = None,
    keys: npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return it with its interval, cluster-robust where the keys (rows,) name 30 clusters or more.

    Without an interval where a class has one row at most. Source of the interval, each row's influence on the value: Boyd,
    Eng and Page, "Area under the precision-recall curve: point estimates and confidence intervals" (2013), beside the
    infinitesimal jackknife.

    >>> found = estimate(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    >>> round(found.value, 6), found.basis
    (0.833333, 'iid')
    """
    found, influences = _value_and_influences(scores, positives, weights)
    if found is None:
        return none_of(scores.size)
    if min(np.count_nonzero(positives), np.count_nonzero(~positives)) < 2:
        return Estimate(found, None, None, scores.size)
    return clusters.of_rows(found, influences, keys, level, (0.0, 1.0))


def _value_and_influences(
    scores: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None
) -> tuple[float | None, FloatArray]:
    """The value, and its derivative by each row's weight times that weight.

    A positive row adds the precision at its own threshold; any row changes the precision at its own and all lower ones.
    """
    weight = np.ones(scores.size) if weights is None else np.asarray(weights, np.float64)
    _, level = np.unique(-scores, return_inverse=True)
    gained = np.bincount(level, weight * positives)
    total = float(gained.sum())
    if not total > 0:
        return None, np.zeros(scores.size)
    taken, hits = np.cumsum(np.bincount(level, weight)), np.cumsum(gained)
    precision, per_row = (np.divide(part, taken, out=np.zeros_like(taken), where=taken > 0) for part in (hits, gained))
    found = float(gained @ precision) / total
    as_hit, as_row = (np.cumsum(part[::-1])[::-1] for part in (per_row, per_row * precision))
    of_hits = positives * (precision[level] - found + as_hit[level])
    return found, weight * (of_hits - as_row[level]) / total
