"""Expected calibration error."""

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray


def value(
    probability: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None, bins: int = 10
) -> float | None:
    """Return the mean gap between probability and frequency over bins of equal width, by weight; None without rows.

    Arrays have shape (rows,). Noise alone makes it positive: about sqrt(bins / rows) / 3 for evenly
    spread probabilities.
    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (2015).

    >>> round(value(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, True, False, False])), 6)
    0.1
    """
    weight = np.ones(probability.size) if weights is None else np.asarray(weights, np.float64)
    if not weight.sum() > 0:
        return None
    place = np.clip((probability * bins).astype(np.int64), 0, bins - 1)
    gaps = np.bincount(place, weight * (positives - probability), bins)
    return float(np.abs(gaps).sum() / weight.sum())
