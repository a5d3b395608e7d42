"""Whether groups are treated alike: each declared segment beside all other rows of its version."""

from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa

from detectors import disparate_impact, labelled, opportunity_gap, parity_difference
from detectors.estimate import Estimate
from detectors.metrics import DISPARATE_IMPACT, OPPORTUNITY_GAP, PARITY_DIFFERENCE
from detectors.outcomes import Task, comparable, outcomes
from detectors.predicted_as import PredictedAs
from kernel.column_spec import PREDICTION
from kernel.measurement import Measurement, Status
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.profile_difference import without

Series = tuple[str, str]
_NONE = ColumnProfile(Kind.CATEGORICAL)


def is_group(segment: str, fairness: Collection[str]) -> bool:
    """Whether a segment is a group that is to be treated as the rest is.

    >>> is_group("sex=f", ["sex"]), is_group("origin=JFK", ["sex"]), is_group("", ["sex"])
    (True, False, False)
    """
    return any(segment.startswith(f"{feature}=") for feature in fairness)


def measure_parity(
    profiles: Mapping[Series, WindowProfile], fairness: Collection[str], positive: PredictedAs
) -> Iterator[tuple[Series, Measurement]]:
    """parity_difference and disparate_impact of each group, from predictions alone; the intervals are of independent rows.

    Args:
        profiles: of each version and segment of a window, "" for all of a version.
        fairness: the features whose values are groups.

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
        yield (version, segment), _told(PARITY_DIFFERENCE, parity_difference.estimate(mine, rest))
        yield (version, segment), _told(DISPARATE_IMPACT, disparate_impact.estimate(mine, rest))


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
    rows = joined.filter(comparable(joined, task))
    found = outcomes(rows, task)
    positives = found.actual == task.positive_class
    hits = (found.predicted == task.positive_class)[positives]
    weights = None if found.weights is None else found.weights[positives]
    for group, mine in labelled.rows_of_segments(rows, groups).items():
        estimate = opportunity_gap.estimate(hits, mine[positives], weights, found.clusters[positives])
        yield group, _told(OPPORTUNITY_GAP, estimate)


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
