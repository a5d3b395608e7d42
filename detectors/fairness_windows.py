"""Fairness of windows: where the positive class is found among predictions, and what rows go together by, is read; the rest is
fairness.py.

Values come from profiles. Only intervals may need the rows: where people declared what errors cluster by, and in windows of 30 days
or more, whose days are clusters.
"""

from collections.abc import Iterator, Mapping

import pyarrow.compute as pc

from detectors import fairness, labelled
from detectors.clustered_shares import Sides
from detectors.clusters import LEAST_CLUSTERS
from detectors.fairness import Series, is_group, measure_parity
from detectors.lookback import Look
from detectors.predicted_as import PredictedAs
from kernel.clock import DAY_US
from kernel.column_spec import PREDICTION
from kernel.measurement import Measurement
from kernel.windows import Span
from store import columns
from store.database import Database
from store.joined_columns import JoinedColumns
from store.models import Model
from store.record_reads import RecordReader


class FairnessWindows:
    """Measures the groups of windows of one workspace."""

    def __init__(self, db: Database, reader: RecordReader, workspace: str) -> None:
        self._db = db
        self._reader = reader
        self._workspace = workspace

    def of(self, model: Model, looks: Mapping[Series, Look], span: Span) -> Iterator[tuple[Series, Measurement]]:
        """What predictions say of each group of a window, of the window alone; nothing where no groups are declared.

        Args:
            looks: by version and segment.
            span: of the window.

        Raises:
            UnavailableError: the database or the record log is away.
        """
        groups = {segment for _, segment in looks if is_group(segment, model.fairness)}
        if groups:
            profiles = {series: look.profile for series, look in looks.items()}
            sides = self._by_cluster(model, span, groups)
            yield from measure_parity(profiles, model.fairness, self._positive(model), sides)

    def _by_cluster(self, model: Model, span: Span, groups: set[str]) -> dict[Series, Sides]:
        """The rows of each group of each version by cluster; empty where there are too few clusters to be of use."""
        if not model.cluster and span[1] - span[0] < LEAST_CLUSTERS * DAY_US:
            return {}
        flags = columns.flags(self._db, self._workspace, model.name, model.fairness)
        more = JoinedColumns(model.fairness, {labelled.CLUSTER: model.cluster} if model.cluster else {}, flags)
        rows = self._reader.predicted_shares(model.name, span, model.positive_class, more)
        if rows is None:
            return {}
        found: dict[Series, Sides] = {}
        for version in pc.unique(rows["version"]).to_pylist():
            mine = rows.filter(pc.equal(rows["version"], version))
            found |= {(version, group): sides for group, sides in fairness.by_cluster(mine, groups)}
        return found

    def _positive(self, model: Model) -> PredictedAs:
        code = columns.code(self._db, self._workspace, model.name, PREDICTION, model.positive_class)
        grids = columns.all_grids(self._db, self._workspace, model.name).get(PREDICTION, {})
        return PredictedAs(model.positive_class, code, {version: grid.centre for version, grid in grids.items()})
