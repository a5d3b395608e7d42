"""How well a model did, from predictions joined with their labels."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from detectors import (
    accuracy,
    bias,
    brier_decomposition,
    by_scores,
    confusion,
    f1,
    mae,
    mape,
    ndcg,
    precision,
    r2,
    recall,
    reciprocal_rank,
    rmse,
    value_per_row,
    wilson,
)
from detectors.conformal import COVERAGE
from detectors.estimate import Estimate, none_of
from detectors.forecasts import Forecasts, of_several, of_two
from detectors.metrics import CALIBRATION, CONFORMAL_COVERAGE, CONFORMAL_THRESHOLD, OF_WORTH, VALUE, VALUE_PER_ROW
from detectors.outcomes import Outcomes, Task
from detectors.rankings import Rankings
from detectors.row_means import RowMeans
from kernel.measurement import Measurement, Status

LABEL_COVERAGE = "label_coverage"
WEIGHTED = ("precision_weighted", "recall_weighted", "f1_weighted")
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error", "mae", "rmse", "mape"})
NEITHER_IS_BETTER = frozenset({"bias", *brier_decomposition.PARTS, *CALIBRATION})
TOLD = NEITHER_IS_BETTER | {*WEIGHTED, *OF_WORTH}
"""What is not judged: the averages by weight, and what rows are worth, are other views of what is."""
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


def settled(found: Outcomes, task: Task) -> Task:
    """The task as all rows tell it, for those of a part of them, which may hold one class alone.

    >>> two = Outcomes(np.array(["late", "ok"]), np.array(["ok", "ok"]), {}, None, np.array([0, 0]), predictions=2)
    >>> settled(two, Task()).positive_class
    'ok'
    """
    if not task.kind and found.is_regression and len(found.actual):
        return replace(task, kind="regression")
    return replace(task, positive_class=positive_class(found, task) or task.positive_class)


def scored(found: Outcomes, task: Task) -> Forecasts | None:
    """What scores said of these outcomes; None where they say nothing of the task's classes.

    >>> names, scores = np.array(["a", "b"]), {"a": np.array([0.7, 0.2])}
    >>> rows = Outcomes(names, names, scores, None, np.array([0, 0]), predictions=2)
    >>> scored(rows, Task("binary", "a")).sure.tolist(), scored(rows, Task("binary", "b"))
    ([0.7, 0.2], None)
    """
    if task.kind == "ranking" or found.is_regression:
        return None
    positive = positive_class(found, task)
    if positive is not None:
        return of_two(found, positive) if positive in found.scores else None
    return of_several(found) if task.kind != "binary" and len(found.scores) > 1 else None


def estimates(found: Outcomes, task: Task, least: float | None = None) -> dict[str, Estimate]:
    """Every metric that these outcomes have, by name, with its interval; cluster-robust from 30 clusters.

    Args:
        least: the conformal threshold of a reference, whose coverage is asked for; None without one.

    >>> predicted, actual = np.array([1.0, 2.0, 6.0]), np.array([1.0, 4.0, 5.0])
    >>> found = estimates(Outcomes(predicted, actual, {}, None, np.zeros(3, np.int64), predictions=3), Task())
    >>> {name: round(estimate.value, 3) for name, estimate in found.items()}
    {'mae': 1.0, 'rmse': 1.291, 'mape': 0.233, 'r2': 0.423, 'bias': -0.333}
    """
    if task.kind == "ranking":
        return {} if found.rankings is None else _ranking(found.rankings, task.k)
    if found.is_regression:
        return _regression(found, task)
    positive = positive_class(found, task)
    metrics = _of_classes(found, task, positive)
    said = scored(found, task)
    return metrics if said is None else metrics | by_scores.estimates(said, least)


def _of_classes(found: Outcomes, task: Task, positive: str | None) -> dict[str, Estimate]:
    counts, cells = confusion.count_clusters(found.actual, found.predicted, found.clusters, found.weights)
    metrics = {"accuracy": accuracy.estimate(counts, cells)}
    ratios = {"precision": precision.estimate, "recall": recall.estimate, "f1": f1.estimate}
    for name, estimate in ratios.items():
        if positive is not None:
            metrics[name] = estimate(counts, "binary", positive, cells)
        elif task.kind == "binary":  # a day with one class alone does not say which one matters
            metrics[name] = none_of(counts.rows)
        else:
            metrics[name] = estimate(counts, "macro", None, cells)
    if positive is None and task.kind != "binary":
        metrics |= {f"{name}_weighted": of(counts, "weighted", None, cells) for name, of in ratios.items()}
    if task.worth.cells:
        worths = value_per_row.of_classes(found.actual, found.predicted, task.worth.cells)
        metrics[VALUE_PER_ROW] = RowMeans(found.weights, found.clusters).mean(worths, value_per_row.estimate)
    return metrics


def _regression(found: Outcomes, task: Task) -> dict[str, Estimate]:
    predicted, actual = found.predicted.astype(np.float64), found.actual.astype(np.float64)
    rows = RowMeans(found.weights, found.clusters)
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float64 has no value, or no interval
        metrics = {
            "mae": rows.mean(mae.losses(actual, predicted), mae.estimate),
            "rmse": rows.mean(rmse.losses(actual, predicted), rmse.estimate),
            "mape": rows.mean(mape.losses(actual, predicted), mape.estimate),
            "r2": r2.estimate(actual, predicted, rows.weights, rows.clusters),
            "bias": rows.mean(bias.losses(actual, predicted), bias.estimate),
        }
        if task.worth.per_error is not None:
            worths = value_per_row.of_numbers(actual, predicted, task.worth.per_error)
            metrics[VALUE_PER_ROW] = rows.mean(worths, value_per_row.estimate)
    return metrics


def _ranking(ranked: Rankings, k: int) -> dict[str, Estimate]:
    """Means over lists; a list is its own cluster where nothing else is known."""
    lists = RowMeans(ranked.weights, np.arange(ranked.size) if ranked.clusters is None else ranked.clusters)
    return {
        "ndcg": lists.mean(ndcg.values(ranked, k), ndcg.estimate),
        "mrr": lists.mean(reciprocal_rank.values(ranked), reciprocal_rank.estimate),
    }


Reference = Mapping[str, Mapping[str, float | None]]
"""metric -> {"value", "lower", "upper", "rows"} of the reference's labelled rows."""


def measure_performance(
    found: Outcomes, reference: Reference, task: Task, *, final: bool = True
) -> Iterator[Measurement]:
    """Every performance metric, held against the reference's, and label_coverage: the share of predictions with a label.

    Intervals of fewer than 30 clusters hold for independent rows only, which real errors are not; they do not alarm.

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
    # Late records are in the record log a moment before they are in the profile; the window is measured again then.
    coverage = min(1.0, labelled / found.predictions) if found.predictions else None
    lower, upper = (None, None) if coverage is None else wilson.interval(coverage, found.predictions)
    yield Measurement(
        LABEL_COVERAGE, "", coverage, Status.OK if found.predictions else Status.INSUFFICIENT,
        lower=lower, upper=upper, rows=found.predictions, basis=_left_out(found),
    )  # fmt: skip
    if not labelled:
        return
    for measured in compare(found, reference, task):
        yield settled_by(measured, final=final)


def _left_out(found: Outcomes) -> str:
    """Why labels that came may say nothing of the model."""
    if found.unlike:
        return (
            f"{found.unlike} labels do not compare with their predictions: a class beside a number, or none of the task"
        )
    if found.is_regression or not len(found.actual):
        return ""
    classes = {*np.unique(found.predicted).tolist(), *found.scores}
    labels = sorted({*np.unique(found.actual).tolist()})
    if not classes.isdisjoint(labels):
        return ""
    meant = {_plain(name): name for name in sorted(classes)}
    # Labels that are other classes altogether may be right: a quiet day predicts but one.
    pairs = (f"{label!r} and {meant[_plain(label)]!r}" for label in labels if _plain(label) in meant)
    alike = next(pairs, None)
    return "" if alike is None else f"no label is a class that was predicted or scored, as if spelt otherwise: {alike}"


def _plain(name: str) -> str:
    """What a class is called whatever its case, the space around it and the form of a number or a truth value."""
    text = name.strip().casefold().removesuffix(".0")
    return {"false": "0", "true": "1"}.get(text, text)


def settled_by(measured: Measurement, *, final: bool) -> Measurement:
    """What labels say, provisional until all are there that are to come.

    >>> settled_by(Measurement("mae", "", 2.0, Status.DEGRADED), final=False).status.value
    'provisional'
    """
    open_ = not final and measured.status is not Status.INSUFFICIENT
    return replace(measured, status=Status.PROVISIONAL) if open_ else measured


def compare(found: Outcomes, reference: Reference, task: Task) -> Iterator[Measurement]:
    """Every metric, held against the reference's.

    >>> number = Outcomes(np.array([1.0]), np.array([3.0]), {}, None, np.array([0]), predictions=1)
    >>> [(m.metric, m.value) for m in compare(number, {}, Task())][0]
    ('mae', 2.0)
    """
    least = reference.get(CONFORMAL_THRESHOLD, {})
    for metric, estimate in estimates(found, task, least.get("value")).items():
        before = (
            {"value": COVERAGE, "rows": least.get("rows")}
            if metric == CONFORMAL_COVERAGE
            else reference.get(metric, {})
        )
        measured = Measurement(
            metric, "", estimate.value, _judged(metric, estimate, before), before.get("value"),
            lower=estimate.lower, upper=estimate.upper, rows=estimate.rows, reference_rows=before.get("rows"),
            basis=estimate.said,
        )  # fmt: skip
        yield measured
        if metric == VALUE_PER_ROW:
            yield _in_all(measured, found)


def _in_all(of_a_row: Measurement, found: Outcomes) -> Measurement:
    """What all labelled rows are worth, beside what as many were worth at the reference's rate: their difference is `excess`."""
    weight = float(len(found.actual) if found.weights is None else found.weights.sum())
    sides = of_a_row.value, of_a_row.expected, of_a_row.lower, of_a_row.upper
    value, expected, lower, upper = (_times(side, weight) for side in sides)
    excess = None if value is None or expected is None else value - expected
    status = Status.INSUFFICIENT if value is None else of_a_row.status
    if value is None:
        lower = upper = None
    return replace(
        of_a_row, metric=VALUE, value=value, status=status, expected=expected, excess=excess, lower=lower, upper=upper
    )


def _times(number: float | None, weight: float) -> float | None:
    """The product, where float64 has it."""
    product = None if number is None else number * weight
    return product if product is not None and np.isfinite(product) else None


def _judged(metric: str, now: Estimate, before: Mapping[str, float | None]) -> Status:
    if now.value is None:
        return Status.INSUFFICIENT
    if now.basis != "cluster" or now.lower is None or now.upper is None or metric in TOLD:
        return Status.OK
    low, high = before.get("lower"), before.get("upper")
    if low is None or high is None:
        return Status.OK
    worse = now.lower > high if metric in LOWER_IS_BETTER else now.upper < low
    return Status.DEGRADED if worse else Status.OK
