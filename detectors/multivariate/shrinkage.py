"""Correlations from fewer rows than their number asks for."""

import numpy as np

from detectors.pair import FloatArray


def weight(correlations: FloatArray, rows: int) -> float:
    """Return how far, 0 to 1, sample correlations (columns, columns) from so many rows are to be drawn to the identity.

    Source: Chen, Wiesel, Eldar and Hero, "Shrinkage algorithms for MMSE covariance estimation" (2010), the oracle
    approximating shrinkage, in the form that scikit-learn has.

    >>> weight(np.eye(3), rows=10), weight(np.ones((2, 2)), rows=10**6) < 1e-5
    (1.0, True)
    """
    columns = correlations.shape[0]
    square, level = float(np.mean(correlations**2)), (float(np.trace(correlations)) / columns) ** 2
    over = (rows + 1) * (square - level / columns)
    return min(1.0, (square + level) / over) if over > 0 else 1.0
