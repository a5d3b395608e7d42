"""The rows of both sides as tiles of tensors, in units of the kernel's width."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from detectors.multivariate.pooled import Pooled
from detectors.multivariate.torch_backend import torch
from detectors.pair import FloatArray


@dataclass(frozen=True, eq=False)
class Scaled:
    """The rows, less their centre, over bandwidth times the root of 2: the kernel of two of them is exp(-|x - y|^2).

    They are centred, since the kernel does not see where they lie, and float32 does.

    Attributes:
        centre: shape (columns,).
        device: as torch names it.
        tile: the rows of a tile.
    """

    pooled: Pooled
    centre: FloatArray
    bandwidth: float
    device: str
    tile: int

    @property
    def places(self) -> list[tuple[int, int]]:
        """Where each tile begins and ends."""
        return self.pooled.tiles(self.tile)

    def rows(self, place: tuple[int, int]) -> Any:
        """Return a tile's rows, float32 of shape (rows, columns)."""
        values = torch().from_numpy(self.pooled.take(*place)).to(self.device).double()
        return values.sub_(self._centre).div_(self.bandwidth * math.sqrt(2)).float()

    @cached_property
    def _centre(self) -> Any:
        return torch().from_numpy(self.centre).to(self.device)
