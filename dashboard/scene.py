"""What the model page shows at this moment."""

from dataclasses import dataclass, replace

import pandas as pd

from dashboard import reads
from dashboard.charts.time_axis import frame
from store.model_view import ModelCard
from store.series import Scope, Window


@dataclass(frozen=True, slots=True)
class Scene:
    """A model, the scope that was chosen, and the windows of the period, newest first, at least one."""

    card: ModelCard
    scope: Scope
    windows: tuple[Window, ...]

    @property
    def since_us(self) -> int:
        """Where the period starts."""
        return self.windows[-1].start_us

    def frame(self, *metrics: str, column: str | None = None, since_us: int | None = None) -> pd.DataFrame:
        """These metrics over the period, or since then, to draw; of one column or of all."""
        since_us = self.since_us if since_us is None else since_us
        return frame(reads.series(self.scope, metrics, since_us, column), self.scope.size)

    def whole(self, *metrics: str) -> pd.DataFrame:
        """These metrics of all versions together over the period."""
        scope = replace(self.scope, version="", segment="")
        return frame(reads.series(scope, metrics, self.since_us), scope.size)
