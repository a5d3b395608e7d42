"""Between which values a reference's own performance lies."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DEVIATIONS = 3.0


@dataclass(frozen=True)
class Thresholds:
    """What an estimate is held against.

    >>> Thresholds(0.8, 0.9).broken_by(0.75), Thresholds(0.8, 0.9).broken_by(0.85)
    (True, False)
    """

    lower: float
    upper: float

    def broken_by(self, value: float) -> bool:
        """Whether a value lies outside."""
        return value < self.lower or value > self.upper


def of_chunks(values: Iterable[float | None], low: float = 0.0, high: float = 1.0) -> Thresholds | None:
    """Return the mean of a measure over chunks of the reference, less and plus three standard deviations, within its limits.

    Chunks without a value do not count; None where none has one. Source: NannyML 0.13, StandardDeviationThreshold, its default.

    >>> found = of_chunks([0.8, 0.9, None])
    >>> round(found.lower, 6), found.upper
    (0.7, 1.0)
    """
    known = np.array([value for value in values if value is not None and math.isfinite(value)])
    if not known.size:
        return None
    mean, reach = float(known.mean()), DEVIATIONS * float(known.std())
    return Thresholds(max(low, mean - reach), min(high, mean + reach))


def rows_of(chunks: npt.NDArray[np.int64]) -> list[npt.NDArray[np.intp]]:
    """Return the places of the rows of each chunk, by its number; of `chunks` the shape is (rows,).

    >>> [rows.tolist() for rows in rows_of(np.array([7, 3, 7]))]
    [[1], [0, 2]]
    """
    order = np.argsort(chunks, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(chunks[order])) + 1)
