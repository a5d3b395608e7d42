"""The labelled rows of two times, from the record log, and why a metric changed between them. It reads."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from detectors.labels_by_segment import joined_columns, task_of
from detectors.performance_change import Change, change
from kernel.column_spec import FEATURE
from kernel.errors import NotFoundError
from kernel.profile import Kind
from kernel.windows import Span
from store import columns
from store.database import Database
from store.joined_columns import JoinedColumns
from store.models import Model
from store.record_reads import RecordReader

_MOST_ROWS = 20_000
_READ = (Kind.NUMERIC, Kind.BOOLEAN, Kind.CATEGORICAL)


@dataclass(frozen=True, slots=True)
class Time:
    """A time [start, end) of a version; None for all versions together."""

    span: Span
    version: str | None


@dataclass(frozen=True, slots=True)
class Times:
    """What was read of two times.

    Attributes:
        before, after: joined rows, some 20,000 of either, chosen by the hash of their ids: the same ones whenever it is asked.
        kinds: of their features, by their stored names.
    """

    before: pa.Table
    after: pa.Table
    kinds: Mapping[str, Kind]


def read(db: Database, reader: RecordReader, workspace: str, model: Model, before: Time, after: Time) -> Times:
    """Read the labelled rows of an earlier and a later time.

    Raises:
        NotFoundError: the record log has no prediction of the model.
    """
    known = columns.of_models(db, workspace, [model.name])[model.name]
    kinds = {name: column.kind for name, column in known.items() if name.startswith(FEATURE) and column.kind in _READ}
    flags = {name.removeprefix(FEATURE) for name, kind in kinds.items() if kind is Kind.BOOLEAN}
    features = {name.removeprefix(FEATURE) for name in kinds} | {*model.segments}
    more = JoinedColumns(sorted(features), joined_columns(model, flags).keys, flags)
    return Times(_rows(reader, model, before, more), _rows(reader, model, after, more), kinds)


def explain(times: Times, model: Model, metric: str | None = None) -> Change:
    """What the change is made of.

    Args:
        metric: one of detectors.row_values.MEANS; by default accuracy of classes, mae of numbers.

    Raises:
        ContractError: see detectors.performance_change.change.
    """
    return change(times.before, times.after, task_of(model), times.kinds, model.segments, metric)


def _rows(reader: RecordReader, model: Model, time: Time, more: JoinedColumns) -> pa.Table:
    found = reader.labelled(model.name, [time.span], more, most=_MOST_ROWS)
    if found is None:
        raise NotFoundError(f"the record log has no prediction of {model.name!r}")
    return found if time.version is None else found.filter(pc.equal(found["version"], time.version))
