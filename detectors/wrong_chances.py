"""How likely each prediction of a class is wrong, before its label comes."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.outcomes import Task, places, predicted_classes, scores_by_class
from detectors.pair import FloatArray
from detectors.without_labels.estimator import Estimator, OfSeveral, OfTwo


def wrong_chances(rows: pa.Table, task: Task, estimator: Estimator | None) -> FloatArray:
    """Return the chance that each prediction is wrong, shape (rows,); NaN where its scores do not say.

    From scores that the reference's labels have made chances (CBPE), else from the scores as they are.

    Args:
        rows: with prediction, prediction_value and scores (RecordReader.labelled).
        estimator: of the reference in force; None where it has none.

    Source: `detectors.without_labels.cbpe`.

    >>> texts, numbers = pa.array(["late", "ok", "late"]), pa.nulls(3, pa.float64())
    >>> scores = pa.array([[("late", 0.75)], [("late", 0.1)], None], pa.map_(pa.string(), pa.float64()))
    >>> rows = pa.table({"prediction": texts, "prediction_value": numbers, "scores": scores})
    >>> wrong_chances(rows, Task("binary", "late"), None).tolist()
    [0.25, 0.1, nan]
    """
    predicted, scores = predicted_classes(rows, task), scores_by_class(rows)
    if isinstance(estimator, OfTwo) and estimator.positive in scores:
        chances = estimator.fitted.chances(scores[estimator.positive])
        return np.where(predicted == estimator.positive, 1 - chances, chances)
    if isinstance(estimator, OfSeveral) and {*estimator.classes} <= scores.keys():
        table = np.column_stack([scores[name] for name in estimator.classes])
        return 1 - _of_predicted(predicted, estimator.classes, estimator.fitted.chances(table))
    if len(scores) == 1:
        [(name, of_it)] = scores.items()
        return np.clip(np.where(predicted == name, 1 - of_it, of_it), 0.0, 1.0)
    names = sorted(scores)
    if not names:
        return np.full(rows.num_rows, np.nan)
    table = np.column_stack([scores[name] for name in names])
    return np.clip(1 - _of_predicted(predicted, names, table), 0.0, 1.0)


def _of_predicted(predicted: NDArray[np.generic], names: Sequence[str], chances: FloatArray) -> FloatArray:
    """Of the class that was predicted in each row; NaN where it has none."""
    mine = places(predicted, names)
    return np.where(mine < 0, np.nan, chances[np.arange(len(predicted)), mine])
