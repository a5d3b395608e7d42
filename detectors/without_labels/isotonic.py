"""Isotonic regression: the chance of a class by its score, as a curve that never falls."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from detectors.pair import FloatArray


@dataclass(frozen=True)
class Isotonic:
    """The curve, as plain numbers that can be stored: straight between its points and level beyond them.

    Attributes:
        scores: of the points, ascending.
        chances: at those scores, from 0 to 1, never falling.

    >>> curve = Isotonic((0.2, 0.4), (0.0, 1.0))
    >>> curve.at(np.array([0.1, 0.3, 0.9])).round(6).tolist()
    [0.0, 0.5, 1.0]
    """

    scores: tuple[float, ...]
    chances: tuple[float, ...]

    def at(self, scores: FloatArray) -> FloatArray:
        """Return the chance at each score, of the same shape."""
        chances: FloatArray = np.interp(scores, self.scores, self.chances)
        return chances


def fit(scores: FloatArray, labels: FloatArray, weights: FloatArray | None = None) -> Isotonic:
    """Return the least-squares curve through labels of 0 or 1 by score; arrays have shape (rows,).

    Rows of one score count as one at their mean. The same curve as scikit-learn's IsotonicRegression, whose predictions are
    interpolated too. Raises ValueError without rows. Source: Barlow, Bartholomew, Bremner and Brunk, "Statistical Inference
    under Order Restrictions" (1972), by pooling adjacent violators.

    >>> fit(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 1.0, 0.0, 1.0]))
    Isotonic(scores=(0.1, 0.2, 0.3, 0.4), chances=(0.0, 0.5, 0.5, 1.0))
    """
    if scores.size == 0:
        raise ValueError("a curve needs rows")
    places, level = np.unique(scores, return_inverse=True)
    weight = np.bincount(level, weights)
    held = weight > 0
    means = np.bincount(level, labels if weights is None else labels * weights)[held] / weight[held]
    chances = optimize.isotonic_regression(means, weights=weight[held]).x
    turns = np.ones(chances.size, np.bool_)  # a point amid a level stretch says nothing
    turns[1:-1] = (chances[1:-1] != chances[:-2]) | (chances[1:-1] != chances[2:])
    return Isotonic(tuple(places[held][turns].tolist()), tuple(chances[turns].tolist()))
