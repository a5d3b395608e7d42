"""Performance without labels as measurements, and how far it was off once labels came."""

from collections.abc import Iterable, Iterator, Mapping

from detectors.estimate import Estimate
from detectors.metrics import ESTIMATE_ERROR, ESTIMATED_PREFIX, VALUE_PER_ROW
from detectors.without_labels import trust
from detectors.without_labels.estimator import Estimator, OfTwo, broken, main_metric
from kernel.measurement import Measurement, Status

LEAST_COVERAGE = 0.5
"""Share of a window's predictions with a label from which an estimate is held against what happened."""
TOO_FEW = "under half of the predictions have a label"
_BLIND = "sees no concept drift"
_NO_SCORES = "no scores of {!r}"

Performance = Mapping[str, Mapping[str, float | None]]


def measure_estimates(
    estimator: Estimator, found: Mapping[str, Estimate], before: Performance, segment: str = ""
) -> Iterator[Measurement]:
    """estimated_accuracy and the others, with intervals of three sampling errors beside the reference's own performance.

    They are told: thresholds are those of NannyML, whose false alarms nobody has counted, so they are not a test of the dial's. The
    basis says where one is broken. A segment is told what the curve of all rows says, and is held against nothing. With
    value_per_row among what was found there is estimated_value_per_row, too.

    >>> from detectors.without_labels import cbpe
    >>> from detectors.without_labels.thresholds import Thresholds
    >>> estimator = OfTwo("late", cbpe.Fitted(None, {}, {"accuracy": Thresholds(0.8, 0.9)}))
    >>> now = dict.fromkeys(estimator.metrics, Estimate(0.7, 0.6, 0.8, 100))
    >>> told = next(measure_estimates(estimator, now, {"accuracy": {"value": 0.85, "rows": 5000}}))
    >>> told.metric, told.value, told.expected, told.status.value
    ('estimated_accuracy', 0.7, 0.85, 'ok')
    >>> told.basis
    "cbpe, sees no concept drift; below the reference's 0.8"
    """
    for metric in (*estimator.metrics, *{VALUE_PER_ROW} & found.keys()):
        here, known = found[metric], {} if segment else before.get(metric, {})
        yield Measurement(
            ESTIMATED_PREFIX + metric,
            "",
            here.value,
            Status.INSUFFICIENT if here.value is None else Status.OK,
            known.get("value"),
            lower=here.lower,
            upper=here.upper,
            rows=here.rows,
            reference_rows=known.get("rows"),
            basis=_basis(estimator, metric, here, segment),
        )


def _basis(estimator: Estimator, metric: str, here: Estimate, segment: str) -> str:
    if here.value is None:
        return _NO_SCORES.format(estimator.positive) if isinstance(estimator, OfTwo) and not here.rows else ""
    said = f"{estimator.method}, {_BLIND}"
    limits = None if segment else broken(estimator, metric, here.value)
    if limits is None:
        return said
    side, limit = ("above", limits.upper) if here.value > limits.upper else ("below", limits.lower)
    return f"{said}; {side} the reference's {limit:.3g}"


def measure_error(estimator: Estimator, found: Iterable[Measurement], before: Performance) -> Iterator[Measurement]:
    """estimate_error: how far the estimate of accuracy, or of mae, was from what the labels say; 1 is the end of its interval.

    Nothing without labels; and insufficient as long as fewer than half of the predictions have one, for the first to come are of
    a kind.

    Args:
        found: all that was measured of the window, the estimates and what labels say.
        before: the reference's own performance.

    >>> from detectors.without_labels import cbpe
    >>> estimator = OfTwo("late", cbpe.Fitted(None, {"accuracy": 0.4}, {}))
    >>> values = {"estimated_accuracy": 0.9, "accuracy": 0.84, "label_coverage": 1.0}
    >>> here = [Measurement(name, "", value, Status.OK, rows=800) for name, value in values.items()]
    >>> [(m.metric, round(m.value, 6)) for m in measure_error(estimator, here, {"accuracy": {"rows": 800}})]
    [('estimate_error', 1.0)]
    """
    metric = main_metric(estimator)
    here = {m.metric: m for m in found if not m.column}
    estimated, realised = here.get(ESTIMATED_PREFIX + metric), here.get(metric)
    if estimated is None or realised is None or estimated.value is None or realised.value is None:
        return
    coverage, error, rows = here["label_coverage"].value, estimator.fitted.errors.get(metric), realised.rows
    if coverage is None or coverage < LEAST_COVERAGE:
        yield Measurement(ESTIMATE_ERROR, "", None, Status.INSUFFICIENT, rows=rows, basis=TOO_FEW)
        return
    known = before.get(metric, {}).get("rows")
    if error is None or not rows or not known:
        return
    value = trust.miss(estimated.value - realised.value, error, rows, known, estimator.spread)
    status = Status.INSUFFICIENT if value is None else Status.OK
    yield Measurement(ESTIMATE_ERROR, "", value, status, rows=rows, reference_rows=known, basis=f"of {metric}")
