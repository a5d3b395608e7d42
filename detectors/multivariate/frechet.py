"""Fréchet distance between the normal laws with two samples' means and covariances."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from detectors.multivariate.moments import Moments
from detectors.pair import FloatArray


@dataclass(frozen=True)
class Distance:
    """How far means and covariances are apart.

    Attributes:
        value: squared, in the square of the columns' unit.
        expected: about what noise alone gives, for normal rows and many more of them than columns.
    """

    value: float
    expected: float


def measure(window: Moments, reference: Moments) -> Distance | None:
    """Return |x - y|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2) of means x, y and covariances A, B; None under two rows a side.

    All columns count by their scale. It has no p-value: see `mmd`. Source: Dowson and Landau, "The Fréchet distance between
    multivariate normal distributions" (1982); between embeddings, Heusel et al., "GANs trained by a two time-scale update
    rule" (2017).

    >>> from detectors.multivariate.moments import of_block
    >>> rows = np.array([[-1.0], [1.0]])
    >>> round(measure(of_block(3 * rows), of_block(rows + 5)).value, 6)  # 5^2 + (3 - 1)^2 variances of 2
    33.0
    """
    n, m = window.count, reference.count
    if min(n, m) < 2:
        return None
    step, sides = window.mean - reference.mean, (window.covariance, reference.covariance)
    root = _root(sides[0])
    middle = linalg.eigvalsh(root @ sides[1] @ root)
    apart = sum(float(np.trace(side)) for side in sides) - 2 * float(np.sqrt(np.maximum(middle, 0)).sum())
    pooled = (window.scatter + reference.scatter) / (n + m - 2)
    return Distance(float(step @ step) + max(0.0, apart), _noise(np.maximum(linalg.eigvalsh(pooled), 0), n, m))


def _root(covariance: FloatArray) -> FloatArray:
    values, vectors = linalg.eigh(covariance)
    root: FloatArray = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def _noise(spread: FloatArray, n: int, m: int) -> float:
    """Means and, to second order, covariances of two normal samples with these variances (columns,) along their axes.

    A change H of a covariance with eigenvalues v is 1/2 sum H_ij^2 / (v_i + v_j) away, and H_ij of a sample of n rows has the
    variance v_i v_j (1 + [i = j]) / (n - 1).
    """
    pairs = np.add.outer(spread, spread)
    parts = np.divide(np.outer(spread, spread), pairs, out=np.zeros_like(pairs), where=pairs > 0)
    sums = float(parts.sum() + np.trace(parts)) / 2
    return (1 / n + 1 / m) * float(spread.sum()) + (1 / (n - 1) + 1 / (m - 1)) * sums
