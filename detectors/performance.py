"""How well a model did, from predictions joined with their labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from detectors import accuracy, bias, clusters, confusion, f1, log_loss, mae, precision, recall, rmse, roc_auc, wilson
from detectors.estimate import Estimate
from detectors.pair import FloatArray
from kernel.clock import DAY_US
from kernel.measurement import Measurement, Status

LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse"})
NEITHER_IS_BETTER = frozenset({"bias"})


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Predictions of a window that have a label, in columns of shape (n,).

    Attributes:
        predicted, actual: class labels, or numbers for a regression.
        scores: by class, NaN where a row has none.
        weights: None where every weight is 1.
        days: the day of each prediction, what errors cluster by.
        predictions: how many predictions there were in all, labelled or not.
    """

    predicted: NDArray[np.generic]
    actual: NDArray[np.generic]
    scores: Mapping[str, FloatArray]
    weights: FloatArray | None
    days: NDArray[np.int64]
    predictions: int

    @property
    def is_regression(self) -> bool:
        """Whether labels are numbers."""
        return bool(np.issubdtype(self.actual.dtype, np.floating))


def outcomes(joined: pa.Table) -> Outcomes:
    """The labelled rows of a joined table (store.record_reads.labelled)."""
    classes = joined["label"].null_count < joined.num_rows
    predicted, actual = ("prediction", "label") if classes else ("prediction_value", "label_value")
    both = pc.and_(joined[predicted].is_valid(), joined[actual].is_valid())
    rows = joined.filter(both)
    weights = rows["weight"].fill_null(1.0).to_numpy()
    dtype = np.str_ if classes else np.float64
    return Outcomes(
        np.array(rows[predicted].to_pylist() if classes else rows[predicted].to_numpy(), dtype),
        np.array(rows[actual].to_pylist() if classes else rows[actual].to_numpy(), dtype),
        _scores(rows["scores"].combine_chunks()) if classes else {},
        None if (weights == 1.0).all() else weights,
        rows["ts_us"].to_numpy() // DAY_US,
        joined.num_rows,
    )


def _scores(maps: pa.MapArray) -> dict[str, FloatArray]:
    """The entries of a column of maps, one array a key."""
    if not len(maps):
        return {}
    keys = maps.keys.dictionary_encode()
    # A null map has no entries; of a slice only its own entries count.
    offsets = maps.offsets.to_numpy()
    owner = np.repeat(np.arange(len(maps)), np.diff(offsets))
    first, last = int(offsets[0]), int(offsets[-1])
    codes = (
        keys.indices.to_numpy()[: last - first] if len(keys) == last - first else keys.indices.to_numpy()[first:last]
    )
    items = maps.items.to_numpy(zero_copy_only=False)
    items = items if len(items) == last - first else items[first:last]
    found = {}
    for code, name in enumerate(keys.dictionary.to_pylist()):
        values = np.full(len(maps), np.nan)
        values[owner[codes == code]] = items[codes == code]
        found[name] = values
    return found


def positive_class(found: Outcomes, declared: str) -> str | None:
    """The class that precision, recall and the ROC curve are about: as declared, else the last of two by name."""
    classes = sorted({*np.unique(found.actual).tolist(), *np.unique(found.predicted).tolist()})
    if declared:
        return declared
    return str(classes[-1]) if len(classes) == 2 else None


def estimates(found: Outcomes, declared_positive: str = "") -> dict[str, Estimate]:
    """Every metric that these outcomes have, by name, with its interval; cluster-robust from 30 days."""
    if found.is_regression:
        return _regression(found)
    positive = positive_class(found, declared_positive)
    average: confusion.Average = "macro" if positive is None else "binary"
    counts = confusion.count(found.actual, found.predicted, found.weights)
    parts = _daily_counts(found)
    metrics = {
        "accuracy": accuracy.estimate(counts, parts),
        "precision": precision.estimate(counts, average, positive, parts),
        "recall": recall.estimate(counts, average, positive, parts),
        "f1": f1.estimate(counts, average, positive, parts),
    }
    if positive is not None and positive in found.scores:
        metrics |= _by_score(found, positive)
    return metrics


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


def measure_performance(
    found: Outcomes, reference: Mapping[str, Mapping[str, float | None]], declared_positive: str = ""
) -> Iterator[Measurement]:
    """Every performance metric, held against the reference's, and label_coverage: the share of predictions with a label.

    Intervals of fewer than 30 days hold for independent rows only, which real errors are not; they do not alarm.

    Args:
        reference: metric -> {"value", "lower", "upper", "rows"} of the reference's labelled rows.
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
    for metric, estimate in estimates(found, declared_positive).items():
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
