"""How often a class was predicted, from the profile of predictions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.shares import Tally, tally_of
from kernel.column_spec import FLAGS
from kernel.profile import ColumnProfile, Kind

_CLOSE = 1e-3  # of a whole number: what float32 leaves of a cell's mean


@dataclass(frozen=True, slots=True)
class PredictedAs:
    """Where a class is found among a model's predictions.

    Attributes:
        name: of the class.
        code: in the dictionary of predictions; None where no prediction was that text.
        centres: of the grids of predictions, by version, where classes are numbers.
    """

    name: str
    code: int | None = None
    centres: Mapping[int, float] = field(default_factory=dict)

    def tally(self, predictions: ColumnProfile) -> Tally:
        """Return the rows that were predicted as the class among those with a prediction, at their effective size.

        >>> from kernel.cells import Cells
        >>> predictions = ColumnProfile(Kind.CATEGORICAL, cells=Cells(np.array([1, 2]), np.array([30, 10])))
        >>> PredictedAs("late", 2).tally(predictions)
        Tally(events=10.0, rows=40.0)
        """
        return tally_of(predictions.cells, self._cells(predictions))

    def _cells(self, predictions: ColumnProfile) -> NDArray[np.bool_]:
        cells = predictions.cells
        if predictions.kind is Kind.NUMERIC and predictions.grid in self.centres and _is_whole(self.name):
            means = self.centres[predictions.grid] + cells.sums / np.maximum(1, cells.rows)
            near: NDArray[np.bool_] = np.abs(means - int(self.name)) < _CLOSE
            return near
        code = FLAGS.get(self.name) if predictions.kind is Kind.BOOLEAN else self.code
        alike: NDArray[np.bool_] = cells.index == (-1 if code is None else code)
        return alike


def _is_whole(name: str) -> bool:
    return name.removeprefix("-").isdecimal()
