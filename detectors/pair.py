"""Two binned samples side by side: what every distance between distributions takes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def effective_size(weight: float, squares: float) -> float:
    """Return Kish's effective number of rows, (sum w)^2 / sum w^2; 0 where there are none.

    Source: Kish, "Survey Sampling" (1965), section 11.7.

    >>> effective_size(weight=100.0, squares=100.0)
    100.0
    >>> effective_size(weight=100.0, squares=1000.0)  # every tenth row kept, each with weight 10
    10.0
    """
    return weight * weight / squares if squares > 0 else 0.0


@dataclass(frozen=True, eq=False)
class BinnedPair:
    """Weighted counts of the non-missing values per bin, of a window and of its reference.

    `window` and `reference` have shape (B,), one order of bins; the sizes are effective numbers of rows. Bins empty on
    both sides do not count and are dropped. Raises ValueError for shapes that differ, and negative or non-finite numbers.

    >>> pair = BinnedPair(np.array([3.0, 0.0, 1.0]), np.array([2.0, 0.0, 2.0]), window_size=4, reference_size=4)
    >>> pair.bins, [share.tolist() for share in pair.shares]
    (2, [[0.75, 0.25], [0.5, 0.5]])
    """

    window: FloatArray
    reference: FloatArray
    window_size: float
    reference_size: float

    def __post_init__(self) -> None:
        window, reference = np.asarray(self.window, np.float64), np.asarray(self.reference, np.float64)
        if window.ndim != 1 or window.shape != reference.shape:
            raise ValueError(f"a pair needs two rows of counts alike, got shapes {window.shape} and {reference.shape}")
        both = window + reference
        least = min(window.min(initial=0.0), reference.min(initial=0.0), self.window_size, self.reference_size)
        if not (least >= 0 and math.isfinite(both.sum() + self.window_size + self.reference_size)):
            raise ValueError("counts and sizes must be finite and not negative")
        held = both > 0
        object.__setattr__(self, "window", window[held])
        object.__setattr__(self, "reference", reference[held])

    @property
    def bins(self) -> int:
        """The number of bins that hold anything on either side."""
        return int(self.window.size)

    @cached_property
    def comparable(self) -> bool:
        """Whether both sides hold rows; without, no distance exists.

        >>> pair_of([3, 1], [2, 2]).comparable, pair_of([3, 1], [0, 0]).comparable
        (True, False)
        """
        return bool(min(self.window_size, self.reference_size, self.window.sum(), self.reference.sum()) > 0)

    @cached_property
    def shares(self) -> tuple[FloatArray, FloatArray]:
        """The shares (p, q) of window and reference, each summing to 1; ValueError where a side is empty."""
        if not self.comparable:
            raise ValueError("an empty window or reference has no shares: ask `comparable` first")
        return self.window / self.window.sum(), self.reference / self.reference.sum()

    @cached_property
    def rows(self) -> tuple[FloatArray, FloatArray]:
        """The effective rows per bin: shares times sizes; what every test counts with.

        >>> sampled = BinnedPair(np.array([60.0, 20.0]), np.array([4.0, 4.0]), window_size=8, reference_size=8)
        >>> [side.tolist() for side in sampled.rows]
        [[6.0, 2.0], [4.0, 4.0]]
        """
        p, q = self.shares
        return p * self.window_size, q * self.reference_size

    @property
    def information(self) -> float:
        """Return nm / (n + m), the number that turns a divergence into a statistic.

        >>> pair_of([30, 30], [20, 10]).information
        20.0
        """
        return self.window_size * self.reference_size / (self.window_size + self.reference_size)


def pair_of(window: Sequence[float] | FloatArray, reference: Sequence[float] | FloatArray) -> BinnedPair:
    """Pair counts whose rows all weigh 1: the sizes are the sums.

    >>> pair_of([3, 1], [20, 20]).window_size
    4.0
    """
    p, q = np.asarray(window, np.float64), np.asarray(reference, np.float64)
    return BinnedPair(p, q, float(p.sum()), float(q.sum()))
