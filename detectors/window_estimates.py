"""Performance without labels of one window: of two classes from profiles, else row by row from the record log.

What comes from rows costs as many records as there are, as labelled metrics do: the rows of a window are read once, day by day, and
only where the reference has an estimator that needs them. No more than a day of rows is held; of several classes besides the scores
of the window, which are ranked together.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from detectors.against import SHARES, Against, Before
from detectors.estimate import Estimate
from detectors.estimated import measure_error, measure_estimates
from detectors.labelled import rows_of_segments
from detectors.lookback import Look
from detectors.metrics import VALUE_PER_ROW
from detectors.outcomes import Task, places, predicted_classes, scores_by_class
from detectors.pair import FloatArray
from detectors.without_labels import cbpe_multiclass, dle, estimated_value
from detectors.without_labels.dle import LossSums
from detectors.without_labels.estimator import Estimator, OfNumbers, OfSeveral, OfTwo
from detectors.without_labels.loss_codes import Column
from kernel.clock import DAY_US
from kernel.column_spec import FEATURE
from kernel.measurement import Measurement, SeriesKey
from kernel.windows import Span
from kernel.worth import Worth
from store import columns
from store.database import Database
from store.joined_columns import JoinedColumns
from store.models import Model
from store.record_reads import RecordReader

ByRows = Mapping[tuple[str, str], Mapping[str, Estimate]]
"""By version and segment, "" for all of a version, then by metric."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows are read: the record log, and the database that knows which columns are booleans."""

    db: Database
    reader: RecordReader
    workspace: str


@dataclass(frozen=True, eq=False)
class _Scores:
    """Rows of several classes: scores (rows, classes), which of them was predicted (rows,), and weights (rows,)."""

    scores: FloatArray
    predicted: npt.NDArray[np.int64]
    weights: FloatArray

    @classmethod
    def of(cls, parts: Sequence["_Scores"]) -> "_Scores":
        """All of them, at least one."""
        sides = zip(*((part.scores, part.predicted, part.weights) for part in parts), strict=True)
        return cls(*map(np.concatenate, sides))

    def only(self, kept: npt.NDArray[np.bool_]) -> "_Scores":
        """Some rows."""
        return _Scores(self.scores[kept], self.predicted[kept], self.weights[kept])


def by_rows(place: Place, model: Model, span: Span, against: Against | None, segments: Collection[str]) -> ByRows:
    """What is expected of the rows with ts in [start, end); nothing where profiles say it, or the reference has no labels.

    Args:
        segments: which are told apart, named as profiles name them.

    Raises:
        UnavailableError: the record log is away.
    """
    fitted = None if against is None else against.estimator
    if isinstance(fitted, OfNumbers):
        return _losses(place, model, span, fitted, segments)
    return _classes(place, model, span, fitted, segments) if isinstance(fitted, OfSeveral) else {}


def measure(
    key: SeriesKey,
    look: Look,
    span: Span,
    against: Against | None,
    rows: ByRows,
    said: Sequence[Measurement],
    worth: Worth,
) -> list[Measurement]:
    """The estimates of a series in a window, of the window alone; and how far they were off where it has labels.

    Args:
        rows: of the window, from `by_rows`.
        said: what else was measured of it, such as what its labels say.
        worth: what predictions are worth.
    """
    if against is None or against.estimator is None:
        return []
    fitted, performance = against.estimator, against.reference.performance
    found = fitted.of_profile(look.profile) if isinstance(fitted, OfTwo) else rows.get((key.version, key.segment), {})
    if not found:
        return []
    found = {**found, **_value(fitted, look, found, worth)}
    shared = Before(shared=SHARES if against.shared(span) else "")
    told = [shared.said_of(one) for one in measure_estimates(fitted, found, performance, key.segment)]
    return [*told, *measure_error(fitted, [*said, *told], performance)]


def _value(fitted: Estimator, look: Look, found: Mapping[str, Estimate], worth: Worth) -> dict[str, Estimate]:
    """What a row is expected to be worth, where that can be told."""
    value = fitted.value(look.profile, worth) if isinstance(fitted, OfTwo) else None
    if isinstance(fitted, OfNumbers) and worth.per_error is not None:
        value = estimated_value.of_numbers(found["mae"], worth.per_error)
    return {} if value is None else {VALUE_PER_ROW: value}


def _losses(place: Place, model: Model, span: Span, estimator: OfNumbers, segments: Collection[str]) -> ByRows:
    sums: dict[tuple[str, str], LossSums] = {}
    for version, rows, masks in _versions(place, model, span, dict(estimator.features), segments):
        columns = [_column(rows[FEATURE + name], kept) for name, kept in estimator.features]
        predictions, weights = rows["prediction_value"].fill_null(np.nan).to_numpy(), _weights(rows)
        losses = dle.expected(estimator.fitted, columns, predictions)
        for segment, mine in masks.items():
            of_it = {name: loss[mine] for name, loss in losses.items()}
            part = dle.add_up(of_it, predictions[mine], weights[mine])
            before = sums.get((version, segment))
            sums[version, segment] = part if before is None else before.merge(part)
    return {series: dle.of_sums(estimator.fitted, of) for series, of in sums.items()}


def _classes(place: Place, model: Model, span: Span, estimator: OfSeveral, segments: Collection[str]) -> ByRows:
    parts: dict[str, list[_Scores]] = defaultdict(list)
    masks: dict[tuple[str, str], dict[int, npt.NDArray[np.bool_]]] = defaultdict(dict)
    for version, rows, of_day in _versions(place, model, span, {}, segments):
        known, scores = _scores(rows, Task(model.task), estimator.classes)
        for segment, mine in of_day.items():
            masks[version, segment][len(parts[version])] = mine[known]
        parts[version].append(scores)
    found = {}
    for (version, segment), of_days in masks.items():
        of_it = _Scores.of([parts[version][place].only(kept) for place, kept in of_days.items()])
        found[version, segment] = cbpe_multiclass.estimate(
            estimator.fitted, of_it.scores, of_it.predicted, of_it.weights
        )
    return found


def _versions(
    place: Place, model: Model, span: Span, features: dict[str, str], segments: Collection[str]
) -> Iterator[tuple[str, pa.Table, Mapping[str, npt.NDArray[np.bool_]]]]:
    """The rows of each version, day by day, and which (rows,) are of each segment that has some; of "" all are."""
    told = model.segments if segments else ()
    more = JoinedColumns(told, flags=columns.flags(place.db, place.workspace, model.name, told))
    for day_us in range(span[0], span[1], DAY_US):
        end_us = min(day_us + DAY_US, span[1])
        batches = list(place.reader.predictions(model.name, day_us, end_us, features, more=more))
        if not batches:
            continue
        rows, values = more.apart(pa.Table.from_batches(batches))
        masks = {"": np.ones(rows.num_rows, np.bool_), **rows_of_segments(values, segments)}
        for version in pc.unique(rows["version"]).to_pylist():
            mine = pc.equal(rows["version"], version)
            kept = mine.to_numpy()
            of_it = {segment: mask[kept] for segment, mask in masks.items()}
            yield version, rows.filter(mine), {segment: mask for segment, mask in of_it.items() if mask.any()}


def _scores(rows: pa.Table, task: Task, classes: tuple[str, ...]) -> tuple[npt.NDArray[np.bool_], _Scores]:
    """Which rows (rows,) were predicted as one of these classes, and those; the others are left out."""
    predicted, by_class = places(predicted_classes(rows, task), classes), scores_by_class(rows)
    known, none = predicted >= 0, np.full(rows.num_rows, np.nan)
    scores = np.column_stack([by_class.get(name, none) for name in classes])
    return known, _Scores(scores, predicted, _weights(rows)).only(known)


def _column(values: pa.ChunkedArray, kept: str) -> Column:
    if kept == "texts":
        texts: list[str | None] = values.to_pylist()
        return texts
    return np.asarray(values.fill_null(np.nan).to_numpy(), np.float64)


def _weights(rows: pa.Table) -> FloatArray:
    return np.asarray(rows["weight"].fill_null(1.0).to_numpy(), np.float64)
