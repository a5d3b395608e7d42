"""Equal-opportunity gap: how much oftener a group's positives are found than those of the rest."""

import numpy as np
import numpy.typing as npt

from detectors import clusters, newcombe
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray, effective_size

Flags = npt.NDArray[np.bool_]


def estimate(
    found: Flags,
    group: Flags,
    weights: FloatArray | None = None,
    keys: npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the group's recall less that of the rest, -1 to 1, with its interval; no value where a side has no positive.

    The interval is Newcombe's, and cluster-robust where the keys name 30 clusters or more and the rows of both sides differ.
    Source: Hardt, Price and Srebro, "Equality of opportunity in supervised learning" (2016).

    Args:
        found: whether each row whose label is the positive class was predicted as it, shape (rows,).
        group: whether it is of the group; weights and keys are of the same rows.

    >>> group = np.arange(200) < 100
    >>> result = estimate(np.arange(200) % 100 < np.where(group, 60, 80), group)
    >>> round(result.value, 3), round(result.lower, 3), round(result.upper, 3)
    (-0.2, -0.319, -0.073)
    """
    weight = np.ones(found.size) if weights is None else np.asarray(weights, np.float64)
    sides = [np.where(side, weight, 0.0) for side in (group, ~group)]
    if not all(side.sum() > 0 for side in sides):
        return none_of(found.size)
    parts = [side / side.sum() for side in sides]
    share, other = (min(1.0, float(part @ found)) for part in parts)
    size, other_size = (effective_size(1.0, float(part @ part)) for part in parts)
    ends = newcombe.interval(share, size, other, other_size, level)
    independent = Estimate(share - other, *ends, found.size)
    if keys is None:
        return independent
    influences = parts[0] * (found - share) - parts[1] * (found - other)
    robust = clusters.of_rows(share - other, influences, keys, level, (-1.0, 1.0))
    # Of a side whose rows are all alike, clusters show no error at all.
    differ = all(found[side].any() and not found[side].all() for side in (group, ~group))
    return robust if robust.basis == "cluster" and differ else independent
