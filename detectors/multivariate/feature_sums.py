"""The squared MMD of many labellings from random features of the rows, in time that grows with the rows."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.multivariate.relabelling import Relabelling
from detectors.multivariate.scaled import Scaled
from detectors.multivariate.torch_backend import torch
from detectors.pair import FloatArray

FREQUENCIES = 1_024


@dataclass(frozen=True, eq=False)
class FeatureSums:
    """The sums of cosines and sines at 1,024 random frequencies: of the mean, their products are the Gaussian kernel.

    So it is the squared MMD of every row under a kernel that differs from the Gaussian one by about 1 / sqrt(1,024) a pair;
    its mean over the frequencies is the Gaussian one's. All labels see the same frequencies, so the permutation test stays
    valid. Source: Rahimi and Recht, "Random features for large-scale kernel machines" (2007); as a test, Zhao and Meng,
    "FastMMD" (2015).
    """

    scaled: Scaled
    seed: int

    def distances(self, relabelling: Relabelling) -> FloatArray:
        """Return the unbiased squared MMD of every labelling, shape (1 + draws,)."""
        frequencies = self._frequencies()
        features = 2 * FREQUENCIES
        double = {"dtype": torch().float64, "device": self.scaled.device}
        inside, total = torch().zeros((1 + relabelling.draws, features), **double), torch().zeros(features, **double)
        for place, tile in zip(self.scaled.places, relabelling.tiles(self.scaled.places), strict=True):
            angles = self.scaled.rows(place) @ frequencies
            waves = torch().cat([angles.cos(), angles.sin()], dim=1)
            labels = torch().from_numpy(tile.copy()).to(self.scaled.device).float()
            inside += (labels @ waves).double()
            total += waves.sum(0, dtype=torch().float64)
        n, m = relabelling.window, relabelling.rows - relabelling.window
        p, q = inside / n, (total - inside) / m
        # A row's own features have the squared length FREQUENCIES: what a pair of a row with itself adds is known.
        within = [(side * (x * x).sum(1) / FREQUENCIES - 1) / (side - 1) for side, x in ((n, p), (m, q))]
        found: FloatArray = (within[0] + within[1] - 2 * (p * q).sum(1) / FREQUENCIES).cpu().numpy()
        return found

    def _frequencies(self) -> Any:
        """Normal ones, shape (columns, FREQUENCIES), for rows in units of the bandwidth times the root of 2."""
        drawn = np.random.default_rng([self.seed, 3]).standard_normal((self.scaled.pooled.window.columns, FREQUENCIES))
        return torch().from_numpy(drawn * math.sqrt(2)).to(device=self.scaled.device, dtype=torch().float32)
