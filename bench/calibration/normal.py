"""A normal column in the deciles of a reference that has not moved."""

import numpy as np
from scipy import special

from detectors.pair import FloatArray

_EDGES = special.ndtri(np.arange(1, 10) / 10)


def shifted(means: FloatArray) -> FloatArray:
    """The shares of the reference's deciles where the mean lies so many deviations off, shape (..., 10).

    >>> shifted(np.array([0.0, 9.0])).round(3)[:, -1].tolist()
    [0.1, 1.0]
    """
    upper = special.ndtr(_EDGES - np.asarray(means)[..., None])
    shares: FloatArray = np.diff(upper, axis=-1, prepend=0.0, append=1.0)
    return shares
