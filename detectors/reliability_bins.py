"""Probabilities beside what happened, in bins of equal width: what a reliability diagram draws."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors import clusters
from detectors.pair import FloatArray

BINS = 10


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """Rows (rows,) in B bins of their probability.

    Attributes:
        place: the bin of each row.
        parts: each row's share of all weight.
        misses: outcome - probability, times that share.
        shares: the bins' shares of all weight, shape (B,).
        gaps: what happened less what was expected in each bin, as a share of all rows, shape (B,).
    """

    place: npt.NDArray[np.intp]
    parts: FloatArray
    misses: FloatArray
    shares: FloatArray
    gaps: FloatArray

    def errors(self, keys: npt.NDArray[np.generic] | None = None) -> FloatArray:
        """The standard errors of the gaps, shape (B,); cluster-robust where the keys (rows,) name 30 clusters or more.

        >>> bins = bin_up(np.full(100, 0.55), np.arange(100) % 2 == 0)
        >>> bins.errors().round(3).tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.05, 0.0, 0.0, 0.0, 0.0]
        """
        number, count = clusters.number(np.empty(0) if keys is None else keys)
        if count < clusters.LEAST_CLUSTERS:
            return self._of_independent_rows()
        size = self.gaps.size
        misses = np.bincount(number * size + self.place, self.misses, count * size).reshape(-1, size)
        influences = misses - np.bincount(number, self.parts)[:, None] * self.gaps
        found: FloatArray = np.sqrt(count / (count - 1) * np.square(influences).sum(axis=0))
        return found

    def _of_independent_rows(self) -> FloatArray:
        squares = self.gaps**2 * float(self.parts @ self.parts)
        mixed = self.misses**2 - 2 * self.gaps[self.place] * self.misses * self.parts
        found: FloatArray = np.sqrt(np.maximum(squares + np.bincount(self.place, mixed, self.gaps.size), 0.0))
        return found


def bin_up(
    probability: FloatArray, positives: npt.NDArray[np.bool_], weights: FloatArray | None = None, bins: int = BINS
) -> ReliabilityBins:
    """Put rows (rows,) into bins by their probability, from 0 to 1; at least one row.

    Source: Murphy and Winkler, "Reliability of subjective probability forecasts of precipitation and temperature" (1977).

    >>> found = bin_up(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, True, False, False]), bins=2)
    >>> found.shares.tolist(), found.gaps.round(3).tolist()
    ([0.5, 0.5], [-0.05, 0.05])
    """
    weight = np.ones(probability.size) if weights is None else np.asarray(weights, np.float64)
    parts = weight / weight.sum()
    place = np.clip((probability * bins).astype(np.intp), 0, bins - 1)
    misses = parts * (positives - probability)
    shares, gaps = (np.bincount(place, of, bins).astype(np.float64) for of in (parts, misses))
    return ReliabilityBins(place, parts, misses, shares, gaps)
