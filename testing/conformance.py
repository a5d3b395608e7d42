"""What every detector of windows is looked at with: rows of every shape, on the way that rows take in production.

Rows become profiles (`profile_rows`), and these measurements; labelled rows become outcomes.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from detectors import brier_decomposition, column_drift, metrics
from detectors.columns import measure_columns
from detectors.confidence import measure_confidence
from detectors.duplicate_share import measure_duplicates
from detectors.estimated import measure_estimates
from detectors.health import measure_health, measure_traffic
from detectors.outcomes import Task, outcomes
from detectors.performance import WEIGHTED, measure_performance
from detectors.without_labels import cbpe, dle
from detectors.without_labels.estimator import OfNumbers, OfTwo
from detectors.without_labels.isotonic import Isotonic
from kernel.clock import DAY_US
from kernel.column_spec import ColumnSpec, finite_numbers
from kernel.grid import Grid
from kernel.measurement import Measurement
from kernel.profile import Kind, WindowProfile
from kernel.profile_codec import decode_profile, encode_profile
from kernel.profiling import profile_rows
from kernel.worth import Worth
from testing import shapes
from testing.shapes import Shape

ALPHA = 1e-4
TEST = column_drift.Test(ALPHA, distances=metrics.DISTANCES[1:])
WINDOW_ROWS, REFERENCE_ROWS = 250, 900
NUMBERS = (
    "value", "expected", "excess", "p_value", "p_change", "lower", "upper", "rows", "reference_rows", "alpha",
)  # fmt: skip

Found = dict[str, Measurement]
Inputs = tuple[Any, Any]
Profiler = Callable[[pa.Table, dict[str, ColumnSpec]], WindowProfile]


def numbers_of(found: Measurement) -> dict[str, float | None]:
    """All that is a number in it, by name."""
    return {name: getattr(found, name) for name in NUMBERS}


@dataclass(frozen=True)
class Subject:
    """Something that is measured of rows.

    Attributes:
        shapes: the first one is ordinary.
        metrics: those that every shape of it has.
        inputs: what the detectors take of both sides, the reference first.
        measure: all measurements of them.
    """

    shapes: list[Shape]
    metrics: tuple[str, ...]
    inputs: Callable[[pa.Table, pa.Table, Profiler], Inputs]
    measure: Callable[[Inputs], Iterable[Measurement]]

    def measured(self, before: pa.Table, now: pa.Table, profiler: Profiler = profile_rows) -> Found:
        """All measurements of a window's rows against a reference's."""
        return by_metric(self.measure(self.inputs(before, now, profiler)))


def by_metric(found: Iterable[Measurement]) -> Found:
    """By name, each of which may come once."""
    listed: Found = {}
    for measurement in found:
        if measurement.metric in listed:
            raise ValueError(f"{measurement.metric} was measured twice")
        listed[measurement.metric] = measurement
    return listed


def column(name: str, kind: Kind, drawn: list[Shape], measured: tuple[str, ...]) -> Subject:
    """A column of one kind."""

    def inputs(before: pa.Table, now: pa.Table, profiler: Profiler) -> Inputs:
        specs = {name: spec_of(kind, before[name])}
        return profiler(before, specs), profiler(now, specs)

    def measure(sides: Inputs) -> Iterable[Measurement]:
        return column_drift.measure_column("x", name, sides[1], sides[0], TEST)

    return Subject(drawn, measured, inputs, measure)


def spec_of(kind: Kind, before: pa.ChunkedArray) -> ColumnSpec:
    """As a first reference makes it."""
    if kind is Kind.NUMERIC:
        finite = finite_numbers(before)
        return ColumnSpec(kind, 1, Grid.fit(finite) if len(finite) else None)
    if kind is Kind.CATEGORICAL:
        known = sorted({value for value in before.to_pylist() if value is not None})
        return ColumnSpec(kind, categories={value: code for code, value in enumerate(known, start=1)})
    return ColumnSpec(kind)


def service() -> Subject:
    """What is measured of a model's service."""
    specs = {name: ColumnSpec(Kind.POSITIVE) for name in ("latency_ms", "queue_ms", "cost")}

    def inputs(before: pa.Table, now: pa.Table, profiler: Profiler) -> Inputs:
        return profiler(before, specs), profiler(now, specs)

    def measure(sides: Inputs) -> Iterable[Measurement]:
        yield measure_traffic([sides[1].rows], ALPHA)
        yield from measure_health(sides[1], sides[0], DAY_US, ALPHA)

    return Subject(shapes.served(), metrics.HEALTH, inputs, measure)


def several_columns() -> Subject:
    """What happens to columns as such."""
    specs = {SCORE: ColumnSpec(Kind.SCORE)}

    def inputs(before: pa.Table, now: pa.Table, profiler: Profiler) -> Inputs:
        return profiler(before, specs), profiler(now, specs)

    def measure(sides: Inputs) -> Iterable[Measurement]:
        return measure_columns(sides[1], sides[0], {SCORE: SCORE}, ALPHA)

    return Subject(shapes.columns(SCORE, shapes.SCORES), metrics.COLUMNS, inputs, measure)


def duplicates() -> Subject:
    """How many rows are the same."""
    specs = {X: ColumnSpec(Kind.TEXT)}

    def inputs(before: pa.Table, now: pa.Table, profiler: Profiler) -> Inputs:
        return profiler(before, specs), profiler(now, specs)

    def measure(sides: Inputs) -> Iterable[Measurement]:
        return measure_duplicates(sides[1], sides[0], ALPHA)

    return Subject(shapes.columns(X, shapes.CLASSES | shapes.NUMBERS), metrics.DUPLICATES, inputs, measure)


def confidence() -> Subject:
    """How sure a model is of its predictions."""
    specs = {SCORE: ColumnSpec(Kind.SCORE)}

    def inputs(before: pa.Table, now: pa.Table, profiler: Profiler) -> Inputs:
        return profiler(before, specs), profiler(now, specs)

    def measure(sides: Inputs) -> Iterable[Measurement]:
        return measure_confidence(sides[1], sides[0], ALPHA, low_margin=0.2)

    return Subject(shapes.columns(SCORE, shapes.SCORES), metrics.CONFIDENCE, inputs, measure)


def labelled(task: Task, drawn: list[Shape], measured: tuple[str, ...]) -> Subject:
    """Predictions beside what happened; they have no profile."""

    def inputs(before: pa.Table, now: pa.Table, _profiler: Profiler) -> Inputs:
        return outcomes(before, task), outcomes(now, task)

    def measure(sides: Inputs) -> Iterable[Measurement]:
        told = {m.metric: numbers_of(m) for m in measure_performance(sides[0], {}, task)}
        return measure_performance(sides[1], told, task)

    return Subject(drawn, measured, inputs, measure)


def estimates() -> Subject:
    """What scores say of performance, by a curve that was fitted elsewhere."""
    specs = {SCORE: ColumnSpec(Kind.SCORE)}
    errors, shares = dict.fromkeys(OfTwo.metrics, 0.4), dict.fromkeys(cbpe.OUTCOMES, 0.25)
    fitted = OfTwo(SCORE.removeprefix("score."), cbpe.Fitted(Isotonic((0.0, 1.0), (0.1, 0.8)), errors, {}, shares))

    def inputs(before: pa.Table, now: pa.Table, profiler: Profiler) -> Inputs:
        return profiler(before, specs), profiler(now, specs)

    def measure(sides: Inputs) -> Iterable[Measurement]:
        value = fitted.value(sides[1], Worth("EUR", {"late": {"late": 10.0, "ok": -5.0}}))
        worth = {} if value is None else {metrics.VALUE_PER_ROW: value}
        return measure_estimates(fitted, {**fitted.of_profile(sides[1]), **worth}, {})

    measured = tuple(metrics.ESTIMATED_PREFIX + metric for metric in (*OfTwo.metrics, metrics.VALUE_PER_ROW))
    return Subject(shapes.columns(SCORE, shapes.SCORES), measured, inputs, measure)


def estimated_losses(drawn: list[Shape], measured: tuple[str, ...]) -> Subject:
    """What predictions of numbers say of their losses, by trees that were fitted elsewhere."""
    values = np.linspace(-3.0, 3.0, 500)
    fitted = OfNumbers((), dle.fit([], values, values + np.abs(values)))

    def inputs(before: pa.Table, now: pa.Table, _profiler: Profiler) -> Inputs:
        return before, now

    def measure(sides: Inputs) -> Iterable[Measurement]:
        predictions = sides[1]["prediction_value"].to_numpy()
        weights = sides[1]["weight"].fill_null(1.0).to_numpy()
        return measure_estimates(fitted, dle.estimate(fitted.fitted, [], predictions, weights), {})

    return Subject(drawn, measured, inputs, measure)


ON_BINS = ("psi", "js_distance", "hellinger", "tvd", "linf", "chi2")
OF_CLASSES = (
    "label_coverage", "accuracy", "precision", "recall", "f1", "log_loss", "brier", "calibration_error", *metrics.CALIBRATION,
)  # fmt: skip
OF_A_SCORE = ("roc_auc", "pr_auc", *brier_decomposition.PARTS)
OF_NUMBERS = (*metrics.SHIFT, "missing_share", "misfit_share", "out_of_range_share")

X, SCORE = "feature.x", "score.late"
SUBJECTS = {
    "number": column(X, Kind.NUMERIC, shapes.columns(X, shapes.NUMBERS | shapes.ODD_NUMBERS), OF_NUMBERS),
    "number beside texts": column(X, Kind.NUMERIC, shapes.strangers(X, shapes.NUMBERS["normal"]), OF_NUMBERS),
    "class": column(
        X,
        Kind.CATEGORICAL,
        [*shapes.columns(X, shapes.CLASSES), shapes.weighted(X, shapes.CLASSES["ever new"])],
        (*ON_BINS, "missing_share", "misfit_share", "unseen_share"),
    ),
    "text": column(X, Kind.TEXT, shapes.columns(X, shapes.TEXTS), (*ON_BINS, "missing_share", "oov_share")),
    "boolean": column(X, Kind.BOOLEAN, shapes.columns(X, shapes.BOOLEANS), (*ON_BINS, "missing_share", "misfit_share")),
    "boolean beside texts": column(
        X, Kind.BOOLEAN, shapes.strangers(X, shapes.BOOLEANS["booleans"]), (*ON_BINS, "missing_share", "misfit_share")
    ),
    "score": column(SCORE, Kind.SCORE, shapes.columns(SCORE, shapes.SCORES), (*ON_BINS, "ks", "missing_share")),
    "columns": several_columns(),
    "confidence": confidence(),
    "estimates of scores": estimates(),
    "rows": duplicates(),
    "service": service(),
    "binary labels": labelled(
        Task("binary", worth=Worth("EUR", {"late": {"late": 10.0, "ok": -5.0}})),
        shapes.labelled_classes(["late", "ok"]),
        (*OF_CLASSES, *OF_A_SCORE, *metrics.OF_WORTH),
    ),
    "class labels": labelled(Task("multiclass"), shapes.labelled_classes(["a", "b", "c"]), (*OF_CLASSES, *WEIGHTED)),
    "number labels": labelled(
        Task("regression", worth=Worth("EUR", per_error=-2.0)),
        shapes.labelled_numbers(),
        ("label_coverage", *metrics.OF_NUMBERS, *metrics.OF_WORTH),
    ),
    "ranked labels": labelled(Task("ranking"), shapes.labelled_lists(), ("label_coverage", *metrics.OF_RANKINGS)),
    "estimates beside number labels": estimated_losses(
        shapes.labelled_numbers(), ("estimated_mae", "estimated_rmse", "estimated_mape")
    ),
    "no labels": labelled(Task("binary"), shapes.unlabelled(), ("label_coverage",)),
}


@dataclass(frozen=True, eq=False)
class Look:
    """Rows of a reference and of a window, and all that is measured of them in several ways, each once."""

    subject: Subject
    before: pa.Table
    now: pa.Table

    @cached_property
    def found(self) -> Found:
        """As they came."""
        return self.subject.measured(self.before, self.now)

    @cached_property
    def again(self) -> tuple[Found, bool]:
        """Measured once more, of inputs of its own and with another global seed; and whether these inputs kept every bit."""
        inputs = self.subject.inputs(self.before, self.now, profile_rows)
        held = copy.deepcopy(inputs)
        np.random.seed(3)
        return by_metric(self.subject.measure(inputs)), alike(inputs, held)

    @cached_property
    def in_parts(self) -> Found:
        """From profiles of parts, merged."""
        return self.subject.measured(self.before, self.now, partial(profile_parts, rng=np.random.default_rng(5)))

    @cached_property
    def stored(self) -> Found:
        """From profiles that come back from their bytes."""
        return self.subject.measured(self.before, self.now, profile_stored)

    @cached_property
    def shuffled(self) -> Found:
        """With the rows of both sides in another order."""
        rng = np.random.default_rng(6)
        return self.subject.measured(*(side.take(rng.permutation(len(side))) for side in (self.before, self.now)))


def profile_parts(table: pa.Table, specs: dict[str, ColumnSpec], rng: np.random.Generator) -> WindowProfile:
    """The profiles of some spans of the rows, empty ones among them, merged in an order of their own."""
    cuts = [0, *np.sort(rng.integers(0, len(table) + 1, 4)).tolist(), len(table)]
    parts = [profile_rows(table.slice(start, end - start), specs) for start, end in pairwise(cuts)]
    shuffled = [parts[place] for place in rng.permutation(len(parts))]
    return WindowProfile.merge([WindowProfile.merge(shuffled[:2]), WindowProfile.merge(shuffled[2:])])


def profile_stored(table: pa.Table, specs: dict[str, ColumnSpec]) -> WindowProfile:
    """As it comes back from the database, which keeps sums in float32."""
    return decode_profile(encode_profile(profile_rows(table, specs)))


def alike(one: Any, other: Any) -> bool:
    """Whether two of the detectors' inputs are the same to the last bit."""
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and one.tobytes() == other.tobytes())
    if is_dataclass(one):
        return all(alike(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other or (one != one and other != other))  # a NaN is itself


@cache
def looks(subject: str, shape: str) -> list[Look]:
    """The shape on both sides, as the window of ordinary rows, and as their reference."""
    of = SUBJECTS[subject]
    usual, odd = of.shapes[0], next(s for s in of.shapes if s.name == shape)
    return [
        Look(of, before.table(1, REFERENCE_ROWS), now.table(2, WINDOW_ROWS))
        for before, now in ((odd, odd), (usual, odd), (odd, usual))
    ]
