"""Squared Mahalanobis distance of two means, and Hotelling's test of it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from detectors.multivariate import shrinkage
from detectors.multivariate.moments import Moments
from detectors.pair import FloatArray


@dataclass(frozen=True)
class Distance:
    """How far the means are apart, in the common spread of the rows.

    Attributes:
        value: squared, without unit; infinite where a column is constant on either side, at different values.
        expected: about what noise alone gives; infinite where the columns leave no room to say.
        p: P(Hotelling's statistic at least as large) where nothing moved; None where a side has no more rows than
            columns, or the distance is infinite.
        shrinkage: 0 to 1, how far the correlations were drawn to none.
    """

    value: float
    expected: float
    p: float | None
    shrinkage: float


def measure(window: Moments, reference: Moments) -> Distance | None:
    """Return (x - y)' S^-1 (x - y) of the means x and y; S is the pooled covariance, its correlations shrunk.

    The variances are kept and the correlations drawn to 0 by the oracle approximating weight (`shrinkage`), so that S can be
    inverted with more columns than rows, and the distance knows no units. The test takes S as it is: with T^2 =
    nm / (n + m) distance, T^2 (n + m - d - 1) / (d (n + m - 2)) is F(d, n + m - d - 1), exact for normal rows. Columns that
    are constant on both sides at one value do not count. None where a side has no row, or both together under three.
    Source: Hotelling, "The generalization of Student's ratio" (1931).

    >>> from detectors.multivariate.moments import of_block
    >>> rows = np.random.default_rng(1).normal(size=(500, 3))
    >>> found = measure(of_block(rows[:200] + [1.0, 0.0, 0.0]), of_block(rows[200:]))
    >>> round(found.value, 1), found.p < 1e-9
    (1.3, True)
    """
    n, m = window.count, reference.count
    if min(n, m) < 1 or n + m < 3:
        return None
    scatter, step = window.scatter + reference.scatter, window.mean - reference.mean
    spread = np.sqrt(np.diag(scatter) / (n + m - 2))
    rounding = 1e-13 * np.maximum(np.abs(window.mean), np.abs(reference.mean))
    held = spread > rounding
    if (np.abs(step) > rounding)[~held].any():
        return Distance(math.inf, 0.0, None, 0.0)
    columns, noise = int(held.sum()), 1 / n + 1 / m
    if columns == 0:
        return Distance(0.0, 0.0, 1.0, 0.0)
    step = step[held] / spread[held]
    correlations = scatter[np.ix_(held, held)] / np.outer(spread[held], spread[held]) / (n + m - 2)
    drawn = shrinkage.weight(correlations, n + m - 2)
    shrunk = (1 - drawn) * correlations + drawn * np.eye(columns)
    p = _hotelling(step, correlations, n, m) if min(n, m) > columns else None
    return Distance(_squared(step, shrunk)[0], noise * _usual(correlations, drawn, n + m - 2), p, drawn)


def _squared(step: FloatArray, spread: FloatArray) -> tuple[float, int]:
    """The squared distance and the rank: columns that are functions of others leave the spread without an inverse."""
    values, vectors = linalg.eigh(spread)
    along, held = vectors.T @ step, values > values[-1] * 1e-10
    return float(np.sum(along[held] ** 2 / values[held])), int(held.sum())


def _usual(correlations: FloatArray, drawn: float, free: int) -> float:
    """The mean of (x - y)' S^-1 (x - y) where nothing moved, over 1/n + 1/m, for shrunk S.

    Source: Chen, Paul, Prentice and Wang, "A regularized Hotelling's T2 test for pathway analysis in proteomic studies" (2011).
    """
    spread = np.maximum(linalg.eigvalsh(correlations), 0)
    shrunk = (1 - drawn) * spread + drawn
    known = float(np.sum(np.divide(spread, shrunk, out=np.zeros_like(spread), where=shrunk > 0)))
    unseen = 1 - (1 - drawn) * known / free
    return known / unseen if unseen > 0 else math.inf


def _hotelling(step: FloatArray, correlations: FloatArray, n: int, m: int) -> float:
    squared, rank = _squared(step, correlations)
    statistic, free = squared * n * m / (n + m), n + m - rank - 1
    return float(special.fdtrc(rank, free, statistic * free / (rank * (n + m - 2))))
