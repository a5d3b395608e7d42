"""Fitting an estimator to a reference's labelled rows: which kind it is, on how many rows, and against which of its windows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from detectors.outcomes import Outcomes, Task
from detectors.pair import FloatArray
from detectors.performance import positive_class
from detectors.without_labels import cbpe, cbpe_multiclass, dle, trust
from detectors.without_labels.estimator import Estimator, OfNumbers, OfSeveral, OfTwo
from detectors.without_labels.loss_codes import Column
from detectors.without_labels.scored import Scored, of_rows
from detectors.without_labels.thresholds import rows_of
from kernel.windows import WindowSize

MOST_ROWS = 100_000

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Cut:
    """How a reference is cut into windows as long as those to come.

    Attributes:
        size: their length.
        least_rows: a window with fewer says nothing, nor does a reference.
        most_rows: that curves are fitted on, drawn where there are more; thresholds are of all.
    """

    size: WindowSize
    least_rows: int
    most_rows: int = MOST_ROWS

    def windows(self, moments_us: npt.NDArray[np.int64]) -> list[Places]:
        """The rows (rows,) of each window that has enough; none at all of under two windows, which say nothing of others.

        >>> [rows.tolist() for rows in Cut(WindowSize("1h"), 2).windows(np.array([1, 3_600_000_001, 2, 3_600_000_002]))]
        [[0, 2], [1, 3]]
        """
        found = [rows for rows in rows_of(self.size.starts(moments_us)) if rows.size >= max(1, self.least_rows)]
        return found if len(found) > 1 else []


@dataclass(frozen=True)
class Featured:
    """Rows of a regression with a label, and their features.

    Attributes:
        features: each with where the record log keeps it; columns: their values, each of shape (rows,).
        predictions, labels: shape (rows,), finite.
        moments_us: when each was predicted.
    """

    features: tuple[tuple[str, str], ...]
    columns: Sequence[Column]
    predictions: FloatArray
    labels: FloatArray
    moments_us: npt.NDArray[np.int64]


def of_classes(found: Outcomes, task: Task, cut: Cut) -> Estimator | None:
    """Return the estimator of classes: of two where there is a positive class, else of all that have a score.

    None without scores, with labels of one class only, or with too few rows that have both. Source: NannyML 0.13, cbpe.py.

    >>> rng = np.random.default_rng(0)
    >>> scores, moments = rng.random(4_000), np.arange(4_000) * 3_600_000
    >>> actual = np.where(rng.random(4_000) < scores, "late", "ok")
    >>> rows = Outcomes(np.where(scores > 0.5, "late", "ok"), actual, {"late": scores}, None, moments, 4_000, moments)
    >>> found = of_classes(rows, Task("binary", "late"), Cut(WindowSize("1h"), 100))
    >>> found.positive, found.fitted.thresholds["accuracy"].broken_by(0.5)
    ('late', True)
    """
    positive = positive_class(found, task)
    if positive is not None:
        return _of_two(found, positive, cut) if positive in found.scores else None
    return _of_several(found, cut) if task.kind != "binary" and len(found.scores) > 1 else None


def _of_two(found: Outcomes, positive: str, cut: Cut) -> OfTwo | None:
    scores, weights = found.scores[positive], _weights(found)
    predicted, labels = found.predicted == positive, found.actual == positive
    rows = np.flatnonzero(np.isfinite(scores))
    if not _enough(found.actual[rows], cut):
        return None

    def scored(some: Places) -> Scored:
        return of_rows(scores[some], predicted[some], weights[some])

    some = _some(rows, cut)
    fitted = cbpe.fit(scored(some), labels[some], resamples=0)
    windows = _windows(found, rows, cut)
    if not windows:
        return OfTwo(positive, fitted)
    all_, numbers = _numbered(windows)
    limits = cbpe.thresholds_of(scored(all_), labels[all_], numbers)
    chances = fitted.chances(scores)
    right = np.where(predicted, chances, 1 - chances)
    spread = _spread(right, predicted == labels, weights, windows, fitted.errors["accuracy"])
    return OfTwo(positive, replace(fitted, thresholds=limits), spread)


def _of_several(found: Outcomes, cut: Cut) -> OfSeveral | None:
    classes, weights = tuple(sorted(found.scores)), _weights(found)
    scores = np.column_stack([found.scores[name] for name in classes])
    known = np.isin(found.actual, classes) & np.isin(found.predicted, classes)
    rows = np.flatnonzero(known & np.isfinite(scores).all(axis=1))
    if not _enough(found.actual[rows], cut):
        return None
    predicted, labels = (np.searchsorted(classes, side) for side in (found.predicted, found.actual))
    some = _some(rows, cut)
    fitted = cbpe_multiclass.fit(scores[some], predicted[some], labels[some], weights[some], resamples=0)
    windows = _windows(found, rows, cut)
    if not windows:
        return OfSeveral(classes, fitted)
    all_, numbers = _numbered(windows)
    limits = cbpe_multiclass.thresholds_of(scores[all_], predicted[all_], labels[all_], weights[all_], numbers)
    right = np.full(len(scores), np.nan)
    right[rows] = fitted.chances(scores[rows])[np.arange(rows.size), predicted[rows]]
    spread = _spread(right, predicted == labels, weights, windows, fitted.errors["accuracy"])
    return OfSeveral(classes, replace(fitted, thresholds=limits), spread)


def of_numbers(found: Outcomes, sample: Featured, cut: Cut) -> OfNumbers | None:
    """Return the estimator of a regression; None with too few rows. Source: NannyML 0.13, direct_loss_estimation.

    Args:
        found: all rows with a label, of which thresholds are made.
        sample: the rows that trees are fitted on.

    >>> x, moments = np.random.default_rng(0).random(400), np.arange(400) * 36_000_000
    >>> rows = Outcomes(np.zeros(400), 1 + x, {}, None, moments, 400, moments)
    >>> sample = Featured((("x", "numbers"),), [x], np.zeros(400), 1 + x, moments)
    >>> found = of_numbers(rows, sample, Cut(WindowSize("1h"), 100))
    >>> found.features, found.fitted.thresholds["mae"].broken_by(1.5)
    ((('x', 'numbers'),), False)
    """
    predicted, actual = found.predicted.astype(np.float64), found.actual.astype(np.float64)
    rows = np.flatnonzero(np.isfinite(predicted) & np.isfinite(actual))
    if rows.size < max(1, cut.least_rows) or not sample.labels.size:
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float64 cannot be stored, and is not (codec.py)
        fitted = dle.fit(sample.columns, sample.predictions, sample.labels)
        if windows := _windows(found, rows, cut):
            all_, numbers = _numbered(windows)
            limits = dle.thresholds_of(predicted[all_], actual[all_], numbers, _weights(found)[all_])
            fitted = replace(fitted, thresholds=limits)
        losses = fitted.models["absolute"].losses(sample.columns, sample.predictions)
        happened, ones = np.abs(sample.labels - sample.predictions), np.ones(sample.labels.size)
        of_sample = rows_of(cut.size.starts(sample.moments_us)) if windows else []
        return OfNumbers(sample.features, fitted, _spread(losses, happened, ones, of_sample, fitted.errors["mae"]))


def _enough(labels: npt.NDArray[np.generic], cut: Cut) -> bool:
    return labels.size >= max(1, cut.least_rows) and bool((labels != labels[0]).any())


def _weights(found: Outcomes) -> FloatArray:
    return np.ones(len(found.actual)) if found.weights is None else found.weights


def _some(rows: Places, cut: Cut) -> Places:
    """All of them, or as many as are fitted on, in their order."""
    if rows.size <= cut.most_rows:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, cut.most_rows, replace=False))


def _windows(found: Outcomes, rows: Places, cut: Cut) -> list[Places]:
    return [rows[of] for of in cut.windows(found.moments_us[rows])]


def _numbered(windows: Sequence[Places]) -> tuple[Places, npt.NDArray[np.int64]]:
    """The rows of all windows, and which window each is of."""
    return np.concatenate(windows), np.repeat(np.arange(len(windows)), [rows.size for rows in windows])


def _spread(
    expected: FloatArray,
    happened: npt.NDArray[np.generic],
    weights: FloatArray,
    windows: Sequence[Places],
    error: float | None,
) -> float:
    """What a mean of rows was expected wrongly by, from window to window."""
    off = expected - happened.astype(np.float64)
    gaps = [float(np.average(off[rows], weights=weights[rows])) for rows in windows]
    return trust.spread(np.array(gaps), np.array([float(rows.size) for rows in windows]), error or 0.0)
