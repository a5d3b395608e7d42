"""A change of a mean, split into what came of other rows (covariate shift) and of another outcome of like rows (concept shift)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors import clusters
from detectors.estimate import Estimate, none_of
from detectors.multivariate import logistic
from detectors.pair import FloatArray

LEAST_OVERLAP = 0.05
_PENALTY = 1.0


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows of an earlier and a later time, columns of shape (rows,).

    Attributes:
        values: what is averaged, in the metric's unit, finite.
        weights: above 0.
        clusters: what errors cluster by.
        is_after: whether a row is of the later time; some are of either.
    """

    values: FloatArray
    weights: FloatArray
    clusters: npt.NDArray[np.generic]
    is_after: npt.NDArray[np.bool_]

    @property
    def shares(self) -> FloatArray:
        """The weights, which add up to 1 in each of the two times, shape (rows,).

        >>> Rows(np.zeros(3), np.array([3.0, 1.0, 5.0]), np.zeros(3), np.array([False, False, True])).shares.tolist()
        [0.75, 0.25, 1.0]
        """
        totals = np.bincount(self.is_after, self.weights, 2)
        shares: FloatArray = self.weights / totals[self.is_after.astype(np.intp)]
        return shares

    def estimate(self, value: float, influences: FloatArray) -> Estimate:
        """Return the 95% interval of a change by each row's influence on it, shape (rows,), which sum to 0.

        Cluster-robust where either time has 30 clusters: of a time that is one cluster nobody knows how such times differ.

        >>> rows = Rows(np.zeros(2), np.ones(2), np.zeros(2), np.array([False, True]))
        >>> rows.estimate(1.0, np.array([-0.5, 0.5])).basis
        'iid'
        """
        counts = [np.unique(self.clusters[side]).size for side in (self.is_after, ~self.is_after)]
        keys = self.clusters if min(counts) >= clusters.LEAST_CLUSTERS else None
        return clusters.of_rows(value, influences, keys)


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of a change, in the metric's unit, with 95% intervals: total = covariate + concept.

    Attributes:
        total: later less earlier.
        covariate: what came of other rows; concept: of another outcome of like rows. No values where the overlap is under 0.05.
        overlap: from 0, where rows of the two times have nothing in common, to 1, where they are alike.
    """

    total: Estimate
    covariate: Estimate
    concept: Estimate
    overlap: float


def split(rows: Rows, features: FloatArray) -> Split:
    """Split the change of a weighted mean by what features (rows, columns), standardised, tell of the rows.

    Both times are held against the rows that they have in common, of density p q / (p + q): an earlier row counts by its chance of
    being a later one, a later row by that of being an earlier one. The difference of the means there is the concept part; how far
    each time's own mean lies from its mean there is the covariate part. No row counts more than once, and the logistic regression
    that gives the chances makes all features' means equal (Li, Morgan and Zaslavsky, "Balancing covariates via propensity score
    weighting", 2018). What no feature tells is concept.

    Intervals are from each row's influence, by way of the regression as well (Lunceford and Davidian, 2004).

    Source: Cai, Namkoong and Yadlowsky, "Diagnosing model performance under distribution shift" (2023).

    >>> rng = np.random.default_rng(0)
    >>> later = np.arange(8000) >= 4000
    >>> x = rng.normal(0.8 * later, 1.0)  # other rows, whose outcomes are as they were
    >>> right = (rng.random(8000) < special.expit(1 - x)).astype(float)
    >>> found = split(Rows(right, np.ones(8000), np.zeros(8000), later), x[:, None])
    >>> [round(part.value, 2) for part in (found.total, found.covariate, found.concept)]
    [-0.17, -0.16, -0.01]
    """
    shares = rows.shares
    counted = shares * shares.size / 2
    fitted = logistic.fit(features, rows.is_after, _PENALTY, counted)
    chances = special.expit(logistic.log_odds(features, fitted))
    total, pulls = _difference(rows, shares)
    influences = np.where(rows.is_after, pulls, -pulls)
    overlap = 2 * float(shares @ (chances * (1 - chances)))
    if overlap < LEAST_OVERLAP:
        nothing = none_of(shares.size)
        return Split(rows.estimate(total, influences), nothing, nothing, overlap)
    common = np.where(rows.is_after, 1 - chances, chances)
    concept, pulls = _difference(rows, shares * common)
    slope = -_columns(features).T @ (pulls * (1 - common))
    of_concept = np.where(rows.is_after, pulls, -pulls) + _by_regression(
        slope, features, counted * chances * (1 - chances), counted * (rows.is_after - chances), fitted
    )
    return Split(
        rows.estimate(total, influences),
        rows.estimate(total - concept, influences - of_concept),
        rows.estimate(concept, of_concept),
        overlap,
    )


def _difference(rows: Rows, weights: FloatArray) -> tuple[float, FloatArray]:
    """The later mean less the earlier one, by weights (rows,), and each row's influence on its own mean (rows,)."""
    side = rows.is_after.astype(np.intp)
    totals = np.bincount(side, weights, 2)
    means = np.bincount(side, weights * rows.values, 2) / totals
    return float(means[1] - means[0]), weights * (rows.values - means[side]) / totals[side]


def _by_regression(
    slope: FloatArray, features: FloatArray, curved: FloatArray, residuals: FloatArray, fitted: FloatArray
) -> FloatArray:
    """Each row's influence (rows,) on something by way of the regression's weights, along which it has this slope."""
    columns = _columns(features)
    penalty = np.append(np.full(features.shape[1], _PENALTY), 0.0)
    moved = np.linalg.solve((columns.T * curved) @ columns + np.diag(penalty), slope)
    influences: FloatArray = residuals * (columns @ moved) - float(penalty * fitted @ moved) / len(features)
    return influences


def _columns(features: FloatArray) -> FloatArray:
    return np.column_stack([features, np.ones(len(features))])
