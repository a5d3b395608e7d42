"""Jensen-Shannon distance, base 2."""

import math

import numpy as np
from scipy import special

from detectors.pair import BinnedPair, FloatArray


def distance(p: FloatArray, q: FloatArray) -> FloatArray:
    """Square root of the Jensen-Shannon divergence in bits over the last axis, from 0 to 1.

    >>> windows = np.array([[0.5, 0.5], [0.0, 1.0]])
    >>> distance(windows, np.array([1.0, 0.0])).round(6).tolist()
    [0.557923, 1.0]
    """
    middle = (p + q) / 2
    nats = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(axis=-1) / 2
    root: FloatArray = np.sqrt(np.clip(nats / math.log(2), 0.0, 1.0))
    return root


def value(pair: BinnedPair) -> float | None:
    """Return the distance on psi's bins, from 0 to 1; None where a side is empty.

    Source: Endres and Schindelin, "A new metric for probability distributions" (2003).

    >>> from detectors.pair import pair_of
    >>> value(pair_of([5, 0], [0, 9])), value(pair_of([1, 3], [2, 6]))
    (1.0, 0.0)
    """
    return float(distance(*pair.shares)) if pair.comparable else None


def expected(pair: BinnedPair) -> float | None:
    """Return what noise alone gives: 8 nm/(n+m) divergence in nats is chi-square, so its root is a chi variable; at most 1.

    sqrt((1/n + 1/m) / (8 ln 2)) * sqrt(2) Gamma(B/2) / Gamma((B-1)/2). Source: Menendez et al., "Some statistical
    applications of generalized Jensen difference divergence measures" (1993).

    >>> from detectors.pair import pair_of
    >>> round(expected(pair_of([50, 50], [600, 400])), 4)
    0.0355
    """
    if not pair.comparable:
        return None
    return min(1.0, chi_mean(pair.bins - 1) / math.sqrt(8 * math.log(2) * pair.information))


def chi_mean(freedom: int) -> float:
    """Return the mean of a chi variable, sqrt(2) Gamma((k+1)/2) / Gamma(k/2); 0 without freedom.

    >>> round(chi_mean(2) ** 2, 6) == round(math.pi / 2, 6)
    True
    """
    if freedom < 1:
        return 0.0
    return math.sqrt(2) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
