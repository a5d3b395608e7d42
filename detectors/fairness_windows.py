"""Fairness of windows from their profiles: where the positive class is found among predictions is read, the rest is fairness.py."""

from collections.abc import Iterator, Mapping

from detectors.fairness import Series, is_group, measure_parity
from detectors.lookback import Look
from detectors.predicted_as import PredictedAs
from kernel.column_spec import PREDICTION
from kernel.measurement import Measurement
from store import columns
from store.database import Database
from store.models import Model


class FairnessWindows:
    """Measures the groups of windows of one workspace."""

    def __init__(self, db: Database, workspace: str) -> None:
        self._db = db
        self._workspace = workspace

    def of(self, model: Model, looks: Mapping[Series, Look]) -> Iterator[tuple[Series, Measurement]]:
        """What predictions say of each group of a window, of the window alone; nothing where no groups are declared.

        Args:
            looks: by version and segment.

        Raises:
            UnavailableError: the database is away.
        """
        if any(is_group(segment, model.fairness) for _, segment in looks):
            profiles = {series: look.profile for series, look in looks.items()}
            yield from measure_parity(profiles, model.fairness, self._positive(model))

    def _positive(self, model: Model) -> PredictedAs:
        code = columns.code(self._db, self._workspace, model.name, PREDICTION, model.positive_class)
        grids = columns.all_grids(self._db, self._workspace, model.name).get(PREDICTION, {})
        return PredictedAs(model.positive_class, code, {version: grid.centre for version, grid in grids.items()})
