"""What the labels of a window say, of each version and of each of its segments."""

from collections import defaultdict
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from detectors import column_drift, labelled
from detectors.against import SHARES, Against, Before
from detectors.confusion_cells import measure_confusion
from detectors.label_drift import measure_label_drift
from detectors.outcomes import Outcomes, Task, outcomes
from detectors.performance import measure_performance, settled
from kernel.measurement import Measurement
from kernel.windows import Span
from store.joined_columns import JoinedColumns
from store.models import Model
from store.reference_labels import NO_LABELS


def joined_columns(model: Model) -> JoinedColumns:
    """What is read of each prediction beside its label, by what is declared of the model.

    >>> joined_columns(Model("m", cluster="customer", segments=("origin",)))
    JoinedColumns(segments=('origin',), keys={'cluster': 'customer'})
    """
    keys = {labelled.CLUSTER: model.cluster} if model.cluster else {}
    keys |= {labelled.LIST: model.ranking.group} if model.task == "ranking" else {}
    return JoinedColumns(model.segments, keys)


def task_of(model: Model) -> Task:
    """The task as it is declared.

    >>> task_of(Model("m", "binary", positive_class="late"))
    Task(kind='binary', positive_class='late', k=10)
    """
    return Task(model.task, model.positive_class, model.ranking.k)


def by_segment(joined: pa.Table, task: Task, segments: Collection[str]) -> Iterator[tuple[str, Outcomes, Task]]:
    """The outcomes of joined rows, "" first, then those of each of these segments, with the task: there as all of the rows tell it.

    >>> texts = {"prediction": ["a", "b"], "label": ["a", "b"], "feature.c": ["x", "y"]}
    >>> numbers = {name: pa.nulls(2, pa.float64()) for name in ("prediction_value", "label_value", "weight")}
    >>> maps = {"scores": pa.nulls(2, pa.map_(pa.string(), pa.float64())), "ts_us": [0, 0]}
    >>> found = by_segment(pa.table(texts | numbers | maps), Task(), ["c=x"])
    >>> [(segment, rows.actual.tolist(), task.positive_class) for segment, rows, task in found]
    [('', ['a', 'b'], ''), ('c=x', ['a'], 'b')]
    """
    whole = outcomes(joined, task)
    yield "", whole, task
    told = settled(whole, task)
    for segment, rows in labelled.of_segments(joined, segments).items():
        yield segment, outcomes(rows, told), told


def measure_labels(
    model: Model,
    span: Span,
    series: Collection[tuple[str, str]],
    joined: pa.Table,
    against: Against | None,
    test: column_drift.Test,
) -> Iterator[tuple[tuple[str, str], Measurement]]:
    """What labels say of each of these versions and segments; each is held against the reference's rows of its segment alone.

    Rows that the reference shares stay in it: its performance cannot be taken apart.

    >>> texts = {"version": ["1", "1"], "prediction": ["a", "b"], "label": ["a", "a"]}
    >>> numbers = {name: pa.nulls(2, pa.float64()) for name in ("prediction_value", "label_value", "weight")}
    >>> maps = {"scores": pa.nulls(2, pa.map_(pa.string(), pa.float64())), "ts_us": [0, 0]}
    >>> joined, test = pa.table(texts | numbers | maps), column_drift.Test(1e-4)
    >>> found = measure_labels(Model("m", "binary"), (0, 1), [("1", "")], joined, None, test)
    >>> [(series, one.metric, one.value) for series, one in found][:2]
    [(('1', ''), 'label_coverage', 1.0), (('1', ''), 'accuracy', 0.5)]

    Args:
        span: of the window.
        series: versions and segments, "" for all of a version, as there are profiles of.
        joined: the rows of the window, with `joined_columns`.
    """
    shared = against is not None and against.shared(span)
    before = Before(shared=SHARES if shared else "")
    segments: dict[str, set[str]] = defaultdict(set)
    for version, segment in series:
        segments[version] |= {segment} - {""}
    for version, of_version in segments.items():
        rows = joined.filter(pc.equal(joined["version"], version))
        if not rows.num_rows:
            continue
        for segment, found, task in by_segment(rows, task_of(model), of_version):
            known = NO_LABELS if against is None else against.labels(segment)
            for one in measure_performance(found, known.performance, task):
                yield (version, segment), one if one.expected is None else before.said_of(one)
            for one in measure_confusion(found):
                yield (version, segment), one
            for one in measure_label_drift(found, known.labels, test.alpha, test.delta):
                yield (version, segment), before.said_of(one)
