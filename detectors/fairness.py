"""Whether groups are treated alike: each declared segment beside all other rows of its version."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from detectors import clusters, disparate_impact, labelled, opportunity_gap, parity_difference
from detectors.clustered_shares import Side, Sides
from detectors.estimate import Estimate
from detectors.label_arrival import LEAST_CHANCE, TOO_EARLY, Arrival
from detectors.metrics import CORRECTED_PREFIX, DISPARATE_IMPACT, OPPORTUNITY_GAP, PARITY_DIFFERENCE
from detectors.outcomes import Task, comparable, outcomes
from detectors.pair import FloatArray
from detectors.predicted_as import PredictedAs
from kernel.column_spec import PREDICTION
from kernel.measurement import Measurement, Status
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.profile_difference import without
from store.predicted_shares import SUMS

Series = tuple[str, str]
_NONE = ColumnProfile(Kind.CATEGORICAL)


def is_group(segment: str, fairness: Collection[str]) -> bool:
    """Whether a segment is a group that is to be treated as the rest is.

    >>> is_group("sex=f", ["sex"]), is_group("origin=JFK", ["sex"]), is_group("", ["sex"])
    (True, False, False)
    """
    return any(segment.startswith(f"{feature}=") for feature in fairness)


def measure_parity(
    profiles: Mapping[Series, WindowProfile],
    fairness: Collection[str],
    positive: PredictedAs,
    sides: Mapping[Series, Sides] = MappingProxyType({}),
) -> Iterator[tuple[Series, Measurement]]:
    """parity_difference and disparate_impact of each group, from predictions alone.

    Args:
        profiles: of each version and segment of a window, "" for all of a version.
        fairness: the features whose values are groups.
        sides: the rows of groups by what they go together by; the intervals of others are of independent rows.

    >>> import numpy as np
    >>> from kernel.cells import Cells
    >>> def predicted(*rows):
    ...     cells = Cells(np.array([1, 2]), np.array(rows))
    ...     return WindowProfile(sum(rows), columns={"prediction": ColumnProfile(Kind.CATEGORICAL, cells=cells)})
    >>> profiles = {("1", ""): predicted(120, 80), ("1", "sex=f"): predicted(70, 30)}
    >>> found = measure_parity(profiles, ["sex"], PredictedAs("hired", 2))
    >>> [(series, one.metric, round(one.value, 3)) for series, one in found]
    [(('1', 'sex=f'), 'parity_difference', -0.2), (('1', 'sex=f'), 'disparate_impact', 0.6)]
    """
    for (version, segment), profile in profiles.items():
        if not is_group(segment, fairness):
            continue
        group, whole = _predictions(profile), _predictions(profiles[version, ""])
        mine, rest = (positive.tally(of.columns[PREDICTION]) for of in (group, without(whole, group)))
        known = sides.get((version, segment))
        yield (version, segment), _told(PARITY_DIFFERENCE, parity_difference.estimate(mine, rest, by_cluster=known))
        yield (version, segment), _told(DISPARATE_IMPACT, disparate_impact.estimate(mine, rest, by_cluster=known))


def by_cluster(rows: pa.Table, groups: Collection[str]) -> Iterator[tuple[str, Sides]]:
    """Each of these groups, and all other rows, of one version by cluster; a group without a row is not among them.

    Args:
        rows: sums of a version's predictions (RecordReader.predicted_shares).

    >>> sums = {"weight": [1.0, 1.0, 2.0], "hits": [1.0, 0.0, 2.0], "weight2": [1.0, 1.0, 4.0], "hits2": [1.0, 0.0, 4.0]}
    >>> rows = pa.table(sums | {"ts_us": [0, 0, 0], "cluster": ["b", "a", "b"], "feature.sex": ["f", "f", "m"]})
    >>> [(group, sides.group.events.tolist(), sides.rest.events.tolist()) for group, sides in by_cluster(rows, ["sex=f"])]
    [('sex=f', [0.0, 1.0], [0.0, 2.0])]
    """
    numbers, count = clusters.number(labelled.clusters(rows))
    sums = np.stack([rows[name].to_numpy() for name in SUMS])
    whole = Side.of(sums, numbers, count)
    for group, mine in labelled.rows_of_segments(rows, groups).items():
        side = Side.of(sums[:, mine], numbers[mine], count)
        yield group, Sides(side, whole.less(side))


def measure_opportunity(joined: pa.Table, task: Task, groups: Collection[str]) -> Iterator[tuple[str, Measurement]]:
    """opportunity_gap of each group, by segment; nothing of a group without a labelled row.

    Args:
        joined: the predictions of a version that have a label (RecordReader.labelled).
        task: with its positive class.

    >>> texts = {"prediction": ["a", "b", "a"], "label": ["a", "a", "a"], "feature.c": ["x", "x", "y"]}
    >>> numbers = {name: pa.nulls(3, pa.float64()) for name in ("prediction_value", "label_value", "weight")}
    >>> rows = pa.table(texts | numbers | {"scores": pa.nulls(3, pa.map_(pa.string(), pa.float64())), "ts_us": [0, 0, 0]})
    >>> [(group, one.value) for group, one in measure_opportunity(rows, Task("binary", "a"), ["c=x"])]
    [('c=x', -0.5)]
    """
    positives = _Positives.of(joined, task, groups)
    for group, mine in positives.groups.items():
        yield group, _told(OPPORTUNITY_GAP, positives.gap(mine))


def measure_corrected_opportunity(
    joined: pa.Table, task: Task, arrivals: Mapping[str, Arrival], end_us: int
) -> Iterator[tuple[str, Measurement]]:
    """corrected_opportunity_gap of each group: what it would be with the labels that are still to come, as measure_corrected.

    Args:
        joined, task: as of measure_opportunity.
        arrivals: how late the labels of each group are, and under "" those of all, by which the rest's are told.
        end_us: of the window.

    >>> from detectors.label_delay import DelayCurve
    >>> texts = {"prediction": ["a", "b", "a"], "label": ["a", "a", "a"], "feature.c": ["x", "x", "y"]}
    >>> numbers = {name: pa.nulls(3, pa.float64()) for name in ("prediction_value", "label_value", "weight")}
    >>> maps = {"scores": pa.nulls(3, pa.map_(pa.string(), pa.float64()))}
    >>> rows = pa.table(texts | numbers | maps | {"ts_us": [5_000_000, 0, 0]})  # of the first half are there, of the others all
    >>> arrival = Arrival({"": DelayCurve((0.0, 10.0), (0.0, 1.0))}, now_us=10_000_000)
    >>> found = measure_corrected_opportunity(rows, Task("binary", "a"), {"": arrival, "c=x": arrival}, 5_000_000)
    >>> [(group, one.metric, round(one.value, 3)) for group, one in found]
    [('c=x', 'corrected_opportunity_gap', -0.333)]
    """
    positives = _Positives.of(joined, task, arrivals.keys() - {""})
    for group, mine in positives.groups.items():
        sides = arrivals[group], arrivals[""]
        if min(side.least_chance(end_us) for side in sides) < LEAST_CHANCE:
            rows, metric = positives.hits.size, CORRECTED_PREFIX + OPPORTUNITY_GAP
            yield group, Measurement(metric, "", None, Status.INSUFFICIENT, rows=rows, basis=TOO_EARLY)
            continue
        classes = np.full(positives.hits.size, task.positive_class)
        own, other = (side.chances(positives.moments_us, classes) for side in sides)
        yield group, _told(CORRECTED_PREFIX + OPPORTUNITY_GAP, positives.gap(mine, np.where(mine, own, other)))


@dataclass(frozen=True, eq=False)
class _Positives:
    """The rows whose label is the positive class; arrays have shape (rows,).

    Attributes:
        hits: whether each was predicted as it.
        groups: which rows are of each group that has a labelled row.
    """

    hits: npt.NDArray[np.bool_]
    weights: FloatArray
    clusters: npt.NDArray[np.int64]
    moments_us: npt.NDArray[np.int64]
    groups: Mapping[str, npt.NDArray[np.bool_]]

    @classmethod
    def of(cls, joined: pa.Table, task: Task, groups: Collection[str]) -> "_Positives":
        """Of joined rows."""
        rows = joined.filter(comparable(joined, task))
        found = outcomes(rows, task)
        kept = found.actual == task.positive_class
        weights = np.ones(kept.size) if found.weights is None else found.weights
        sides = {group: mine[kept] for group, mine in labelled.rows_of_segments(rows, groups).items()}
        hits = (found.predicted == task.positive_class)[kept]
        return cls(hits, weights[kept], found.clusters[kept], found.moments_us[kept], sides)

    def gap(self, mine: npt.NDArray[np.bool_], chances: FloatArray | float = 1.0) -> Estimate:
        """Of a group; each row stands for 1 / its chance."""
        return opportunity_gap.estimate(self.hits, mine, self.weights / chances, self.clusters)


def _predictions(profile: WindowProfile) -> WindowProfile:
    """The column of predictions alone."""
    return WindowProfile(
        profile.rows,
        0,
        profile.weight,
        profile.weight2,
        {PREDICTION: profile.columns.get(PREDICTION, _NONE)},
    )


def _told(metric: str, found: Estimate) -> Measurement:
    status = Status.INSUFFICIENT if found.value is None else Status.OK
    return Measurement(
        metric, "", found.value, status, lower=found.lower, upper=found.upper, rows=found.rows, basis=found.said
    )
