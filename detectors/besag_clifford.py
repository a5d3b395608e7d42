"""A p-value by drawing under the null until enough draws are as extreme as what was seen."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

EXCEEDANCES = 20
_FIRST = 256


def sequential_p(extreme: Callable[[int], npt.NDArray[np.bool_]], draws: int, most: int | None = None) -> float:
    """Return a valid p-value, cheap where nothing moved.

    `extreme(size)` makes the next draws and says which are at least as extreme as what was seen, shape (size,). Drawing
    stops at the twentieth (p = 20 / draws made) or after `draws` (p = (extreme + 1) / (draws + 1), so never below
    1 / (draws + 1)). Chunks begin at 256 draws and double, up to `most`. Source: Besag and Clifford, "Sequential Monte Carlo
    p-values" (1991).

    >>> sequential_p(lambda size: np.arange(size) % 2 == 0, draws=1000), sequential_p(lambda size: np.zeros(size, bool), 999)
    (0.5128205128205128, 0.001)
    """
    made = found = 0
    while made < draws:
        size = min(max(_FIRST, made), draws - made, most or draws)
        hits = np.flatnonzero(extreme(size))
        if found + hits.size >= EXCEEDANCES:
            return EXCEEDANCES / (made + int(hits[EXCEEDANCES - found - 1]) + 1)
        made, found = made + size, found + hits.size
    return (found + 1) / (made + 1)
