"""Confidence-based performance estimation of several classes, each against the rest, from rows of scores.

What it cannot see is what cbpe.py says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from detectors import average_precision
from detectors.estimate import Estimate
from detectors.pair import FloatArray, effective_size
from detectors.without_labels import calibration, expected_counts, expected_ranking, sampling_error, thresholds
from detectors.without_labels.cbpe import interval
from detectors.without_labels.expected_counts import RATIOS, ExpectedCounts
from detectors.without_labels.isotonic import Isotonic
from detectors.without_labels.thresholds import Thresholds

METRICS = (*RATIOS, "roc_auc", "average_precision")

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """What a labelled reference says of any window; plain numbers that can be stored.

    Attributes:
        calibrations: by class, from its scores to chances before they are made to sum to 1; None where they are chances.
        errors, thresholds: as of two classes (cbpe.Fitted).
    """

    calibrations: tuple[Isotonic | None, ...]
    errors: Mapping[str, float | None]
    thresholds: Mapping[str, Thresholds]

    def chances(self, scores: FloatArray) -> FloatArray:
        """Return the chance of each class (rows, classes); equal ones where every class has none.

        >>> Fitted((None, None), {}, {}).chances(np.array([[0.25, 0.75], [0.0, 0.0]])).tolist()
        [[0.25, 0.75], [0.5, 0.5]]
        """
        columns = zip(scores.T, self.calibrations, strict=True)
        curved = np.column_stack([column if curve is None else curve.at(column) for column, curve in columns])
        total = curved.sum(axis=1, keepdims=True)
        even = np.full_like(curved, 1 / curved.shape[1])
        chances: FloatArray = np.divide(curved, total, out=even, where=total > 0)
        return chances


def fit(
    scores: FloatArray,
    predicted: Codes,
    labels: Codes,
    weights: FloatArray | None = None,
    chunks: Codes | None = None,
    seed: int = calibration.SEED,
    resamples: int = sampling_error.RESAMPLES,
) -> Fitted:
    """Return what a reference's rows and their labels say.

    Args:
        scores: shape (rows, classes), finite.
        predicted, labels: the place of a row's class among the scores' columns, shape (rows,).
        weights: shape (rows,).
        chunks: which chunk a row is of, shape (rows,).
        seed, resamples: see cbpe.fit.

    Raises:
        ValueError: without rows.

    Source: NannyML 0.13, performance_estimation/confidence_based/cbpe.py and sampling_error/multiclass_classification.py; of F1
    the error leaves the factor of two classes out, as there.

    >>> rng = np.random.default_rng(0)
    >>> scores = rng.dirichlet([1.0, 1.0, 1.0], 3_000)
    >>> labels = (scores.cumsum(axis=1) < rng.random((3_000, 1))).sum(axis=1)
    >>> fitted = fit(scores, scores.argmax(axis=1), labels, chunks=np.arange(3_000) // 500)
    >>> len(fitted.calibrations), fitted.thresholds["f1"].broken_by(0.3)
    (3, True)
    """
    if not len(scores):
        raise ValueError("a reference needs rows with labels")
    weight = np.ones(len(scores)) if weights is None else weights
    truth = _flags(labels, scores.shape[1])
    columns = list(zip(scores.T, truth.T, strict=True))
    return Fitted(
        tuple(calibration.fit(column, positive, weights, seed) for column, positive in columns),
        _errors(scores, predicted, truth, weight, seed, resamples),
        {} if chunks is None else thresholds_of(scores, predicted, labels, weight, chunks),
    )


def estimate(
    fitted: Fitted, scores: FloatArray, predicted: Codes, weights: FloatArray | None = None
) -> dict[str, Estimate]:
    """Return the estimate of each metric of rows of scores (rows, classes), with its interval of three sampling errors.

    Accuracy, and the mean over the classes of each other metric of the class against the rest, in which a metric that does not
    exist counts as 0 (a class that is never predicted, of precision); of rankings there is then no value. Rows without all scores
    are left out. Source: NannyML's documentation, "Confidence-based Performance Estimation (CBPE)", multiclass.

    >>> found = estimate(Fitted((None, None), {}, {}), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]))
    >>> round(found["accuracy"].value, 6), round(found["precision"].value, 6)
    (0.85, 0.85)
    """
    held = np.isfinite(scores).all(axis=1)
    scores, predicted = scores[held], predicted[held]
    weight = np.ones(len(scores)) if weights is None else weights[held]
    chances = fitted.chances(scores)
    values = _values(scores, predicted, chances, weight)
    areas = [
        expected_ranking.average_precision(column, chance, weight)
        for column, chance in zip(scores.T, chances.T, strict=True)
    ]
    values["average_precision"] = _mean(areas)
    size = effective_size(float(weight.sum()), float(weight @ weight))
    return {name: interval(values[name], fitted.errors.get(name), size, len(scores)) for name in METRICS}


def thresholds_of(
    scores: FloatArray, predicted: Codes, labels: Codes, weights: FloatArray, chunks: Codes
) -> dict[str, Thresholds]:
    """Return by metric between what its values lie over chunks of a reference; the arguments are those of `fit`.

    Source: NannyML 0.13, StandardDeviationThreshold.

    >>> scores, classes = np.array([[0.9, 0.1], [0.2, 0.8]] * 2), np.array([0, 1, 0, 1])
    >>> thresholds_of(scores, classes, classes, np.ones(4), np.array([0, 0, 1, 1]))["accuracy"]
    Thresholds(lower=1.0, upper=1.0)
    """
    truth, realised = _flags(labels, scores.shape[1]), []
    for rows in thresholds.rows_of(chunks):
        values = _values(scores[rows], predicted[rows], truth[rows], weights[rows])
        columns = zip(scores[rows].T, truth[rows].T, strict=True)
        areas = [average_precision.value(column, positive > 0, weights[rows]) for column, positive in columns]
        realised.append(values | {"average_precision": _mean(areas)})
    found = {name: thresholds.of_chunks([values[name] for values in realised]) for name in METRICS}
    return {name: limits for name, limits in found.items() if limits is not None}


def _values(scores: FloatArray, predicted: Codes, chances: FloatArray, weights: FloatArray) -> dict[str, float | None]:
    """All metrics but average precision, which labels have by threshold and chances row by row."""
    counts = _counts(predicted, chances, weights)
    values: dict[str, float | None] = {
        name: float(np.mean([of(each).value or 0.0 for each in counts])) if len(scores) else None
        for name, of in RATIOS.items()
    }
    values["accuracy"] = _accuracy(counts)
    areas = [
        expected_ranking.roc_auc(column, chance, weights) for column, chance in zip(scores.T, chances.T, strict=True)
    ]
    return values | {"roc_auc": _mean(areas)}


def _counts(predicted: Codes, chances: FloatArray, weights: FloatArray) -> list[ExpectedCounts]:
    return [expected_counts.count(chance, predicted == k, weights) for k, chance in enumerate(chances.T)]


def _accuracy(counts: list[ExpectedCounts]) -> float | None:
    rows = counts[0].rows
    return sum(each.true_positive for each in counts) / rows if rows > 0 else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _errors(
    scores: FloatArray, predicted: Codes, truth: FloatArray, weights: FloatArray, seed: int, resamples: int
) -> dict[str, float | None]:
    counts = _counts(predicted, truth, weights)
    ratios = {name: [of(each) for each in counts] for name, of in RATIOS.items()}
    ratios["f1"] = [replace(ratio, whole=ratio.of) for ratio in ratios["f1"]]
    rows = counts[0].rows
    errors = {
        name: sampling_error.of_mean([sampling_error.of_ratio(ratio, rows) for ratio in by_class])
        for name, by_class in ratios.items()
    }
    right = _accuracy(counts) or 0.0
    errors["accuracy"] = float(np.sqrt(right * (1 - right)))
    columns = list(zip(scores.T, truth.T, strict=True))
    area = sampling_error.of_mean([sampling_error.of_area(*column, weights) for column in columns])
    errors["roc_auc"] = None if area is None else area * sampling_error.OF_DEPENDENT_CLASSES
    drawn = [sampling_error.of_average_precision(*column, seed, resamples) for column in columns]
    precision = sampling_error.of_mean(drawn)
    errors["average_precision"] = None if precision is None else precision * float(np.sqrt(len(columns)))
    return errors


def _flags(codes: Codes, classes: int) -> FloatArray:
    """A column of zeros and ones for each class, shape (rows, classes)."""
    flags: FloatArray = (codes[:, None] == np.arange(classes)).astype(np.float64)
    return flags
