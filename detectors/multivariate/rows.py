"""Rows of many columns, read a block at a time: nothing of their size is ever copied."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray

_CELLS = 2_000_000
AnyFloats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Rows:
    """A view of some rows of an array.

    Attributes:
        values: shape (rows, columns), of any type of float.
        kept: the rows that count, by their index, shape (count,); None where all do.
    """

    values: AnyFloats
    kept: npt.NDArray[np.intp] | None = None

    @property
    def count(self) -> int:
        """The number of rows that count."""
        return int(self.values.shape[0] if self.kept is None else self.kept.size)

    @property
    def columns(self) -> int:
        """The number of columns."""
        return int(self.values.shape[1])

    def take(self, places: npt.NDArray[np.intp] | slice) -> FloatArray:
        """Return a copy of the rows at these places among those that count, shape (places, columns)."""
        return self.stored(places).astype(np.float64)

    def stored(self, places: npt.NDArray[np.intp] | slice) -> AnyFloats:
        """Return those rows in the type of the array, perhaps without a copy."""
        found: AnyFloats = self.values[places if self.kept is None else self.kept[places]]
        return found

    def only(self, places: npt.NDArray[np.intp]) -> "Rows":
        """Return the view of the rows at these places among those that count."""
        return Rows(self.values, places if self.kept is None else self.kept[places])

    def blocks(self) -> Iterator[FloatArray]:
        """Yield copies of all rows that count, in order, some two million cells at a time."""
        size = max(1, _CELLS // max(1, self.columns))
        for start in range(0, self.count, size):
            yield self.take(slice(start, start + size))


def all_rows(values: AnyFloats) -> Rows:
    """Return the view of every row of an array of shape (rows, columns).

    Raises ValueError for another number of dimensions.

    >>> all_rows(np.zeros((3, 2))).count
    3
    """
    if values.ndim != 2:
        raise ValueError(f"rows of columns need an array of two dimensions, got shape {values.shape}")
    return Rows(values)


def complete_rows(values: AnyFloats) -> Rows:
    """Return the view of the rows whose every value is finite: of a vector with a hole no distance exists.

    Raises ValueError where the array is not of shape (rows, columns).

    >>> complete_rows(np.array([[1.0, 2.0], [np.nan, 2.0]])).count
    1
    """
    whole = all_rows(values)
    finite = np.concatenate([np.zeros(0, bool), *(np.isfinite(block).all(axis=1) for block in whole.blocks())])
    return whole if finite.all() else Rows(values, np.flatnonzero(finite))


def complete_pair(window: AnyFloats, reference: AnyFloats) -> tuple[Rows, Rows]:
    """Return the complete rows of a window (n, columns) and of its reference (m, columns).

    Raises ValueError where the two have not the same columns.

    >>> [side.count for side in complete_pair(np.zeros((3, 2)), np.zeros((4, 2)))]
    [3, 4]
    """
    if window.shape[1:] != reference.shape[1:]:
        raise ValueError(f"window and reference need the same columns, got shapes {window.shape} and {reference.shape}")
    return complete_rows(window), complete_rows(reference)
