"""The metrics of two models on the same labelled rows, and their differences. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detectors import accuracy, f1, precision, recall
from detectors.confusion import Average, ConfusionCounts
from detectors.estimate import Basis, Estimate
from shadow import paired
from shadow.candidates.contract import FloatArray
from shadow.pairs import ClassPairs, Codes, NumberPairs

_EPS = float(np.finfo(np.float64).eps)
_RATIOS = (("precision", precision.value, 0.0, 1.0), ("recall", recall.value, 1.0, 0.0), ("f1", f1.value, 0.5, 0.5))

_Value = Callable[[ConfusionCounts], float | None]
_Gradient = Callable[[ConfusionCounts], FloatArray]


@dataclass(frozen=True, slots=True)
class Delta:
    """A metric of both models on the same labelled rows; difference is candidate - champion, with its 95% interval.

    Attributes:
        basis: `cluster` where the interval holds when errors of one day depend on one another; `iid` where it holds for
            independent rows only.
    """

    metric: str
    champion: float | None
    candidate: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    rows: int
    basis: Basis = "iid"


def class_deltas(rows: ClassPairs) -> Iterator[Delta]:
    """accuracy, precision, recall, f1 (of the positive class, else macro); with its scores, roc_auc and log_loss.

    Args:
        rows: at least one; each has both predictions and its label.
    """
    counts = counts_of(rows, rows.actual, rows.champion), counts_of(rows, rows.actual, rows.candidate)
    yield _accuracy(rows, counts)
    positive = rows.positive or None
    average: Average = "macro" if positive is None else "binary"
    for name, value, label_share, predicted_share in _RATIOS:
        gradient = partial(
            paired.ratio_gradient, label_share=label_share, predicted_share=predicted_share, positive=positive
        )
        yield _of_counts(name, rows, counts, partial(value, average=average, positive=positive), gradient)
    if positive in rows.classes:
        yield from _of_scores(rows, rows.classes.index(positive))


def number_deltas(rows: NumberPairs) -> Iterator[Delta]:
    """mae and rmse.

    Args:
        rows: at least one; each has both predictions and its label.
    """
    before, after = rows.champion - rows.actual, rows.candidate - rows.actual
    yield _of_means("mae", np.abs(before), np.abs(after), rows.weights, rows.days)
    (champion, one), (candidate, other) = (_root(errors, rows.weights) for errors in (before, after))
    yield _delta("rmse", champion, candidate, paired.interval(candidate - champion, other - one, rows.days))


def counts_of(rows: ClassPairs, truth: Codes, guess: Codes) -> ConfusionCounts:
    """Count codes (n,) against codes (n,), by the rows' weights."""
    size, cells = len(rows.classes), truth * len(rows.classes) + guess
    sums, squares = (np.bincount(cells, w, size * size).reshape(size, size) for w in (rows.weights, rows.weights**2))
    return ConfusionCounts(rows.classes, sums.astype(np.float64), squares.astype(np.float64), truth.size)


def _accuracy(rows: ClassPairs, counts: tuple[ConfusionCounts, ConfusionCounts]) -> Delta:
    found = _of_counts("accuracy", rows, counts, accuracy.value, paired.accuracy_gradient)
    if found.basis == "cluster" or (rows.weights != 1).any():
        return found
    one, other = rows.champion == rows.actual, rows.candidate == rows.actual
    lower, upper = paired.bonett_price(int((one & ~other).sum()), int((other & ~one).sum()), found.rows)
    return Delta(found.metric, found.champion, found.candidate, found.difference, lower, upper, found.rows)


def _of_counts(
    name: str, rows: ClassPairs, counts: tuple[ConfusionCounts, ConfusionCounts], value: _Value, gradient: _Gradient
) -> Delta:
    champion, candidate = value(counts[0]), value(counts[1])
    if champion is None or candidate is None:
        return Delta(name, champion, candidate, None, None, None, rows.actual.size)
    one, other = gradient(counts[0])[rows.actual, rows.champion], gradient(counts[1])[rows.actual, rows.candidate]
    estimate = paired.interval(candidate - champion, rows.weights * (other - one), rows.days, limits=(-1.0, 1.0))
    return _delta(name, champion, candidate, estimate)


def _of_scores(rows: ClassPairs, positive: int) -> Iterator[Delta]:
    scored = rows.only(np.isfinite(rows.champion_scores) & np.isfinite(rows.candidate_scores))
    positives = scored.actual == positive
    if not positives.any() or positives.all():
        return
    before, after = scored.champion_scores, scored.candidate_scores
    yield _delta("roc_auc", *paired.area_difference(before, after, positives, scored.weights, scored.days))
    losses = _log_losses(before, positives), _log_losses(after, positives)
    yield _of_means("log_loss", *losses, scored.weights, scored.days)


def _log_losses(probability: FloatArray, positives: NDArray[np.bool_]) -> FloatArray:
    held = np.clip(probability, _EPS, 1 - _EPS)
    losses: FloatArray = -np.log(np.where(positives, held, 1 - held))
    return losses


def _of_means(name: str, before: FloatArray, after: FloatArray, weights: FloatArray, days: Codes) -> Delta:
    (champion, one), (candidate, other) = (paired.mean_influences(losses, weights) for losses in (before, after))
    return _delta(name, champion, candidate, paired.interval(candidate - champion, other - one, days))


def _root(errors: FloatArray, weights: FloatArray) -> tuple[float, FloatArray]:
    """The root of the mean square, and each row's influence on it."""
    square, influences = paired.mean_influences(errors**2, weights)
    root = float(np.sqrt(square))
    return root, influences / (2 * root) if root else influences


def _delta(name: str, champion: float, candidate: float, found: Estimate) -> Delta:
    return Delta(name, champion, candidate, found.value, found.lower, found.upper, found.rows, found.basis)
