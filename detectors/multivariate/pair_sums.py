"""The squared MMD of many labellings from the kernel of every pair of rows, a tile at a time."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

from detectors.multivariate.relabelling import Relabelling
from detectors.multivariate.scaled import Scaled
from detectors.multivariate.torch_backend import torch
from detectors.pair import FloatArray

_USUAL = math.exp(-0.5)  # the kernel at the median distance


@dataclass(frozen=True, eq=False)
class PairSums:
    """The exact sums; each pass takes (n + m)^2 / 2 kernels, and one product of matrices more for all labels together.

    Memory: a tile's square, and a byte a row and label.
    """

    scaled: Scaled

    def distances(self, relabelling: Relabelling) -> FloatArray:
        """Return the unbiased squared MMD of every labelling, shape (1 + draws,).

        A constant off every kernel of two rows changes none of them, and keeps what float32 adds up small.
        """
        places = self.scaled.places
        labels = [torch().from_numpy(tile.copy()).to(self.scaled.device) for tile in relabelling.tiles(places)]
        zero = torch().zeros(1 + relabelling.draws, dtype=torch().float64, device=self.scaled.device)
        inside, touching, total = zero.clone(), zero.clone(), zero.sum()
        for i, place in enumerate(places):
            rows, mine = self.scaled.rows(place), labels[i].float()
            for j, other in itertools.islice(enumerate(places), i, None):
                kernel = _kernel(rows, rows if i == j else self.scaled.rows(other))
                theirs, times = labels[j].float(), 1 if i == j else 2
                if i == j:
                    kernel.fill_diagonal_(0.0)
                else:
                    touching += _weighed(theirs, kernel.sum(0))
                of_rows = kernel.sum(1)
                touching += _weighed(mine, of_rows)
                inside += times * ((theirs @ kernel.T) * mine).sum(1, dtype=torch().float64)
                total += times * of_rows.sum(dtype=torch().float64)
        n, m = relabelling.window, relabelling.rows - relabelling.window
        across = touching - inside
        outside = total - inside - 2 * across
        found: FloatArray = (inside / (n * (n - 1)) + outside / (m * (m - 1)) - 2 * across / (n * m)).cpu().numpy()
        return found


def _kernel(rows: Any, others: Any) -> Any:
    """The kernel of each of the rows with each of the others, less its usual value; shape (rows, others)."""
    squares = (rows * rows).sum(1)[:, None] + (others * others).sum(1)
    return torch().addmm(squares, rows, others.T, beta=-1, alpha=2).clamp_(max=0).exp_().sub_(_USUAL)


def _weighed(labels: Any, sums: Any) -> Any:
    return (labels * sums).sum(1, dtype=torch().float64)
