"""How well a classifier tells a window from its reference."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors import clusters
from detectors.delong import placements
from detectors.estimate import Estimate, none_of
from detectors.multivariate import logistic
from detectors.multivariate.classifier_columns import expand
from detectors.multivariate.rows import AnyFloats, Rows, all_rows
from detectors.pair import FloatArray

FOLDS = 5
LEAST_ROWS = 50
_MOST_ROWS = 20_000
_MOST_CELLS = 8_000_000
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DomainAuc:
    """The area under the ROC curve of the window's rows against the reference's.

    Attributes:
        estimate: 0.5 where nothing tells them apart, 1 where all does, with DeLong's interval; no value with under 50 rows
            on a side.
        p: P(an area at least as large) where nothing moved; None without a value.
        error: of the area; the larger one of DeLong's and of what it is where nothing moved.
    """

    estimate: Estimate
    p: float | None
    error: float | None = None

    def p_over(self, tolerance: float) -> float | None:
        """Return P(an area at least as large) where the true one is `tolerance`; None without a value.

        Normal, by Hoeffding, "A class of statistics with asymptotically normal distribution" (1948).

        >>> DomainAuc(Estimate(0.7, 0.6, 0.8, 100.0, ""), 0.001, error=0.05).p_over(0.6) < 0.025
        True
        """
        if self.estimate.value is None or self.error is None:
            return None
        if self.error == 0:
            return 0.0 if self.estimate.value > tolerance else 1.0
        return float(special.ndtr((tolerance - self.estimate.value) / self.error))


def measure(window: AnyFloats, reference: AnyFloats, seed: int = 0, level: float = 0.95) -> DomainAuc:
    """Return the mean area over held-out folds of a window (n, columns) and its reference (m, columns).

    Five folds, drawn at random in each side; a ridge logistic regression on the columns that `classifier_columns` makes
    learns from the folds before the one that it scores, and the first one is not scored. Learning from all other folds, as
    cross-validation does, makes the folds' areas go together: where nothing moved, the variance of their mean is nearly
    twice what the folds' own say, and a test at 5% rejects 12%. Learning from earlier folds alone keeps them independent
    (Dawid, "The prequential approach", 1984), so that p is Mann and Whitney's, one-sided, and the interval's error is the
    root of the sum of DeLong's variances. The penalty is the number of features, which expects log-odds of variance 1.

    Categories enter by `encoding.one_hot`; NaN is a hole. A random 20,000 rows a side at most are taken, fewer of more than
    400 columns, so memory is bounded. Raises ValueError for shapes that do not go together. Source: Lopez-Paz and Oquab,
    "Revisiting classifier two-sample tests" (2017).

    >>> rng = np.random.default_rng(0)
    >>> found = measure(rng.normal(1.0, 1.0, (200, 2)), rng.normal(0.0, 1.0, (300, 2)))
    >>> 0.8 < found.estimate.lower < found.estimate.value < 0.9, found.p < 1e-9
    (True, True)
    """
    if window.shape[1:] != reference.shape[1:]:
        raise ValueError(f"window and reference need the same columns, got shapes {window.shape} and {reference.shape}")
    generator = np.random.default_rng(seed)
    sides = [_some(all_rows(side), generator) for side in (window, reference)]
    counts = [side.shape[0] for side in sides]
    if min(counts) < LEAST_ROWS:
        return DomainAuc(none_of(sum(counts)), None)
    features = expand(np.concatenate(sides))
    positives = np.arange(sum(counts)) < counts[0]
    folds = np.concatenate([generator.permutation(count) % FOLDS for count in counts])
    areas, errors, variances = np.array(list(_areas(features, positives, folds))).T
    scored = areas.size
    error, noise = math.sqrt(errors @ errors) / scored, math.sqrt(variances.sum()) / scored
    area = float(areas.mean())
    p = float(special.ndtr((0.5 - area) / noise)) if noise else 1.0
    return DomainAuc(clusters.interval(area, sum(counts), error, None, level, (0.0, 1.0)), p, max(error, noise))


def _some(side: Rows, generator: np.random.Generator) -> FloatArray:
    most = max(LEAST_ROWS, min(_MOST_ROWS, _MOST_CELLS // max(1, side.columns)))
    return side.take(np.sort(generator.permutation(side.count)[:most]))


def _areas(features: FloatArray, positives: Flags, folds: npt.NDArray[np.intp]) -> Iterator[tuple[float, float, float]]:
    """Each scored fold's area, DeLong's error of it, and its variance where nothing moved."""
    for fold in range(1, FOLDS):
        seen, now = folds < fold, folds == fold
        weights = logistic.fit(features[seen], positives[seen], penalty=max(1.0, features.shape[1]))
        scores = logistic.log_odds(features[now], weights)
        placed = placements(scores, positives[now])
        yield placed.area, placed.error or 0.0, null_variance(scores, positives[now])


def null_variance(scores: FloatArray, positives: Flags) -> float:
    """Return the variance of the area when the scores (rows,) say nothing about the classes (rows,), ties counted half.

    Source: Lehmann, "Nonparametrics: Statistical Methods Based on Ranks" (1975), section 1.4.

    >>> null_variance(np.array([1.0, 2.0]), np.array([True, False]))
    0.25
    """
    up, down = int(positives.sum()), int((~positives).sum())
    _, ties = np.unique(scores, return_counts=True)
    rows = up + down
    lost = float(np.sum(ties.astype(np.float64) ** 3 - ties)) / (rows * (rows - 1))
    return (rows + 1 - lost) / (12 * up * down)
