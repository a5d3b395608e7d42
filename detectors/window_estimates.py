"""Performance without labels of one window: of two classes from profiles, else row by row from the record log.

What comes from rows costs as many records as there are, as labelled metrics do: the rows of a window are read once, day by day, and
only where the reference has an estimator that needs them. No more than a day of rows is held; of several classes besides the scores
of the window, which are ranked together.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from detectors.against import SHARES, Against, Before
from detectors.estimate import Estimate
from detectors.estimated import measure_error, measure_estimates
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
from store.models import Model
from store.record_reads import RecordReader

ByRows = Mapping[str, Mapping[str, Estimate]]
"""By version, then by metric."""

Scores = tuple[FloatArray, npt.NDArray[np.int64], FloatArray]


def by_rows(reader: RecordReader, model: Model, span: Span, against: Against | None) -> ByRows:
    """What is expected of the rows with ts in [start, end); nothing where profiles say it, or the reference has no labels.

    Raises:
        UnavailableError: the record log is away.
    """
    fitted = None if against is None else against.estimator
    if isinstance(fitted, OfNumbers):
        return _losses(reader, model, span, fitted)
    return _classes(reader, model, span, fitted) if isinstance(fitted, OfSeveral) else {}


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
        rows: of the window, from `by_rows`: of whole versions, not of segments.
        said: what else was measured of it, such as what its labels say.
        worth: what predictions are worth.
    """
    if against is None or against.estimator is None:
        return []
    fitted, performance = against.estimator, against.reference.performance
    of_rows = {} if key.segment else rows.get(key.version, {})
    found = fitted.of_profile(look.profile) if isinstance(fitted, OfTwo) else of_rows
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


def _losses(reader: RecordReader, model: Model, span: Span, estimator: OfNumbers) -> ByRows:
    parts: dict[str, list[LossSums]] = defaultdict(list)
    for version, rows in _versions(reader, model, span, dict(estimator.features)):
        columns = [_column(rows[FEATURE + name], kept) for name, kept in estimator.features]
        predictions, weights = rows["prediction_value"].fill_null(np.nan).to_numpy(), _weights(rows)
        parts[version].append(dle.sums(estimator.fitted, columns, predictions, weights))
    return {version: dle.of_sums(estimator.fitted, reduce(LossSums.merge, of)) for version, of in parts.items()}


def _classes(reader: RecordReader, model: Model, span: Span, estimator: OfSeveral) -> ByRows:
    parts: dict[str, list[Scores]] = defaultdict(list)
    for version, rows in _versions(reader, model, span, {}):
        parts[version].append(_scores(rows, Task(model.task), estimator.classes))
    found: dict[str, dict[str, Estimate]] = {}
    for version, of in parts.items():
        scores, predicted, weights = (np.concatenate(side) for side in zip(*of, strict=True))
        found[version] = cbpe_multiclass.estimate(estimator.fitted, scores, predicted, weights)
    return found


def _versions(
    reader: RecordReader, model: Model, span: Span, features: dict[str, str]
) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each version, day by day."""
    for day_us in range(span[0], span[1], DAY_US):
        batches = list(reader.predictions(model.name, day_us, min(day_us + DAY_US, span[1]), features))
        if batches:
            rows = pa.Table.from_batches(batches)
            for version in pc.unique(rows["version"]).to_pylist():
                yield version, rows.filter(pc.equal(rows["version"], version))


def _scores(rows: pa.Table, task: Task, classes: tuple[str, ...]) -> Scores:
    """The scores (rows, classes), which of them was predicted, and the weights; rows with another prediction are left out."""
    predicted, by_class = places(predicted_classes(rows, task), classes), scores_by_class(rows)
    known, none = predicted >= 0, np.full(rows.num_rows, np.nan)
    scores = np.column_stack([by_class.get(name, none) for name in classes])
    return scores[known], predicted[known], _weights(rows)[known]


def _column(values: pa.ChunkedArray, kept: str) -> Column:
    if kept == "texts":
        texts: list[str | None] = values.to_pylist()
        return texts
    return np.asarray(values.fill_null(np.nan).to_numpy(), np.float64)


def _weights(rows: pa.Table) -> FloatArray:
    return np.asarray(rows["weight"].fill_null(1.0).to_numpy(), np.float64)
