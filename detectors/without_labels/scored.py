"""Rows by their score and by whether they were predicted as the class: one by one, or a profile's cells."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray, effective_size
from kernel.profile import ColumnProfile, Kind
from kernel.scores import SCORE_CELLS


@dataclass(frozen=True, eq=False)
class Scored:
    """Groups of rows with one score each; all arrays have shape (groups,).

    Attributes:
        scores: of the class, 0 to 1.
        predicted: whether the rows were predicted as it.
        weights: of each group.
        rows: the number of rows.
        size: the effective number of rows, (sum w)^2 / sum w^2.
        ranked: whether each row is a group of its own, so that nothing of their order is lost.
    """

    scores: FloatArray
    predicted: npt.NDArray[np.bool_]
    weights: FloatArray
    rows: int
    size: float
    ranked: bool


def of_rows(scores: FloatArray, predicted: npt.NDArray[np.bool_], weights: FloatArray | None = None) -> Scored:
    """Return the rows that have a score; arrays have shape (rows,).

    >>> found = of_rows(np.array([0.2, np.nan, 0.9]), np.array([False, False, True]))
    >>> found.scores.tolist(), found.rows, found.size
    ([0.2, 0.9], 2, 2.0)
    """
    held = np.isfinite(scores)
    weight = np.ones(scores.size)[held] if weights is None else weights[held]
    size = effective_size(float(weight.sum()), float(weight @ weight))
    return Scored(scores[held], predicted[held], weight, int(held.sum()), size, ranked=True)


def of_cells(column: ColumnProfile) -> Scored:
    """Return the cells of a score's profile, each a group at the mean score of its rows.

    Raises ValueError for a profile of another kind.

    >>> from kernel.column_spec import ColumnSpec
    >>> from kernel.profiling import profile_rows
    >>> import pyarrow as pa
    >>> rows = pa.table({"prediction": ["late", "late", "early"], "score.late": [0.8, 0.8, 0.25]})
    >>> column = profile_rows(rows, {"score.late": ColumnSpec(Kind.SCORE)}).columns["score.late"]
    >>> found = of_cells(column)
    >>> found.scores.tolist(), found.predicted.tolist(), found.weights.tolist(), found.rows
    ([0.25, 0.8], [False, True], [1.0, 2.0], 3)
    """
    if column.kind is not Kind.SCORE:
        raise ValueError(f"a score's profile is needed, got one of kind {column.kind}")
    cells = column.cells
    means = cells.sums / cells.rows if cells.index.size else np.empty(0)
    return Scored(means, cells.index >= SCORE_CELLS, cells.shares_of, column.values, cells.size, ranked=False)
