"""What the model page shows at this moment."""

from dataclasses import dataclass

import pandas as pd

from dashboard import reads
from dashboard.charts.time_axis import frame
from kernel.versions import version_words
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
        """These metrics over the period, or since then, to draw; of one column or of all. Traffic and the like are the model's."""
        since_us = self.since_us if since_us is None else since_us
        return frame(reads.series(self.scope, metrics, since_us, column), self.scope.size)

    def words(self, version: str, *, pooled: bool = False) -> str:
        """A version of the model in words; "" where it has none to tell apart."""
        return version_words(version, pooled=pooled, several=self.card.several)

    @property
    def others(self) -> list[str]:
        """The other versions of the model, the most recently active first."""
        return [version for version in self.card.versions if version != self.scope.version]
