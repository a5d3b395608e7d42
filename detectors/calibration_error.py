"""Expected calibration error."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from detectors import clusters
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray
from detectors.reliability_bins import BINS, bin_up


def value(
    probability: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None, bins: int = BINS
) -> float | None:
    """Return the mean gap between probability and frequency over bins of equal width, by weight; None without rows.

    Arrays have shape (rows,). Noise alone makes it positive: about sqrt(bins / rows) / 3 for evenly
    spread probabilities.
    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (2015).

    >>> round(value(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, True, False, False])), 6)
    0.1
    """
    return estimate(probability, positives, weights, bins=bins).value


def estimate(
    probability: FloatArray,
    positives: npt.NDArray[np.bool_],
    weights: FloatArray | None = None,
    keys: npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
    bins: int = BINS,
) -> Estimate:
    """Return it with its interval, cluster-robust where the keys (rows,) name 30 clusters or more.

    The lower end also allows for all that noise alone can add, the mean size of a normal error in each bin, so that it is 0
    where the model may be calibrated. Source of that bound: the triangle inequality; of the interval: the delta method.

    >>> rng = np.random.default_rng(1)
    >>> chance = rng.random(1000)
    >>> found = estimate(chance, rng.random(1000) < chance)
    >>> round(found.value, 3), found.lower
    (0.033, 0.0)
    """
    if not probability.size or not (weights is None or weights.sum() > 0):
        return none_of(probability.size)
    binned = bin_up(probability, positives, weights, bins)
    found = float(np.abs(binned.gaps).sum())
    influences = np.sign(binned.gaps)[binned.place] * binned.misses - found * binned.parts
    held = clusters.of_rows(found, influences, keys, level, (0.0, 1.0))
    if held.lower is None:
        return held
    noise = math.sqrt(2 / math.pi) * float(binned.errors(keys).sum())
    return replace(held, lower=max(0.0, held.lower - noise))
