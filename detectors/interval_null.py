"""Drift by an interval null: not whether anything moved, but whether it moved by more than delta."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors import noise, noncentral, psi
from detectors.delta import DELTA
from detectors.pair import BinnedPair, FloatArray
from detectors.pooling import pool_small

LEAST_ROWS = 2.0
DRAWS = 1_000
"""Where p_change takes draws: it is told, p_delta decides, so a thousandth is fine enough."""


@dataclass(frozen=True)
class Drift:
    """A column's drift in one window.

    Attributes:
        value: psi; None, like all other numbers, where the basis is `insufficient`.
        expected: psi that noise alone gives at these sizes.
        excess: value - expected.
        lower: lower confidence bound of psi at level 1 - alpha; never above value.
        p_delta: P(a statistic at least as large) where psi is delta; drift is called where it is below alpha.
        p_change: the same where nothing moved.
        basis: how p_change was had, or `insufficient` where a side has fewer than 2 effective rows.
    """

    value: float | None
    expected: float | None
    excess: float | None
    lower: float | None
    p_delta: float | None
    p_change: float | None
    basis: noise.Basis | Literal["insufficient"]

    def called(self, alpha: float) -> bool:
        """Whether drift is called at this alpha: never without enough rows.

        >>> INSUFFICIENT.called(0.5)
        False
        """
        return self.p_delta is not None and self.p_delta < alpha


INSUFFICIENT = Drift(None, None, None, None, None, None, "insufficient")


def measure_drift(pair: BinnedPair, alpha: float, delta: float = DELTA, seed: int = 0) -> Drift:
    """Measure psi's value, noise and confidence, and test it against delta at level alpha.

    p_delta = P(noncentral chi-square(B-1, delta nm/(n+m)) >= statistic), after pooling bins under 5 expected; the
    statistic is `stable_statistic`. Source of the interval null: Hodges and Lehmann, "Testing the approximate validity
    of statistical hypotheses" (1954). Raises ValueError unless 0 < alpha < 1 and delta is 0 or more.

    >>> from detectors.pair import pair_of
    >>> drift = measure_drift(pair_of([9000, 1000], [50000, 50000]), alpha=1e-5)
    >>> round(drift.value, 3), drift.lower > 0.7, drift.called(1e-5)
    (0.879, True, True)
    >>> measure_drift(pair_of([], []), alpha=1e-5).basis
    'insufficient'
    """
    if not 0 < alpha < 1 or delta < 0:
        raise ValueError(f"alpha must lie between 0 and 1 and delta be 0 or more, got {alpha} and {delta}")
    index, by_noise = psi.value(pair), psi.expected(pair)
    if index is None or by_noise is None or min(pair.window_size, pair.reference_size) < LEAST_ROWS:
        return INSUFFICIENT
    pooled = pool_small(pair)
    freedom, information = pooled.bins - 1, pair.information
    statistic = min(stable_statistic(pooled), index * information)
    change = noise.p_change(pair, seed, DRAWS)
    return Drift(
        value=index,
        expected=by_noise,
        excess=index - by_noise,
        lower=noncentral.lower_noncentrality(statistic, freedom, alpha) / information,
        p_delta=noncentral.tail(statistic, freedom, delta * information),
        p_change=change.p,
        basis=change.basis,
    )


def stable_statistic(pair: BinnedPair) -> float:
    """Return a statistic of psi that keeps the noncentral chi-square law in its tail, and never exceeds psi nm/(n+m).

    Where a bin expects 50 rows on both sides, its term is that of 8 nm/(n+m) hellinger^2: the root stabilises the
    variance, so that the law holds away from the null too, and it lies within 2% of psi's where shares at most double.
    In smaller bins the lower of that and Pearson's: roots err when a bin comes out nearly empty, Pearson's when it
    comes out full. Source: Freeman and Tukey, "Transformations related to the angular and the square root" (1950).

    >>> from detectors.pair import pair_of
    >>> round(stable_statistic(pair_of([400, 600], [500, 500])), 2)
    20.26
    """
    return float(stable_statistics(*pair.shares, pair.window_size, pair.reference_size))


def stable_statistics(p: FloatArray, q: FloatArray, n: float, m: float) -> FloatArray:
    """Return the statistic of many windows against one reference: shares of shape (..., B) and (B,), sizes n and m.

    >>> p, q = np.array([[0.4, 0.6], [0.5, 0.5]]), np.array([0.5, 0.5])
    >>> stable_statistics(p, q, 1000, 1000).round(2).tolist()
    [20.26, 0.0]
    """
    roots = 4 * (np.sqrt(np.maximum(p, psi.FLOOR)) - np.sqrt(np.maximum(q, psi.FLOOR))) ** 2
    mixed = (p * n + q * m) / (n + m)
    pearson = np.divide((p - q) ** 2, mixed, out=np.zeros_like(mixed), where=mixed > 0)
    terms = np.where(mixed * min(n, m) >= noise.ASYMPTOTIC, roots, np.minimum(roots, pearson))
    statistics: FloatArray = terms.sum(axis=-1) * (n * m / (n + m))
    return statistics
