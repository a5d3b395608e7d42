"""What labels say of the rows of a reference that is being made: how well the model did on them, by segment, too."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from api.numbers import plain
from detectors.label_drift import Tally, tally
from detectors.labels_by_segment import by_segment, joined_columns, task_of
from detectors.outcomes import Outcomes, Task
from detectors.performance import estimates
from driftglass_client.wire import LABEL, LABEL_VALUE, SCORE_PREFIX, TS
from store.models import Model
from store.record_schema import to_stored
from store.reference_labels import OfLabels, Performance
from stream.codecs.topics import RecordKind

_OUTCOME = (TS, "prediction", "prediction_value", "weight")
_SCORES = pa.map_(pa.string(), pa.float64())
_KEPT = ("value", "lower", "upper", "rows")


def joined_rows(table: pa.Table, model: Model, flags: Collection[str]) -> pa.Table:
    """The rows in the form of the record log's join (store.record_reads.labelled), as far as outcomes read it.

    Those without a label are left out, but where lists are ranked, in which they stand.

    Args:
        flags: those of the model's segments that are recorded as booleans.
    """
    if model.task != "ranking":
        table = table.filter(pc.or_(table[LABEL].is_valid(), table[LABEL_VALUE].is_valid()))
    kept = [name for name in table.column_names if name in _OUTCOME or name.startswith(SCORE_PREFIX)]
    joined = to_stored(table.select(kept), RecordKind.PREDICTIONS).select([*_OUTCOME[1:], "scores"])
    joined = joined.set_column(joined.column_names.index("scores"), "scores", joined["scores"].cast(_SCORES))
    more = joined_columns(model, flags).of_rows(table)
    for name, column in {LABEL: table[LABEL], LABEL_VALUE: table[LABEL_VALUE], **more}.items():
        joined = joined.append_column(name, column)
    return joined.append_column("ts_us", table[TS].cast(pa.int64()))


def of_labels(
    joined: pa.Table, model: Model, segments: Collection[str]
) -> tuple[tuple[Performance, int, Tally], dict[str, OfLabels]]:
    """How well the model did on the rows with a label, how many they are, how often each label was, and both by segment."""
    present = pc.or_(joined[LABEL].is_valid(), joined[LABEL_VALUE].is_valid())
    labels = int(np.count_nonzero(present.to_numpy(zero_copy_only=False)))
    said = {
        segment: OfLabels(_performance(found, task), tally(found))
        for segment, found, task in by_segment(joined, task_of(model), dict.fromkeys(segments))
    }
    whole = said.pop("")
    return (whole.performance, labels, whole.labels), said


def _performance(found: Outcomes, task: Task) -> Performance:
    measured = estimates(found, task) if len(found.actual) else {}
    return {name: {at: _number(getattr(e, at)) for at in _KEPT} for name, e in measured.items()}


def _number(value: float | None) -> float | None:
    return plain(value)  # type: ignore[return-value]
