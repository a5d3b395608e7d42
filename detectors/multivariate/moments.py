"""Mean and scatter of many columns, from blocks of rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from detectors.pair import FloatArray


@dataclass(frozen=True, eq=False)
class Moments:
    """What the rows' first two moments need; those of two parts merge, exactly but for rounding.

    Attributes:
        count: the rows.
        mean: shape (columns,); zeros without rows.
        scatter: the sum of (x - mean)(x - mean)' over the rows, shape (columns, columns).
    """

    count: int
    mean: FloatArray
    scatter: FloatArray

    @property
    def covariance(self) -> FloatArray:
        """The unbiased covariance, shape (columns, columns), in products of the columns' units; zeros with one row."""
        return self.scatter / max(1, self.count - 1)


def of_block(rows: FloatArray) -> Moments:
    """Return the moments of rows of shape (count, columns).

    >>> of_block(np.array([[1.0, 0.0], [3.0, 0.0]])).scatter.tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """
    mean = rows.mean(axis=0) if rows.shape[0] else np.zeros(rows.shape[1])
    centred = rows - mean
    return Moments(rows.shape[0], mean, centred.T @ centred)


def merge(one: Moments, other: Moments) -> Moments:
    """Return the moments of the rows of both, in either order.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).

    >>> merge(of_block(np.array([[1.0]])), of_block(np.array([[3.0]]))).scatter.tolist()
    [[2.0]]
    """
    count = one.count + other.count
    if count == 0:
        return one
    step = other.mean - one.mean
    mean = one.mean + step * (other.count / count)
    between = np.outer(step, step) * (one.count * other.count / count)
    return Moments(count, mean, one.scatter + other.scatter + between)


def of_blocks(blocks: Iterable[FloatArray], columns: int) -> Moments:
    """Return the moments of all rows of the blocks (rows, columns), one block in memory at a time.

    >>> of_blocks([np.array([[1.0]]), np.array([[3.0]])], columns=1).mean.tolist()
    [2.0]
    """
    return reduce(merge, map(of_block, blocks), Moments(0, np.zeros(columns), np.zeros((columns, columns))))
