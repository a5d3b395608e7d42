"""What labels say of made-up models over their last 90 days, measured as the detectors measure it: classes, numbers and lists."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from detectors import disparate_impact, parity_difference
from detectors.confusion_cells import measure_confusion
from detectors.forecasts import of_two
from detectors.metrics import DISPARATE_IMPACT, PARITY_DIFFERENCE
from detectors.outcomes import Outcomes, Task
from detectors.performance import estimates, measure_performance
from detectors.rankings import Rankings
from detectors.reliability import measure_reliability
from detectors.shares import Tally
from kernel.clock import DAY_US, HOUR_US
from kernel.measurement import Measurement
from kernel.profile import WindowProfile
from kernel.profile_codec import encode_profile
from testing.dashboard_rows import DAYS, START_US, VERSION, Rows, measure

_DAYS, _ROWS = 90, 300
_KEPT = ("value", "lower", "upper", "rows")


def add_scored(rows: Rows, model: str) -> None:
    """What rests on the scores of a binary model that is there already, and its confusion matrix."""
    known = ("label_coverage", "accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")
    for start_us, day in _days():
        rng = np.random.default_rng(day)
        scores = rng.beta(1.6, 4.2, _ROWS)
        actual = np.where(rng.random(_ROWS) < scores**1.2, "late", "on_time")
        found = _outcomes(np.where(scores > 0.5, "late", "on_time"), actual, {"late": scores})
        told = [m for m in measure_performance(found, {}, Task("binary", "late")) if m.metric not in known]
        diagram = list(measure_reliability(of_two(found, "late")))
        _add(rows, (model, VERSION, "1d", start_us), [*told, *measure_confusion(found), *diagram])
        _add_groups(rows, (model, VERSION, "1d", start_us))


def add_numbers(rows: Rows, model: str) -> None:
    """A regression, with a reference, whose records name no version; its errors grow in the last weeks."""
    drawn = {day: _prices(np.random.default_rng(day), max(0, day - DAYS + 20) / 20) for _, day in _days()}
    _add_model(rows, model, Task("regression"), drawn)


def add_lists(rows: Rows, model: str) -> None:
    """A ranking of lists of ten items, whose records name no version."""
    _add_model(rows, model, Task("ranking"), {day: _lists(np.random.default_rng(day)) for _, day in _days()})


def _days() -> Iterator[tuple[int, int]]:
    return ((START_US + day * DAY_US, day) for day in range(DAYS - _DAYS, DAYS))


def _outcomes(predicted: np.ndarray, actual: np.ndarray, scores: dict[str, np.ndarray]) -> Outcomes:
    """Of 50 customers, by whom errors cluster."""
    return Outcomes(predicted, actual, scores, None, np.arange(len(actual)) % 50, round(len(actual) / 0.9))


def _prices(rng: np.random.Generator, worse: float) -> Outcomes:
    actual = rng.lognormal(12.6, 0.4, _ROWS)
    return _outcomes(actual * rng.lognormal(0.02, 0.1 + 0.1 * worse, _ROWS), actual, {})


def _lists(rng: np.random.Generator) -> Outcomes:
    relevance = rng.integers(0, 3, _ROWS).astype(float)
    scores = relevance + rng.normal(0, 1.5, _ROWS)
    lists = Rankings(np.arange(_ROWS) // 10, scores, relevance, clusters=np.arange(_ROWS // 10))
    return replace(_outcomes(scores, relevance, {}), rankings=lists)


def _add_model(rows: Rows, model: str, task: Task, drawn: dict[int, Outcomes]) -> None:
    rows.add("models", model=model, task=task.kind, window="1d", rollups=[], segments=[], registered_us=START_US)
    before = {name: {at: getattr(e, at) for at in _KEPT} for name, e in estimates(drawn[min(drawn)], task).items()}
    rows.add("references", model=model, reference=f"of {model}", rows=_ROWS, blob=encode_profile(WindowProfile(_ROWS)),
             performance=before, provenance={"kind": "upload"}, active=True, created_us=START_US)  # fmt: skip
    for start_us, day in _days():
        where = (model, "", "1d", start_us)
        measure(rows, *where, "rows", value=float(drawn[day].predictions))
        _add(rows, where, measure_performance(drawn[day], before, task))


def _add_groups(rows: Rows, where: tuple[str, str, str, int]) -> None:
    """How two groups are treated, each of which is the other's rest."""
    sides = {"origin=EWR": Tally(40, 150), "origin=JFK": Tally(20, 150)}
    for (segment, group), rest in zip(sides.items(), reversed(sides.values()), strict=True):
        for metric, of in ((PARITY_DIFFERENCE, parity_difference), (DISPARATE_IMPACT, disparate_impact)):
            e = of.estimate(group, rest)
            measure(rows, *where, metric, segment=segment, value=e.value, lower=e.lower, upper=e.upper)


def _add(rows: Rows, where: tuple[str, str, str, int], measured: Iterable[Measurement]) -> None:
    for m in measured:
        found = {name: getattr(m, name) for name in ("value", "expected", "lower", "upper", "column", "basis")}
        measure(rows, *where, m.metric, **found, status=m.status.value)


def add_canary(rows: Rows, model: str, version: str) -> None:
    """A version that serves beside another in the last 30 days, and does a little better."""
    for start_us, day in _days():
        if day < DAYS - 30:
            continue
        rng = np.random.default_rng((day, 4))
        where = (model, version, "1d", start_us)
        measure(rows, *where, "rows", value=100.0)
        for metric, value in (("accuracy", 0.862), ("roc_auc", 0.792), ("log_loss", 0.398)):
            value = value + rng.normal(0, 0.012)
            measure(rows, *where, metric, value=value, lower=value - 0.05, upper=value + 0.05)


def add_strays(rows: Rows, model: str) -> None:
    """A row without a version in each of the last two days, the newest window's among them."""
    for start_us, day in _days():
        if day < DAYS - 2:
            continue
        where = (model, "", "1d", start_us)
        rows.add("profiles", model=model, version="", segment="", window_start_us=start_us, topic="driftglass.predictions",
                 partition=1, rows=1, blob=encode_profile(WindowProfile(1)))  # fmt: skip
        measure(rows, *where, "rows", value=1.0)
        measure(rows, *where, "error_rate", value=0.0, status="insufficient")
        measure(rows, *where, "psi", column="temp", value=8.1, status="insufficient")


def add_figures(rows: Rows, model: str) -> None:
    """Figures of the business: revenue, which follows accuracy, twice a day, and handling time, which follows nothing."""
    accuracy = {
        row["window_start_us"]: row["value"]
        for row in rows.tables["measurements"]
        if (row["model"], row["version"], row["size"], row["metric"]) == (model, VERSION, "1d", "accuracy")
    }
    for start_us, day in _days():
        rng = np.random.default_rng((day, 5))
        for hour in (8, 20):
            known = {"model": model, "ts_us": start_us + hour * HOUR_US}
            revenue = 40_000 * accuracy.get(start_us, 0.84) - 25_000 + rng.normal(0, 300)
            rows.add("business", **known, name="revenue", value=revenue)
            rows.add("business", **known, name="handling time", value=310 + rng.normal(0, 12))
