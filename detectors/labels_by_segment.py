"""What the labels of a window say, of each version and of each of its segments."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from detectors import column_drift, labelled
from detectors.against import SHARES, Against, Before
from detectors.confusion_cells import measure_confusion
from detectors.corrected import measure_corrected
from detectors.fairness import is_group, measure_corrected_opportunity, measure_opportunity
from detectors.label_arrival import TOO_FEW, Arrival, measure_arrival
from detectors.label_drift import measure_label_drift
from detectors.outcomes import Outcomes, Task, outcomes
from detectors.performance import measure_performance, scored, settled, settled_by
from detectors.reliability import measure_reliability
from kernel.column_spec import LABEL
from kernel.measurement import Measurement, Status
from kernel.windows import Span
from store.joined_columns import JoinedColumns
from store.models import Model
from store.reference_labels import NO_LABELS, OfLabels
from store.windows import UNTOLD_US, Labels


def joined_columns(model: Model, flags: Collection[str]) -> JoinedColumns:
    """What is read of each prediction beside its label, by what is declared of the model.

    Args:
        flags: those of its segments that are recorded as booleans.

    >>> joined_columns(Model("m", cluster="customer", segments=("origin",)), [])
    JoinedColumns(segments=('origin',), keys={'cluster': 'customer'}, flags=[])
    """
    keys = {labelled.CLUSTER: model.cluster} if model.cluster else {}
    keys |= {labelled.LIST: model.ranking.group} if model.task == "ranking" else {}
    return JoinedColumns(model.segments, keys, flags)


def task_of(model: Model) -> Task:
    """The task as it is declared.

    >>> task_of(Model("m", "binary", positive_class="late"))
    Task(kind='binary', positive_class='late', k=10, worth=Worth(currency='', cells={}, per_error=None))
    """
    return Task(model.task, model.positive_class, model.ranking.k, model.value)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the labels of a window.

    Attributes:
        joined: its predictions that have a label, beside it, by ts, with `joined_columns` (RecordReader.labelled).
        arrivals: how late labels are, by segment, where that can be told.
    """

    joined: pa.Table
    arrivals: Mapping[str, Arrival] = field(default_factory=dict)

    def arrival(self, segment: str) -> Arrival | None:
        """How late the labels of a segment are; as those of all, where its own cannot tell.

        >>> Seen(pa.table({})).arrival("c=a") is None
        True
        """
        return self.arrivals.get(segment) or self.arrivals.get("")

    def labels(self, span: Span) -> Labels:
        """What is noted of the window at [start, end): how many labels, and when the next part of it will have all of them.

        >>> Seen(pa.table({"id": ["a"], "label": ["late"], "label_value": pa.nulls(1, pa.float64())})).labels((0, 1))
        Labels(count=1, due_us=4611686018427387904)
        """
        count = labelled.labels(self.joined)
        if not self.arrivals:
            return Labels(count, UNTOLD_US)
        coming = [one.final_us(span) for one in self.arrivals.values() if not one.is_final(span)]
        return Labels(count, min(coming, default=None))


def by_segment(
    joined: pa.Table, task: Task, segments: Mapping[str, int | None]
) -> Iterator[tuple[str, Outcomes, Task]]:
    """The outcomes of joined rows, "" first, then those of each of these segments, with the task as all of the rows tell it.

    Args:
        segments: the predictions of each of them, labelled or not, and under "" of all; None where the table has them all.

    >>> texts = {"prediction": ["a", "b"], "label": ["a", "b"], "feature.c": ["x", "y"]}
    >>> numbers = {name: pa.nulls(2, pa.float64()) for name in ("prediction_value", "label_value", "weight")}
    >>> maps = {"scores": pa.nulls(2, pa.map_(pa.string(), pa.float64())), "ts_us": [0, 0]}
    >>> found = by_segment(pa.table(texts | numbers | maps), Task(), {"": 9, "c=x": 5})
    >>> [(segment, rows.actual.tolist(), rows.predictions, task.positive_class) for segment, rows, task in found]
    [('', ['a', 'b'], 9, 'b'), ('c=x', ['a'], 5, 'b')]
    """
    whole = outcomes(joined, task, segments.get(""))
    told = settled(whole, task)
    yield "", whole, told
    rows = labelled.of_segments(joined, segments.keys())
    for segment in sorted(segments.keys() - {""}):
        yield segment, outcomes(rows.get(segment, joined.slice(0, 0)), told, segments[segment]), told


def measure_labels(
    model: Model,
    span: Span,
    series: Mapping[tuple[str, str], int],
    seen: Seen,
    against: Against | None,
    test: column_drift.Test,
) -> Iterator[tuple[tuple[str, str], Measurement]]:
    """What labels say of each of these versions and segments; each is held against the reference's rows of its segment alone.

    Rows that the reference shares stay in it: its performance cannot be taken apart.

    >>> texts = {"version": ["1", "1"], "prediction": ["a", "b"], "label": ["a", "a"]}
    >>> numbers = {name: pa.nulls(2, pa.float64()) for name in ("prediction_value", "label_value", "weight")}
    >>> maps = {"scores": pa.nulls(2, pa.map_(pa.string(), pa.float64())), "ts_us": [0, 0]}
    >>> seen, test = Seen(pa.table(texts | numbers | maps)), column_drift.Test(1e-4)
    >>> found = measure_labels(Model("m", "binary"), (0, 1), {("1", ""): 4}, seen, None, test)
    >>> [(series, one.metric, one.value) for series, one in found][:2]
    [(('1', ''), 'label_coverage', 0.5), (('1', ''), 'accuracy', 0.5)]

    Args:
        span: of the window.
        series: the predictions of each version and segment, "" for all of a version, as there are profiles of.
    """
    shared = against is not None and against.shared(span)
    before = Before(shared=SHARES if shared else "")
    versions: dict[str, dict[str, int | None]] = defaultdict(dict)
    for (version, segment), predictions in series.items():
        versions[version][segment] = predictions
    for version, segments in versions.items():
        rows = seen.joined.filter(pc.equal(seen.joined["version"], version))
        for segment, found, task in by_segment(rows, task_of(model), segments):
            known = NO_LABELS if against is None else against.labels(segment)
            for one in _of_series(found, known, task, seen.arrival(segment), span, test):
                held = one.expected is not None or one.column == LABEL
                yield (version, segment), before.said_of(one) if held else one
        groups = [segment for segment in segments if is_group(segment, model.fairness)]
        for segment, one in measure_opportunity(rows, task_of(model), groups) if groups else ():
            final = _is_final(seen.arrival(segment), span)
            yield (version, segment), settled_by(one, final=final)
        late = {segment: of for segment in ("", *groups) if (of := seen.arrival(segment)) is not None} if groups else {}
        for segment, one in measure_corrected_opportunity(rows, task_of(model), late, span[1]) if "" in late else ():
            yield (version, segment), _unless_short(one, late[segment], span)


def _of_series(
    found: Outcomes, known: OfLabels, task: Task, arrival: Arrival | None, span: Span, test: column_drift.Test
) -> Iterator[Measurement]:
    raw = list(measure_performance(found, known.performance, task, final=_is_final(arrival, span)))
    yield from raw
    yield from measure_confusion(found)
    if (said := scored(found, task)) is not None:
        yield from measure_reliability(said)
    yield from measure_label_drift(found, known.labels, test.alpha, test.delta)
    if arrival is not None:
        for one in measure_corrected(raw, found, known.performance, task, arrival, span[1]):
            yield _unless_short(one, arrival, span)
        yield from measure_arrival(arrival, span, found)


def _is_final(arrival: Arrival | None, span: Span) -> bool:
    return arrival is None or arrival.is_final(span)


def _unless_short(corrected: Measurement, arrival: Arrival, span: Span) -> Measurement:
    """What labels to come would say; nothing of a window that lacks more of them than the curve knows of."""
    if not arrival.is_short(span):
        return corrected
    return replace(
        corrected, value=None, excess=None, lower=None, upper=None, status=Status.INSUFFICIENT, basis=TOO_FEW
    )
