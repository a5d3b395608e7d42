"""What a reference's labels say of windows without labels, made while the reference is (detectors/without_labels/fitting.py).

Of classes the labelled rows that its performance is measured of are enough. A regression's losses are learnt from its features,
of which a random sample is held.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from api.reference_sample import ReferenceSample
from detectors.labelled import between
from detectors.outcomes import Task, outcomes
from detectors.pair import FloatArray
from detectors.without_labels import fitting
from detectors.without_labels.codec import to_json
from detectors.without_labels.fitting import Cut, Featured
from detectors.without_labels.loss_codes import Column
from driftglass_client.wire import FEATURE_PREFIX, ID, LABEL_VALUE, PREDICTION_VALUE, TS, VERSION
from store.models import Model

MOST_ROWS = 50_000
_MOST_CELLS = 2_000_000  # 50,000 rows of 40 features; fewer rows of more
MOST_CATEGORIES = 1_000  # of a feature; what has more says who a row is, and not what
_APART = "\x1f"


class LabelledRows:
    """A random sample of a regression's rows that have a label, with their features, as `add` is given them."""

    def __init__(self, task: str) -> None:
        self._wanted = task in ("", "regression")
        self._sample = ReferenceSample(most=MOST_ROWS, beside=(LABEL_VALUE,))

    def add(self, table: pa.Table) -> None:
        """Let some more flat rows take part, labelled or not."""
        names = set(table.column_names)
        if not self._wanted or not {PREDICTION_VALUE, LABEL_VALUE} <= names:
            return
        both = pc.and_(pc.is_finite(table[PREDICTION_VALUE]), pc.is_finite(table[LABEL_VALUE]))
        labelled = table.filter(both)  # what is null is left out
        if labelled.num_rows:
            self._sample.add(labelled)

    def add_from_log(self, table: pa.Table, joined: pa.Table) -> None:
        """The same of rows of the record log, beside their labels (store.record_reads.labelled)."""
        moments = pc.min_max(table[TS].cast(pa.int64())).as_py()
        joined = between(joined, moments["min"], moments["max"] + 1)
        if self._wanted and joined[LABEL_VALUE].null_count < joined.num_rows:
            places = pc.index_in(_identities(table), value_set=_identities(joined).combine_chunks())
            self.add(table.append_column(LABEL_VALUE, joined[LABEL_VALUE].take(places)))

    def featured(self) -> Featured | None:
        """The sample in columns; None without rows."""
        rows = self._sample.rows()
        if rows is None:
            return None
        features = dict(sorted(_features(rows), key=lambda found: found[0]))
        rows = rows.slice(0, max(1, _MOST_CELLS // max(1, len(features))))
        columns = [column[: rows.num_rows] for _, column in features.values()]
        predictions, labels = (_numbers(rows[name]) for name in (PREDICTION_VALUE, LABEL_VALUE))
        moments = rows[TS].cast(pa.int64()).to_numpy()
        return Featured(tuple((n, kept) for n, (kept, _) in features.items()), columns, predictions, labels, moments)


def estimator(joined: pa.Table, model: Model, rows: LabelledRows) -> Mapping[str, Any] | None:
    """What a reference's labelled rows say, as it is stored; None where they say nothing of windows without labels.

    Args:
        joined: all of them, in the form of the record log's join (store.record_reads.labelled).
    """
    task, cut = Task(model.task, model.positive_class), Cut(model.window, model.min_rows)
    found = outcomes(joined, task)
    if not len(found.actual) or model.task == "ranking":
        return None
    sample = rows.featured() if found.is_regression else None
    fitted = fitting.of_classes(found, task, cut) if sample is None else fitting.of_numbers(found, sample, cut)
    try:
        return None if fitted is None else to_json(fitted)
    except ValueError:  # losses beyond float64
        return None


def _identities(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(table[VERSION].cast(pa.string()), table[ID].cast(pa.string()), _APART)


def _features(rows: pa.Table) -> Iterator[tuple[str, tuple[str, Column]]]:
    """By name where the record log keeps a feature, and its values; no vectors, and nothing that tells every row apart."""
    for field in rows.schema:
        if not field.name.startswith(FEATURE_PREFIX):
            continue
        name = field.name.removeprefix(FEATURE_PREFIX)
        if pa.types.is_floating(field.type):
            yield name, ("numbers", _numbers(rows[field.name]))
        elif not pa.types.is_list(field.type):
            texts = rows[field.name].cast(pa.string())
            if pc.count_distinct(texts).as_py() <= MOST_CATEGORIES:
                yield name, ("texts", texts.to_pylist())


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(column.fill_null(np.nan).to_numpy(), np.float64)
