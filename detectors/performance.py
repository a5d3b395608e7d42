"""How well a model did, from predictions joined with their labels."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors import (
    accuracy,
    bias,
    clusters,
    confusion,
    f1,
    log_loss,
    mae,
    precision,
    recall,
    rmse,
    roc_auc,
    wilson,
)
from detectors.estimate import Estimate, none_of
from detectors.mean_sums import MeanSums
from detectors.outcomes import Outcomes, Task
from detectors.pair import FloatArray
from kernel.measurement import Measurement, Status

LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse"})
NEITHER_IS_BETTER = frozenset({"bias"})
_USUAL_PAIRS = (frozenset({"0", "1"}), frozenset({"false", "true"}))


def positive_class(found: Outcomes, task: Task) -> str | None:
    """The class that precision, recall and the ROC curve are about; None where there is no such class, or nobody can say.

    As declared, else the last by name of the two that were predicted or happened. Where a binary task is declared and only one was,
    the scores or the usual pairs of names may tell the other. A declared multiclass task has none.

    >>> quiet_day = Outcomes(np.array(["false"]), np.array(["false"]), {}, None, np.array([0]), predictions=1)
    >>> positive_class(quiet_day, Task("binary")), positive_class(quiet_day, Task())
    ('true', None)
    """
    if task.kind == "multiclass":
        return None
    if task.positive_class:
        return task.positive_class
    classes = {*np.unique(found.actual).tolist(), *np.unique(found.predicted).tolist()}
    if task.kind == "binary" and len(classes) < 2:
        pairs = [
            pair for pair in ({*found.scores, *classes}, *map(set, _USUAL_PAIRS)) if len(pair) == 2 and classes <= pair
        ]
        classes = pairs[0] if pairs else classes
    return str(max(classes)) if len(classes) == 2 else None


def estimates(found: Outcomes, task: Task) -> dict[str, Estimate]:
    """Every metric that these outcomes have, by name, with its interval; cluster-robust from 30 days.

    >>> predicted, actual = np.array([1.0, 2.0, 6.0]), np.array([1.0, 4.0, 5.0])
    >>> found = estimates(Outcomes(predicted, actual, {}, None, np.zeros(3, np.int64), predictions=3), Task())
    >>> {name: round(estimate.value, 3) for name, estimate in found.items()}
    {'mae': 1.0, 'rmse': 1.291, 'bias': -0.333}
    """
    if found.is_regression:
        return _regression(found)
    positive = positive_class(found, task)
    counts = confusion.count(found.actual, found.predicted, found.weights)
    parts = _daily_counts(found)
    metrics = {"accuracy": accuracy.estimate(counts, parts)}
    for name, module in (("precision", precision), ("recall", recall), ("f1", f1)):
        if positive is not None:
            metrics[name] = module.estimate(counts, "binary", positive, parts)
        elif task.kind == "binary":  # a day with one class alone does not say which one matters
            metrics[name] = none_of(counts.rows)
        else:
            metrics[name] = module.estimate(counts, "macro", None, parts)
    if positive is not None and positive in found.scores:
        metrics |= _by_score(found, positive)
    elif task.kind != "binary" and positive is None and len(found.scores) > 1:
        metrics["log_loss"] = _loss_of_classes(found)
    return metrics


def _loss_of_classes(found: Outcomes) -> Estimate:
    """Of the rows with a score for every class; a label that is none of them had a probability of 0."""
    names = sorted(found.scores)
    table = np.column_stack([found.scores[name] for name in names])
    scored = np.flatnonzero(np.isfinite(table).all(axis=1))
    places = np.searchsorted(names, found.actual[scored])
    known = np.isin(found.actual[scored], names)
    labels = np.where(known, places, -1)

    def sums(rows: NDArray[np.intp]) -> MeanSums:
        return log_loss.sums(table[scored[rows]], labels[rows], _some(found.weights, scored[rows]))

    return log_loss.estimate(sums(np.arange(len(scored))), [sums(rows) for rows in _by_day(found.days[scored])])


def _by_score(found: Outcomes, positive: str) -> dict[str, Estimate]:
    scored = np.isfinite(found.scores[positive])
    scores, actual = found.scores[positive][scored], (found.actual == positive)[scored]
    weights = None if found.weights is None else found.weights[scored]
    days = found.days[scored]
    loss = log_loss.binary_sums(scores, actual, weights)
    daily = [
        log_loss.binary_sums(scores[rows], actual[rows], None if weights is None else weights[rows])
        for rows in _by_day(days)
    ]
    return {
        "roc_auc": roc_auc.estimate(scores, actual, weights, days),
        "log_loss": log_loss.estimate(loss, daily),
    }


def _regression(found: Outcomes) -> dict[str, Estimate]:
    predicted, actual = found.predicted.astype(np.float64), found.actual.astype(np.float64)
    measured = {}
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float64 has no value, or no interval
        for name, module in (("mae", mae), ("rmse", rmse), ("bias", bias)):
            parts = [module.sums(actual[r], predicted[r], _some(found.weights, r)) for r in _by_day(found.days)]
            measured[name] = module.estimate(module.sums(actual, predicted, found.weights), parts)
    return measured


def _some(weights: FloatArray | None, rows: NDArray[np.intp]) -> FloatArray | None:
    return None if weights is None else weights[rows]


def _by_day(days: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """The rows of each day; none at all where there are too few days for a cluster-robust interval."""
    if len(np.unique(days)) < clusters.LEAST_CLUSTERS:
        return []
    order = np.argsort(days, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(days[order])) + 1)


def _daily_counts(found: Outcomes) -> list[confusion.ConfusionCounts]:
    return [
        confusion.count(found.actual[rows], found.predicted[rows], _some(found.weights, rows))
        for rows in _by_day(found.days)
    ]


Reference = Mapping[str, Mapping[str, float | None]]
"""metric -> {"value", "lower", "upper", "rows"} of the reference's labelled rows."""


def measure_performance(
    found: Outcomes, reference: Reference, task: Task, *, final: bool = True
) -> Iterator[Measurement]:
    """Every performance metric, held against the reference's, and label_coverage: the share of predictions with a label.

    Intervals of fewer than 30 days hold for independent rows only, which real errors are not; they do not alarm.

    Args:
        final: whether all labels are there that are to come; until then nothing is judged.

    >>> days = np.repeat(np.arange(40), 10)
    >>> actual, predicted = np.full(400, "late"), np.where(np.arange(400) % 10 < 7, "late", "ok")
    >>> found = Outcomes(predicted, actual, {}, None, days, predictions=500)
    >>> before = {"accuracy": {"value": 0.9, "lower": 0.88, "upper": 0.92, "rows": 5000}}
    >>> measured = measure_performance(found, before, Task("binary", "late"))
    >>> [(m.metric, m.value, m.status.value) for m in measured][:2]
    [('label_coverage', 0.8, 'ok'), ('accuracy', 0.7, 'degraded')]
    """
    labelled = len(found.actual)
    lower, upper = (
        wilson.interval(labelled / found.predictions, found.predictions) if found.predictions else (None, None)
    )
    coverage = labelled / found.predictions if found.predictions else None
    yield Measurement(
        "label_coverage", "", coverage, Status.OK if found.predictions else Status.INSUFFICIENT,
        lower=lower, upper=upper, rows=found.predictions,
    )  # fmt: skip
    if not labelled:
        return
    for measured in compare(found, reference, task):
        provisional = not final and measured.status is not Status.INSUFFICIENT
        yield replace(measured, status=Status.PROVISIONAL) if provisional else measured


def compare(found: Outcomes, reference: Reference, task: Task) -> Iterator[Measurement]:
    """Every metric, held against the reference's.

    >>> number = Outcomes(np.array([1.0]), np.array([3.0]), {}, None, np.array([0]), predictions=1)
    >>> [(m.metric, m.value) for m in compare(number, {}, Task())][0]
    ('mae', 2.0)
    """
    for metric, estimate in estimates(found, task).items():
        before = reference.get(metric, {})
        yield Measurement(
            metric, "", estimate.value, _judged(metric, estimate, before), before.get("value"),
            lower=estimate.lower, upper=estimate.upper, rows=estimate.rows, reference_rows=before.get("rows"),
            basis=estimate.basis,
        )  # fmt: skip


def _judged(metric: str, now: Estimate, before: Mapping[str, float | None]) -> Status:
    if now.value is None:
        return Status.INSUFFICIENT
    if now.basis != "cluster" or now.lower is None or now.upper is None or metric in NEITHER_IS_BETTER:
        return Status.OK
    low, high = before.get("lower"), before.get("upper")
    if low is None or high is None:
        return Status.OK
    worse = now.lower > high if metric in LOWER_IS_BETTER else now.upper < low
    return Status.DEGRADED if worse else Status.OK
