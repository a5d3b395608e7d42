"""Predictions beside what happened, in columns: classes or numbers, as the model's task has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from detectors import labelled
from detectors.pair import FloatArray
from detectors.rankings import Rankings, rankings
from kernel.worth import Worth

_MOST_WHOLE = 2.0**53  # beyond it a float64 tells whole numbers no longer apart


@dataclass(frozen=True, slots=True)
class Task:
    """What a model predicts, as far as people have declared it.

    Attributes:
        kind: binary, multiclass, regression, ranking; "" where not declared, and what came says.
        positive_class: "" where not declared.
        k: how many items of a list of a ranking count.
        worth: what predictions are worth.
    """

    kind: str = ""
    positive_class: str = ""
    k: int = 10
    worth: Worth = field(default_factory=Worth)

    @property
    def is_classes(self) -> bool:
        """Whether predictions are declared to be classes, so that a whole number is the name of one.

        >>> Task("multiclass").is_classes, Task().is_classes
        (True, False)
        """
        return self.kind in ("binary", "multiclass")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Predictions of a window that have a label, in columns of shape (n,).

    Attributes:
        predicted, actual: class labels, or numbers for a regression.
        scores: by class, NaN where a row has none.
        weights: None where every weight is 1.
        clusters: what errors cluster by (detectors/labelled.py).
        predictions: how many predictions there were in all, labelled or not.
        moments_us: when each prediction was made; empty where nobody said so.
        rankings: the lists of a ranking; None of other tasks, and where no list has a label.
        unlike: how many more have a label that does not compare with them: a class beside a number, or no class of the task.
    """

    predicted: NDArray[np.generic]
    actual: NDArray[np.generic]
    scores: Mapping[str, FloatArray]
    weights: FloatArray | None
    clusters: NDArray[np.int64]
    predictions: int
    moments_us: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    rankings: Rankings | None = None
    unlike: int = 0

    @property
    def is_regression(self) -> bool:
        """Whether labels are numbers.

        >>> Outcomes(np.array([2.0]), np.array([1.5]), {}, None, np.array([0]), predictions=1).is_regression
        True
        """
        return bool(np.issubdtype(self.actual.dtype, np.floating))

    @property
    def classes(self) -> NDArray[np.generic] | None:
        """The label of each row, where it is a class.

        >>> Outcomes(np.array(["a"]), np.array(["b"]), {}, None, np.array([0]), predictions=1).classes.tolist()
        ['b']
        """
        return None if self.is_regression else self.actual


def outcomes(joined: pa.Table, task: Task, predictions: int | None = None) -> Outcomes:
    """The labelled rows of a joined table (store.record_reads.labelled); those whose two sides do not compare are left out.

    With classes declared, a whole number is a class by its digits, and any other number is none. With a regression declared,
    classes are left out. Where nothing is declared, rows are of classes as soon as one label is. Of a ranking predictions are
    scores, and labels relevances.

    Args:
        predictions: how many there were in all; None where the table has them all.

    >>> none = pa.nulls(3, pa.string())
    >>> joined = pa.table(
    ...     {
    ...         "ts_us": [0, 1, 2], "weight": pa.nulls(3, pa.float64()),
    ...         "scores": pa.nulls(3, pa.map_(pa.string(), pa.float64())),
    ...         "prediction": none, "prediction_value": [1.0, 0.0, 0.0],
    ...         "label": none, "label_value": [1.0, 0.5, None],
    ...     }
    ... )
    >>> found = outcomes(joined, Task("binary"))  # a half names no class, and the last one has no label
    >>> found.predicted.tolist(), found.actual.tolist(), found.predictions, found.unlike
    (['1'], ['1'], 3, 1)
    """
    predicted, actual = _sides(joined, task)
    clusters = labelled.clusters(joined)
    both = comparable(joined, task)
    rows = joined.filter(both)
    weights = rows["weight"].fill_null(1.0).to_numpy()
    classes = not pa.types.is_floating(actual.type)
    return Outcomes(
        _array(predicted.filter(both)),
        _array(actual.filter(both)),
        _scores(rows["scores"].combine_chunks()) if classes else {},
        None if (weights == 1.0).all() else weights,
        clusters[both.to_numpy()],
        joined.num_rows if predictions is None else predictions,
        rows["ts_us"].to_numpy(),
        rankings(joined, clusters) if task.kind == "ranking" else None,
        pc.sum(_both_sides(joined)).as_py() - rows.num_rows if joined.num_rows else 0,
    )


def comparable(joined: pa.Table, task: Task) -> pa.ChunkedArray:
    """Which rows of a joined table `outcomes` does not leave out.

    >>> rows = {"prediction_value": [1.0, 2.0], "label_value": [1.0, None]}
    >>> joined = pa.table(rows | {name: pa.nulls(2, pa.string()) for name in ("prediction", "label")})
    >>> comparable(joined, Task()).to_pylist()
    [True, False]
    """
    predicted, actual = _sides(joined, task)
    return pc.and_(predicted.is_valid(), actual.is_valid())


def _both_sides(joined: pa.Table) -> pa.ChunkedArray:
    """Which rows have a prediction and a label, of whatever kind."""
    said = [pc.or_(joined[side].is_valid(), joined[f"{side}_value"].is_valid()) for side in ("prediction", "label")]
    return pc.and_(*said)


def _sides(joined: pa.Table, task: Task) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Predictions and labels: as classes or as numbers."""
    if task.is_classes:
        return _classes(joined, "prediction"), _classes(joined, "label")
    if task.kind in ("regression", "ranking") or joined["label"].null_count == joined.num_rows:
        return joined["prediction_value"], joined["label_value"]
    return joined["prediction"], joined["label"]


def label_classes(joined: pa.Table, task: Task) -> NDArray[np.generic] | None:
    """The label of each row as a class, "" where it is none; None where labels are numbers.

    >>> label_classes(pa.table({"label": ["late", None], "label_value": [None, 1.0]}), Task("binary")).tolist()
    ['late', '1']
    """
    if task.kind in ("regression", "ranking") or (
        not task.is_classes and joined["label"].null_count == joined.num_rows
    ):
        return None
    classes = _classes(joined, "label") if task.is_classes else joined["label"]
    return np.array(classes.fill_null("").to_pylist(), np.str_)


def predicted_classes(joined: pa.Table, task: Task) -> NDArray[np.generic]:
    """The prediction of each row as a class, "" where it is none.

    >>> predicted_classes(pa.table({"prediction": ["late", None], "prediction_value": [None, 1.0]}), Task("binary")).tolist()
    ['late', '1']
    """
    classes = _classes(joined, "prediction") if task.is_classes else joined["prediction"]
    return np.array(classes.fill_null("").to_pylist(), np.str_)


def places(values: NDArray[np.generic], names: Sequence[str]) -> NDArray[np.intp]:
    """The place of each class among these, which are sorted; -1 of one that is not.

    >>> places(np.array(["b", "c", "a"]), ["a", "b"]).tolist()
    [1, -1, 0]
    """
    return np.where(np.isin(values, names), np.searchsorted(names, values), -1)


def scores_by_class(joined: pa.Table) -> dict[str, FloatArray]:
    """The scores of each class, shape (rows,); NaN where a row has none.

    >>> scores = pa.array([[("late", 0.5)], None], pa.map_(pa.string(), pa.float64()))
    >>> scores_by_class(pa.table({"scores": scores}))["late"].tolist()
    [0.5, nan]
    """
    return _scores(joined["scores"].combine_chunks())


def _classes(joined: pa.Table, side: str) -> pa.ChunkedArray:
    numbers = joined[f"{side}_value"]
    if numbers.null_count == joined.num_rows:
        return joined[side]
    whole = pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less_equal(pc.abs(numbers), _MOST_WHOLE))
    digits = pc.if_else(whole, numbers, None).cast(pa.int64()).cast(joined[side].type)
    return pc.coalesce(joined[side], digits)


def _array(values: pa.ChunkedArray) -> NDArray[np.generic]:
    if pa.types.is_floating(values.type):
        return np.array(values.to_numpy(), np.float64)
    return np.array(values.to_pylist(), np.str_)


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
