"""Squared maximum mean discrepancy with a Gaussian kernel, and its permutation test."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors import besag_clifford
from detectors.multivariate import torch_backend
from detectors.multivariate.bandwidth import median_distance
from detectors.multivariate.feature_sums import FeatureSums
from detectors.multivariate.pair_sums import PairSums
from detectors.multivariate.pooled import Pooled
from detectors.multivariate.relabelling import Relabelling
from detectors.multivariate.rows import AnyFloats, complete_pair
from detectors.multivariate.scaled import Scaled
from detectors.pair import FloatArray

PAIRS_UP_TO = 20_000
_MOST_DRAWS = 1_024  # a chunk: its sums of features are doubles, 16 MB
_TILE, _TILE_OF_A_GPU = 2_048, 8_192
Basis = Literal["pairs", "features"]


@dataclass(frozen=True)
class Options:
    """How it is computed. Raises ValueError for numbers that are not above 0.

    Attributes:
        basis: `pairs` takes the kernel of every two rows, in time that grows with their square; `features` takes every
            row's random features (`feature_sums`), in time that grows with the rows; None takes pairs up to 20,000 rows.
        bandwidth: of the kernel, in the columns' unit; None for the median heuristic.
        draws: the most permutations: p is never below 1 / (draws + 1).
        seed: of the subsample for the bandwidth, of the features, and of the permutations.
        device: as torch names it; None takes "cuda" where there is one.
        tile: the rows that are computed together: memory beyond the rows themselves grows with it, and not with them. None
            takes 2,048 on a CPU, and 8,192 on a GPU, of which it then takes about a gigabyte.
    """

    basis: Basis | None = None
    bandwidth: float | None = None
    draws: int = 2_000
    seed: int = 0
    device: str | None = None
    tile: int | None = None

    def __post_init__(self) -> None:
        if (
            self.draws < 1
            or (self.tile is not None and self.tile < 1)
            or (self.bandwidth is not None and not self.bandwidth > 0)
        ):
            raise ValueError(f"draws, tile and bandwidth must be above 0, got {self}")


@dataclass(frozen=True)
class Mmd:
    """The distance, and whether it is more than noise.

    Attributes:
        value: the unbiased estimate of the squared distance, at most 2; 0 in the mean where nothing moved, so it may be negative.
        p: P(a value at least as large) when window and reference share one distribution.
        bandwidth: of the kernel.
        window_rows, reference_rows: those without a hole, which it is of.
    """

    value: float
    p: float
    bandwidth: float
    basis: Basis
    window_rows: int
    reference_rows: int


_DEFAULTS = Options()


def measure(window: AnyFloats, reference: AnyFloats, options: Options = _DEFAULTS) -> Mmd | None:
    """Return the distance of a window (n, columns) from its reference (m, columns); None with under two complete rows on a side.

    The mean of k over pairs of the window, plus that over pairs of the reference, minus twice that over pairs of one of
    each; k(x, y) = exp(-|x - y|^2 / (2 bandwidth^2)). The p-value is that of random relabellings of all rows (Besag and
    Clifford, 1991): valid at any size, and whatever the rounding of the kernel, because all labels see the same one.
    Columns count by their scale: standardise a table first. Rows with a value that is not finite are left out.
    Raises ValueError for shapes that do not go together, UnavailableError without torch. Source: Gretton et al., "A
    kernel two-sample test" (2012).

    >>> rng = np.random.default_rng(0)
    >>> moved = measure(rng.normal(1.0, 1.0, (60, 4)), rng.normal(0.0, 1.0, (80, 4)))
    >>> moved.value > 0.1, moved.p < 0.001
    (True, True)
    """
    pooled = Pooled(*complete_pair(window, reference))
    n, m = pooled.window.count, pooled.reference.count
    if min(n, m) < 2:
        return None
    bandwidth = options.bandwidth or median_distance(pooled, options.seed)
    basis: Basis = options.basis or ("pairs" if pooled.count <= PAIRS_UP_TO else "features")
    device = torch_backend.device(options.device)
    tile = options.tile or (_TILE if device == "cpu" else _TILE_OF_A_GPU)
    scaled = Scaled(pooled, pooled.mean(), bandwidth, device, tile)
    sums = PairSums(scaled) if basis == "pairs" else FeatureSums(scaled, options.seed)
    made, value = 0, math.nan

    def distances(draws: int) -> FloatArray:
        return sums.distances(Relabelling(n, pooled.count, draws, (options.seed, 2, made)))

    def extreme(draws: int) -> npt.NDArray[np.bool_]:
        nonlocal made, value
        found = distances(draws)
        made += draws
        value = float(found[0])
        return found[1:] >= value - abs(value) * 1e-5 - 1e-12  # what float32 may part of equal values

    p = besag_clifford.sequential_p(extreme, options.draws, _MOST_DRAWS)
    return Mmd(value, p, bandwidth, basis, n, m)
