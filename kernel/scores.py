"""The fixed grid of scores: 2,048 cells of 1/64 in log-odds, so that p = 0.5 is an edge and the tails keep their resolution.

A score column counts the rows that were predicted as its class apart from the rest: cell + 2048 for those.
"""

import math

import numpy as np
from numpy.typing import NDArray

from kernel.compiled import compiled
from kernel.grid import Float64Array

SCORE_CELLS = 2_048
_CELLS_PER_UNIT = 64
_MIDDLE = SCORE_CELLS // 2


def score_cells(scores: Float64Array) -> NDArray[np.int64]:
    """The cell of each score, shape (n,); a score outside [0, 1] takes the cell of the nearer end, NaN the first.

    >>> score_cells(np.array([0.0, 0.5, 1.0])).tolist()
    [0, 1024, 2047]
    """
    return _cells(scores)  # type: ignore[no-any-return]


@compiled
def _cells(scores: Float64Array) -> NDArray[np.int64]:
    cells = np.empty(scores.size, np.int64)
    for i in range(scores.size):
        p = scores[i]
        if not p > 0.0:
            cells[i] = 0
        elif p >= 1.0:
            cells[i] = SCORE_CELLS - 1
        else:
            log_odds = math.log(p) - math.log1p(-p)
            cells[i] = min(max(math.floor(log_odds * _CELLS_PER_UNIT) + _MIDDLE, 0), SCORE_CELLS - 1)
    return cells


def score_bounds() -> Float64Array:
    """The lower bound of each cell as a score, shape (2048,); the first is 0."""
    log_odds = (np.arange(SCORE_CELLS) - _MIDDLE) / _CELLS_PER_UNIT
    bounds = np.asarray(1.0 / (1.0 + np.exp(-log_odds)), np.float64)
    bounds[0] = 0.0
    return bounds
