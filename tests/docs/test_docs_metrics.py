"""Every metric that is measured is in docs/statistics.md, and every one that stands there is measured."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from detectors import column_drift
from detectors.columns import measure_columns
from detectors.confidence import measure_confidence
from detectors.confusion_cells import measure_confusion
from detectors.corrected import measure_corrected
from detectors.delta import DELTA
from detectors.duplicate_share import measure_duplicates
from detectors.estimate import Estimate
from detectors.estimated import measure_error, measure_estimates
from detectors.fairness import measure_corrected_opportunity, measure_opportunity, measure_parity
from detectors.gpu import measure_gpus
from detectors.health import measure_health, measure_traffic
from detectors.label_arrival import Arrival, measure_arrival
from detectors.label_delay import DelayCurve
from detectors.metrics import CORRECTED, CORRECTED_PREFIX, DISTANCES, METRICS, VALUE_PER_ROW
from detectors.multivariate.together import Sides, measure_together
from detectors.outcomes import Outcomes, Task
from detectors.performance import measure_performance, scored
from detectors.predicted_as import PredictedAs
from detectors.rankings import Rankings
from detectors.reliability import measure_reliability
from detectors.service_levels import measure_service
from detectors.without_labels import cbpe, dle
from detectors.without_labels.estimator import Estimator, OfNumbers, OfTwo
from kernel.clock import DAY_US
from kernel.column_spec import ColumnSpec
from kernel.gpu_use import GpuUse
from kernel.grid import Grid
from kernel.measurement import Measurement, Status
from kernel.profile import Kind
from kernel.profiling import profile_rows
from kernel.worth import Worth
from store.models import Objectives
from testing.labelled_rows import joined

_ROWS = 200


@pytest.fixture
def measured() -> list[Measurement]:
    """All measurements of a small window that has every kind of column and of outcome."""
    tasks = [Task("binary", "late", worth=Worth("EUR", {"late": {"late": 10.0}})), Task("multiclass")]
    of_labels = [found for task in tasks for found in _of_labels(_classes(), task)]
    of_labels += [*_of_labels(_numbers(), Task()), *_of_labels(_ranked(), Task("ranking"))]
    estimators: list[Estimator] = [
        OfTwo("late", cbpe.Fitted(None, {"accuracy": 0.4}, {})),
        OfNumbers((), dle.Fitted({}, {}, {})),
    ]
    estimates = [one for estimator in estimators for one in _estimates(estimator)]
    return [*_of_profiles(), *_together(), *of_labels, *_of_groups(), *estimates]


def _of_profiles() -> Iterator[Measurement]:
    values = np.linspace(0.0, 1.0, _ROWS)
    table = pa.table(
        {
            "feature.delay": values,
            "feature.night": values > 0.5,
            "feature.comment": ["late again"] * _ROWS,
            "feature.flag": ["true"] * (_ROWS - 1) + ["perhaps"],
            "prediction": np.where(values > 0.5, "late", "on_time"),
            "score.late": values,
            "latency_ms": 10 + values,
            "queue_ms": 1 + values,
            "cost": 0.001 + values,
        }
    )
    specs = {
        "feature.delay": ColumnSpec(Kind.NUMERIC, grid=Grid.fit(values)),
        "feature.night": ColumnSpec(Kind.BOOLEAN),
        "feature.comment": ColumnSpec(Kind.TEXT),
        "feature.flag": ColumnSpec(Kind.BOOLEAN),
        "prediction": ColumnSpec(Kind.CATEGORICAL, categories={"late": 1, "on_time": 2}),
        "score.late": ColumnSpec(Kind.SCORE),
        "latency_ms": ColumnSpec(Kind.POSITIVE),
        "queue_ms": ColumnSpec(Kind.POSITIVE),
        "cost": ColumnSpec(Kind.POSITIVE),
    }
    profile = profile_rows(table, specs)
    yield from measure_health(profile, profile, DAY_US, 1e-4)
    yield from measure_columns(profile, profile, {}, 1e-4)
    yield from measure_duplicates(profile, profile, 1e-4)
    yield measure_traffic([profile.rows], 1e-4)
    counts = {name: np.full(24, 10) for name in ("rows", "errors", "timed", "slow")}
    yield from (found for _, found in measure_service(counts, Objectives(0.9, 0.9, 100.0), 0, 0))
    yield from measure_gpus(GpuUse(1, 20, 5, 10.0, 20, 5.0, 1, 400.0, 1, 120_000.0, 20, 0), 300_000_000, profile.rows)
    yield from measure_confidence(profile, profile, 1e-4, low_margin=0.2)
    for name in ("feature.delay", "feature.night", "feature.comment", "feature.flag", "prediction", "score.late"):
        plain = name.removeprefix("feature.")
        yield from column_drift.measure_column(
            plain, name, profile, profile, column_drift.Test(1e-4, distances=DISTANCES[1:])
        )


def _together() -> Iterator[Measurement]:
    generator = np.random.default_rng(0)
    features = {f"feature.{name}": generator.normal(size=2 * _ROWS) for name in "xyz"}
    rows = pa.table({**features, "feature.e": [[x, -x, x * x] for x in features["feature.x"].tolist()]})
    sides = Sides(rows.slice(0, _ROWS), rows.slice(_ROWS), dict.fromkeys(features, Kind.NUMERIC))
    yield from measure_together(sides, 1e-4, DELTA)


def _classes() -> Outcomes:
    scores = np.linspace(0.0, 1.0, _ROWS)
    actual = np.where(np.arange(_ROWS) * 7 % 10 / 10 < scores, "late", "on_time")
    predicted = np.where(scores > 0.5, "late", "on_time")
    days = np.arange(_ROWS) % 40
    return Outcomes(predicted, actual, {"late": scores}, None, days, _ROWS)


def _numbers() -> Outcomes:
    actual = np.linspace(0.0, 1.0, _ROWS)
    return Outcomes(actual + 0.1, actual, {}, None, np.arange(_ROWS) % 40, _ROWS)


def _ranked() -> Outcomes:
    lists = Rankings(np.arange(_ROWS) // 4, np.linspace(0.0, 1.0, _ROWS), np.arange(_ROWS) % 3.0)
    return replace(_numbers(), rankings=lists)


def _of_groups() -> Iterator[Measurement]:
    values = np.arange(_ROWS)
    said, sex = np.where(values % 3, "ok", "late").tolist(), np.where(values % 2, "f", "m").tolist()
    spec = {"prediction": ColumnSpec(Kind.CATEGORICAL, categories={"late": 1, "ok": 2})}
    whole = pa.table({"prediction": said})
    profiles = {("1", ""): profile_rows(whole, spec), ("1", "sex=f"): profile_rows(whole.slice(0, 90), spec)}
    yield from (found for _, found in measure_parity(profiles, ["sex"], PredictedAs("late", 1)))
    table = joined(said, said).append_column("feature.sex", pa.array(sex))
    yield from (found for _, found in measure_opportunity(table, Task("binary", "late"), ["sex=f"]))
    arrival = Arrival({"": DelayCurve((0.0, 10.0), (0.0, 1.0))}, now_us=5_000_000)
    late = measure_corrected_opportunity(table, Task("binary", "late"), {"": arrival, "sex=f": arrival}, 0)
    yield from (found for _, found in late)


def _estimates(estimator: Estimator) -> Iterator[Measurement]:
    known = {"accuracy": {"value": 0.8, "rows": 500}}
    found = [
        *measure_estimates(
            estimator, dict.fromkeys((*estimator.metrics, VALUE_PER_ROW), Estimate(0.7, 0.6, 0.8, _ROWS)), known
        )
    ]
    labelled = [Measurement(name, "", 0.9, Status.OK, rows=_ROWS) for name in ("accuracy", "label_coverage")]
    yield from [*found, *measure_error(estimator, [*found, *labelled], known)]


def _of_labels(found: Outcomes, task: Task) -> Iterator[Measurement]:
    known = {"conformal_threshold": {"value": 0.2, "rows": _ROWS}}
    raw = list(measure_performance(found, known, task))
    yield from raw
    yield from measure_confusion(found)
    if (said := scored(found, task)) is not None:
        yield from measure_reliability(said)
    seen = replace(found, moments_us=np.zeros(len(found.actual), np.int64))
    arrival = Arrival({"": DelayCurve((0.0, 10.0), (0.0, 1.0))}, now_us=5_000_000)
    yield from measure_corrected(raw, seen, known, task, arrival, 0)
    yield from measure_arrival(arrival, (0, 1), seen)


def test_the_page_and_the_detectors_have_the_same_metrics(docs, measured) -> None:
    table = docs.page("statistics.md").table("What is measured")
    written = {name for cells in table for name in re.findall(r"`(\w+)`", cells[0])} - {"corrected_METRIC"}
    assert {m.metric for m in measured if m.metric.startswith(CORRECTED_PREFIX)} == {*CORRECTED}
    written |= {*CORRECTED}
    assert written == {measurement.metric for measurement in measured} == set(METRICS)


def test_the_page_names_every_status(docs) -> None:
    written = {cells[0].strip("`") for cells in docs.page("statistics.md").table("Statuses")}
    assert written == {status.value for status in Status}


def test_what_the_page_says_is_told_only_is_never_abnormal_here(docs, measured) -> None:
    table = docs.page("statistics.md").table("What is measured")
    told = {name for cells in table if cells[-1] == "told only" for name in re.findall(r"`(\w+)`", cells[0])}
    assert {m.alpha for m in measured if m.metric in told} == {None}
    assert {m.status for m in measured if m.metric in told} == {Status.OK}
