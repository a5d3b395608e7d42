"""Whether a grid can still tell apart the values of a reference, and the grid that can where it cannot."""

import numpy as np

from kernel.grid import Float64Array, Grid, encode

MOST_IN_A_CELL = (
    0.1  # of a reference's values, from where a decile cannot be taken; where a grid suits, a cell has one in 224
)
LEAST_VALUES = 200  # of fewer, some lie in one cell by chance


def refitted(values: Float64Array, grid: Grid) -> Grid | None:
    """The grid fitted to a reference's values, where the one that they are counted on has lost its resolution for them.

    It has where a tenth of them lie in one cell beside values that the fitted grid tells from them: of a cell all count but
    those in the fitted cell that most of them lie in. So a heavy value is no loss, and no grid is fitted twice to the same values.

    Args:
        values: some of the reference, shape (n,); what is not finite is left out, and of under 200 nothing is said.

    >>> seconds = np.random.default_rng(0).lognormal(0, 0.3, 2_000)
    >>> grid = Grid.fit(seconds)
    >>> refitted(1.5 * seconds, grid) is None, refitted(1_000 * seconds, grid) is None
    (True, False)
    >>> refitted(np.full(2_000, 1_000.0), grid) is None  # one value: there is nothing to tell apart
    True
    """
    finite = values[np.isfinite(values)]
    if len(finite) < LEAST_VALUES:
        return None
    fitted = Grid.fit(finite)
    held, better = (of.lookup()[encode(finite, of.centre)].astype(np.int64) for of in (grid, fitted))
    pairs, rows = np.unique(held * fitted.cells + better, return_counts=True)
    apart = np.zeros(grid.cells, np.int64)
    np.maximum.at(apart, pairs // fitted.cells, rows)
    lost = np.bincount(held, minlength=grid.cells) - apart
    return fitted if lost.max() > MOST_IN_A_CELL * len(finite) else None
