"""Why a metric changed between two times, from their labelled rows: split by features, and by segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from detectors.change_by_segment import SegmentPart, by_segment
from detectors.change_split import Rows, Split, split
from detectors.multivariate.classifier_columns import expand
from detectors.multivariate.together import Sides, encoded
from detectors.outcomes import Outcomes, Task, comparable, outcomes
from detectors.pair import FloatArray
from detectors.row_values import MEANS, row_values
from kernel.column_spec import FEATURE
from kernel.errors import ContractError
from kernel.profile import Kind

LEAST_ROWS = 200
"""Of either time."""
_MOST_SEGMENTS = 50
_REST = "other"


@dataclass(frozen=True, slots=True)
class Change:
    """A metric at two times, and what its change is made of.

    Attributes:
        before, after: the metric's values; rows_before, rows_after: how many labelled rows they are of.
        segments: the parts of each segment, by the feature that the segments are of.
    """

    metric: str
    before: float
    after: float
    rows_before: int
    rows_after: int
    split: Split
    segments: Mapping[str, Sequence[SegmentPart]]


def change(
    before: pa.Table,
    after: pa.Table,
    task: Task,
    kinds: Mapping[str, Kind],
    segments: Sequence[str],
    metric: str | None = None,
) -> Change:
    """Return what the change of a metric is made of.

    Args:
        before, after: joined rows (RecordReader.labelled) with the features as text, in columns feature.NAME.
        kinds: of the features, by their stored names.
        segments: the features whose values are segments.
        metric: one of MEANS; by default accuracy of classes, mae of numbers.

    Raises:
        ContractError: these rows do not have the metric, or either time has under 200 of them.

    >>> rng = np.random.default_rng(0)
    >>> def rows(mean):
    ...     x = rng.normal(mean, 1.0, 2000)
    ...     label = np.where(rng.random(2000) < 0.8, "a", "b")
    ...     texts = {"feature.x": x.astype(str), "prediction": np.full(2000, "a"), "label": label}
    ...     numbers = {name: pa.nulls(2000, pa.float64()) for name in ("prediction_value", "label_value", "weight")}
    ...     scores = pa.nulls(2000, pa.map_(pa.string(), pa.float64()))
    ...     return pa.table(texts | numbers | {"scores": scores, "ts_us": np.arange(2000)})
    >>> found = change(rows(0.0), rows(1.0), Task(), {"feature.x": Kind.NUMERIC}, [])
    >>> found.metric, round(found.split.concept.value, 2), round(found.split.overlap, 2)
    ('accuracy', -0.01, 0.78)
    """
    joined = pa.concat_tables([before, after], promote_options="default")
    is_after = np.arange(joined.num_rows) >= before.num_rows
    kept = comparable(joined, task).to_numpy()
    joined, is_after = joined.filter(pa.array(kept)), is_after[kept]
    found = outcomes(joined, task)
    metric = metric or ("mae" if found.is_regression else "accuracy")
    rows, known = _rows(found, task, metric, is_after)
    joined = joined.filter(pa.array(known))
    before_mean, after_mean = (float(rows.shares[side] @ rows.values[side]) for side in (~rows.is_after, rows.is_after))
    return Change(
        metric,
        before_mean,
        after_mean,
        int((~rows.is_after).sum()),
        int(rows.is_after.sum()),
        split(rows, _features(joined, rows.is_after, kinds)),
        {name: by_segment(rows, _values(joined, name, rows.weights)) for name in segments},
    )


def _rows(found: Outcomes, task: Task, metric: str, is_after: np.ndarray) -> tuple[Rows, np.ndarray]:
    """The rows that the metric is a mean of, and which of the outcomes they are."""
    values = row_values(found, task, metric)
    if values is None:
        raise ContractError("metric", f"these rows have no {metric!r}; what can be split: {', '.join(MEANS)}")
    weights = np.ones(values.size) if found.weights is None else found.weights
    known = np.isfinite(values) & (weights > 0)
    rows = Rows(values[known], weights[known], found.clusters[known], is_after[known])
    for name, count in (("before_start", (~rows.is_after).sum()), ("start", rows.is_after.sum())):
        if count < LEAST_ROWS:
            raise ContractError(
                name, f"{count} labelled rows from there on; {LEAST_ROWS} are needed: take a longer time"
            )
    return rows, known


def _values(joined: pa.Table, segment: str, weights: FloatArray) -> np.ndarray:
    """The value of a feature in each row; but for the heaviest 50 they are one, "other"."""
    held = joined[FEATURE + segment].fill_null("").combine_chunks().dictionary_encode()
    codes = held.indices.to_numpy()
    names = np.array(held.dictionary.to_pylist(), object)
    heaviest = np.argsort(-np.bincount(codes, weights, names.size), kind="stable")
    names[heaviest[_MOST_SEGMENTS:]] = _REST
    return np.asarray(names[codes], np.str_)


def _features(joined: pa.Table, is_after: np.ndarray, kinds: Mapping[str, Kind]) -> FloatArray:
    """What the classifier reads of each row, in the rows' order: those before come first."""
    sides = Sides(joined.filter(pa.array(is_after)), joined.filter(pa.array(~is_after)), kinds)
    if not sides.features:
        return np.zeros((joined.num_rows, 0))
    after, before = encoded(sides)[0]
    return expand(np.concatenate([before, after]))
