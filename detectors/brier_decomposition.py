"""The parts of a Brier score: reliability - resolution + uncertainty."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from detectors import brier, clusters
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray
from detectors.reliability_bins import ReliabilityBins, bin_up

PARTS = ("brier_reliability", "brier_resolution", "brier_uncertainty")


def estimates(
    probability: FloatArray,
    positives: npt.NDArray[np.bool_],
    weights: FloatArray | None = None,
    keys: npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Return the three parts by name, over ten bins, with intervals; cluster-robust where the keys name 30 clusters or more.

    Arrays have shape (rows,). Reliability is how far frequencies are from the probabilities, 0 at best; resolution how far
    they are from one another; uncertainty that of the outcome alone. Resolution takes in what varies within a bin, so that
    the parts always add up to the score, and may then be below 0. The lower end of reliability allows for what noise adds.
    Source: Murphy, "A new vector partition of the probability score" (1973); Stephenson, Coelho and Jolliffe, "Two extra
    components in the Brier score decomposition" (2008). The intervals are the delta method's.

    >>> found = estimates(np.array([0.2, 0.2, 0.8, 0.8]), np.array([False, True, True, True]))
    >>> {name: round(part.value, 4) for name, part in found.items()}
    {'brier_reliability': 0.065, 'brier_resolution': 0.0625, 'brier_uncertainty': 0.1875}
    """
    if not probability.size:
        return dict.fromkeys(PARTS, none_of())
    binned = bin_up(probability, positives, weights)
    rate = float(binned.parts @ positives)
    gap = np.divide(binned.gaps, binned.shares, out=np.zeros_like(binned.gaps), where=binned.shares > 0)
    # The derivatives by each row's weight, times it: the parts are quadratic in the means of their bin, or of all.
    bent = 2 * gap[binned.place] * binned.misses - gap[binned.place] ** 2 * binned.parts
    spread = binned.parts * ((1 - 2 * rate) * (positives - rate) + rate * (1 - rate))
    loss = binned.parts * brier.binary_losses(probability, positives)
    terms = dict(zip(PARTS, (bent, bent + spread - loss, spread), strict=True))
    held = {name: _of_terms(term, binned, keys, level) for name, term in terms.items()}
    return held | {PARTS[0]: _without_noise(held[PARTS[0]], binned, keys)}


def _of_terms(
    terms: FloatArray, binned: ReliabilityBins, keys: npt.NDArray[np.generic] | None, level: float
) -> Estimate:
    """A part that is the sum of its rows' terms: by Euler's theorem, as it is homogeneous of degree one in the rows' shares."""
    value = float(terms.sum())
    return clusters.of_rows(value, terms - value * binned.parts, keys, level, (-1.0, 1.0))


def _without_noise(part: Estimate, binned: ReliabilityBins, keys: npt.NDArray[np.generic] | None) -> Estimate:
    if part.value is None or part.lower is None:
        return part
    held = binned.shares > 0
    noise = float((binned.errors(keys)[held] ** 2 / binned.shares[held]).sum())
    return replace(part, lower=max(0.0, part.lower - noise))
