"""What the domain classifier sees of a table or of vectors."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from detectors.pair import FloatArray

PRODUCTS_UP_TO = 24
RANKS_UP_TO = 64
_FURTHEST = 6.0


def expand(rows: FloatArray) -> FloatArray:
    """Return the columns (rows, features) of a linear classifier for rows of shape (rows, columns), both sides together.

    Each column standardised and held within 6 deviations; up to 64 columns also its rank and the rank's square, so that
    a change of spread is seen; up to 24 also the products of two ranks, so that a change of how two go together is. A
    column with holes has one more, which says where they are; the holes themselves are in the middle. An infinite value
    is the furthest one. All features have mean 0 and variance 1; columns that are constant have none.

    >>> expand(np.array([[0.0, 7.0], [1.0, 7.0], [5.0, 7.0], [6.0, 7.0]])).shape
    (4, 3)
    """
    holes = np.isnan(rows)
    linear = _standard(rows, holes)
    parts = [linear, _standard(holes[:, holes.any(axis=0)].astype(np.float64))]
    if rows.shape[1] <= RANKS_UP_TO:
        ranks = _ranks(rows, holes)
        parts.append(ranks)
        one, other = (
            np.triu_indices(ranks.shape[1]) if rows.shape[1] <= PRODUCTS_UP_TO else (np.arange(ranks.shape[1]),) * 2
        )
        parts.append(_standard(ranks[:, one] * ranks[:, other]))
    return np.hstack(parts)


def _standard(columns: FloatArray, holes: npt.NDArray[np.bool_] | None = None) -> FloatArray:
    """Mean 0, variance 1, at most 6 deviations; without the constant columns, and holes at 0."""
    known = ~np.isnan(columns) if holes is None else ~holes
    finite = np.where(known, np.nan_to_num(columns), 0.0)
    finite /= np.maximum(np.abs(finite).max(axis=0, initial=0.0), 1e-300)  # or squares of the infinite overflow
    count = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, finite - finite.sum(axis=0) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    held = spread > 1e-12
    standard: FloatArray = np.clip(centred[:, held] / spread[held], -_FURTHEST, _FURTHEST)
    return standard


def _ranks(rows: FloatArray, holes: npt.NDArray[np.bool_]) -> FloatArray:
    ranks = stats.rankdata(np.where(holes, -np.inf, rows), axis=0)
    return _standard(np.where(holes, np.nan, ranks), holes)
