"""Window and reference as one sample: what every permutation of the two permutes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detectors.multivariate.rows import AnyFloats, Rows
from detectors.pair import FloatArray


@dataclass(frozen=True, eq=False)
class Pooled:
    """The rows of both sides, the window's first."""

    window: Rows
    reference: Rows

    @property
    def count(self) -> int:
        """The rows of both sides."""
        return self.window.count + self.reference.count

    def take(self, start: int, stop: int) -> AnyFloats:
        """Return a copy of the rows from `start` to before `stop`, float32 or float64 of shape (stop - start, columns)."""
        first = self.window.count
        sides = (
            self.window.stored(slice(min(start, first), min(stop, first))),
            self.reference.stored(slice(max(start - first, 0), max(stop - first, 0))),
        )
        single = all(side.dtype.itemsize <= np.dtype(np.float32).itemsize for side in sides)
        return np.concatenate(sides, dtype=np.float32 if single else np.float64)

    def mean(self) -> FloatArray:
        """Return the mean of every column, shape (columns,); NaN without rows."""
        total = sum((block.sum(axis=0) for block in self._blocks()), np.zeros(self.window.columns))
        mean: FloatArray = total / self.count if self.count else np.full(self.window.columns, np.nan)
        return mean

    def sample(self, size: int, seed: int) -> FloatArray:
        """Return `size` rows drawn without replacement, or all where there are fewer; which side they are of plays no part."""
        drawn = np.random.default_rng([seed, 1]).permutation(self.count)[:size]
        first = self.window.count
        sides: list[FloatArray] = [
            self.window.take(drawn[drawn < first]),
            self.reference.take(drawn[drawn >= first] - first),
        ]
        return np.concatenate(sides)

    def tiles(self, size: int) -> list[tuple[int, int]]:
        """Return where each tile of `size` rows begins and ends."""
        return [(start, min(start + size, self.count)) for start in range(0, self.count, size)]

    def _blocks(self) -> Iterator[FloatArray]:
        yield from self.window.blocks()
        yield from self.reference.blocks()
