"""What a distance is worth when nothing moved: the mean over multinomial draws, for those without a law of their own."""

from collections.abc import Callable

import numpy as np

from detectors.pair import BinnedPair, FloatArray

DRAWS = 200
Distance = Callable[[FloatArray, FloatArray], FloatArray]


def null_shares(pair: BinnedPair, draws: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Draw window and reference shares, each (draws, B), as independent samples of the reference's shares.

    Sizes are the effective ones, rounded, at least 1. The same seed gives the same draws.

    >>> from detectors.pair import pair_of
    >>> p, q = null_shares(pair_of([5, 5], [50, 50]), draws=3, seed=1)
    >>> p.shape, bool((abs(p.sum(axis=1) - 1) < 1e-12).all())
    ((3, 2), True)
    """
    generator = np.random.default_rng(seed)
    _, q = pair.shares
    sizes = (max(1, round(pair.window_size)), max(1, round(pair.reference_size)))
    p_drawn, q_drawn = (generator.multinomial(size, q, draws) / size for size in sizes)
    return p_drawn, q_drawn


def mean_under_null(pair: BinnedPair, distance: Distance, seed: int = 0, draws: int = DRAWS) -> float | None:
    """Return the mean of a distance (which works over the last axis) when nothing moved; None where a side is empty.

    Source: parametric bootstrap, Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 6.5.

    >>> from detectors import psi
    >>> from detectors.pair import pair_of
    >>> pair = pair_of([500, 500], [500, 500])
    >>> abs(mean_under_null(pair, psi.distance) - psi.expected(pair)) < 0.001
    True
    """
    return float(distance(*null_shares(pair, draws, seed)).mean()) if pair.comparable else None
