"""Random labels for a permutation test, made as the rows come by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_GRAIN = 1024
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Relabelling:
    """Which rows are called the window's: once as they are, and `draws` times a random subset of as many rows.

    Attributes:
        window: the rows of the window, which come first.
        rows: the rows of both sides.
        seed: the same seed gives the same labels, whatever the tiles.

    >>> [labels] = Relabelling(window=2, rows=5, draws=3, seed=(0,)).tiles([(0, 5)])
    >>> labels[0].tolist(), labels.sum(axis=1).tolist()
    ([True, True, False, False, False], [2, 2, 2, 2])
    """

    window: int
    rows: int
    draws: int
    seed: tuple[int, ...]

    def tiles(self, tiles: Sequence[tuple[int, int]]) -> Iterator[Labels]:
        """Yield the labels of each tile, which follow on one another from row 0; shape (1 + draws, rows of the tile)."""
        grains = self._grains()
        held = np.zeros((1 + self.draws, 0), bool)
        for start, stop in tiles:
            while held.shape[1] < stop - start:
                held = np.hstack([held, next(grains)])
            yield held[:, : stop - start]
            held = held[:, stop - start :]

    def _grains(self) -> Iterator[Labels]:
        """How many rows of a grain a subset takes is hypergeometric, and which is a draw without replacement."""
        generator = np.random.default_rng(self.seed)
        left = np.full(self.draws, self.window)
        for start in range(0, self.rows, _GRAIN):
            size = min(_GRAIN, self.rows - start)
            taken = generator.hypergeometric(left, self.rows - start - left, size)
            keys = generator.random((self.draws, size))
            bounds = np.sort(keys, axis=1)[np.arange(self.draws), np.maximum(taken, 1) - 1]
            drawn = (keys <= bounds[:, None]) & (taken > 0)[:, None]
            yield np.vstack([np.arange(start, start + size) < self.window, drawn])
            left = left - taken
