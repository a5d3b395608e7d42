"""Making a reference: rows to a profile on the model's own grids, and how well the model did on those with a label."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from api.caller import Caller
from api.numbers import plain
from detectors.label_drift import Tally, tally
from detectors.outcomes import Task, outcomes
from detectors.performance import estimates
from driftglass_client.wire import LABEL, LABEL_VALUE, SCORE_PREFIX, TS
from kernel.clock import to_rfc3339
from kernel.errors import ContractError, FullError, NotFoundError
from kernel.profile import WindowProfile
from kernel.profiling import profile_rows, profile_segments
from store import columns, models
from store.models import Model
from store.record_reads import RecordReader
from store.record_schema import PLAIN, to_stored
from store.registry import Registry
from stream.codecs.batch import Batch, Refusal
from stream.codecs.declared import check_declared
from stream.codecs.json_records import model_problem
from stream.codecs.labelled import decode_labelled
from stream.codecs.topics import RecordKind
from stream.message import Message

_FULL_RETRY_S = 3_600  # a workspace's models do not become fewer by waiting a second
Performance = Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True, slots=True)
class Built:
    """A reference, ready to be put in force.

    Attributes:
        profile, segments: of all its rows, and of those of each segment.
        labels: rows with a label; label_counts: how often each was (detectors/label_drift.py).
        refusals: of rows that break the contract.
    """

    profile: WindowProfile
    segments: Mapping[str, WindowProfile]
    performance: Performance
    labels: int
    label_counts: Tally
    provenance: Mapping[str, str]
    refusals: Sequence[Refusal] = ()


def from_rows(caller: Caller, model: str, message: Message, key: str) -> Built:
    """The reference that the rows of a message make.

    Args:
        key: what missing ids derive from.

    Raises:
        ContractError: the body cannot be read, no row of it is good, or one is of another model.
    """
    decoded = decode_labelled(message, key)
    _check_model(model, decoded.batches)
    good, refusals = _fitting(caller, model, decoded.batches)
    refusals = sorted([*decoded.refusals, *refusals], key=lambda refusal: refusal.row)
    if good is None:
        raise _nothing_good(refusals)
    registry, known = _registered(caller, model)
    joined = _joined(good)
    span = pc.min_max(good[TS].cast(pa.int64()))
    provenance = {"source": "rows", "from": to_rfc3339(span["min"].as_py()), "to": to_rfc3339(span["max"].as_py())}
    profile, segments = _profiles(caller, registry, known, [good])
    return Built(profile, segments, *_of_labels(joined, known), provenance, refusals)


def from_log(caller: Caller, model: str, start_us: int, end_us: int) -> Built:
    """The reference that a model's recorded predictions with ts in [start, end) make, with the labels that came.

    Raises:
        ContractError: the span is none.
        NotFoundError: there is no such model, or nothing was recorded in the span.
        UnavailableError: the record log is away.
    """
    if end_us <= start_us:
        raise ContractError("to", "must be later than from")
    models.one(caller.db, caller.workspace, model)
    registry, known = _registered(caller, model)
    with caller.parts.log_lock:
        reader = RecordReader(caller.parts.log, caller.workspace)
        profile, segments = _profiles(caller, registry, known, reader.rows(model, start_us, end_us))
        joined = reader.labelled(model, [(start_us, end_us)])
    if not profile.rows or joined is None:
        between = f"{to_rfc3339(start_us)} and {to_rfc3339(end_us)}"
        raise NotFoundError(f"the record log has no prediction of {model!r} between {between}")
    provenance = {"source": "record log", "from": to_rfc3339(start_us), "to": to_rfc3339(end_us)}
    return Built(profile, segments, *_of_labels(joined, known), provenance)


def _check_model(model: str, batches: Iterable[Batch]) -> None:
    other = next((batch for batch in batches if batch.model != model), None)
    if other is not None:
        row = other.table["row"][0].as_py()
        raise ContractError("model", f"row {row} is of {other.model!r}; every row must be of {model!r}")


def _fitting(caller: Caller, model: str, batches: Sequence[Batch]) -> tuple[pa.Table | None, list[Refusal]]:
    """The rows that fit the declared types, and a refusal for each other."""
    known = columns.of_models(caller.db, caller.workspace, [model])[model]
    declared = {name: column.kind for name, column in known.items() if column.declared}
    checked = [check_declared(batch, declared) for batch in batches]
    refusals = [refusal for _, refused in checked for refusal in refused]
    tables = [batch.table for batch, _ in checked if batch.table.num_rows]
    return (tables[0].combine_chunks() if tables else None), refusals


def _nothing_good(refusals: Sequence[Refusal]) -> ContractError:
    if not refusals:
        return ContractError("", "the body holds no rows")
    first = refusals[0]
    if not first.field:
        return ContractError("", f"the body {first.reason}")
    where = "" if first.row < 0 else f"row {first.row}: "
    return ContractError(first.field, f"{where}{first.reason}; no row of the body is good")


def _registered(caller: Caller, model: str) -> tuple[Registry, Model]:
    problem = model_problem(model)
    if problem:
        raise ContractError("model", problem)
    registry = Registry(caller.db, caller.workspace, caller.parts.clock)
    known = registry.refresh({model})
    if model not in known:
        raise FullError(f"workspace {caller.workspace!r} has as many models as are allowed", _FULL_RETRY_S)
    return registry, known[model]


def _profiles(
    caller: Caller, registry: Registry, model: Model, tables: Iterable[pa.Table]
) -> tuple[WindowProfile, dict[str, WindowProfile]]:
    """The profile of all rows, and those of the segments; grids that are fitted here come from a reference, and are final."""
    parts: list[WindowProfile] = []
    of_segments: dict[str, list[WindowProfile]] = defaultdict(list)
    for table in tables:
        specs = registry.specs(model.name, table, segments=model.segments, provisional=False)
        parts.append(profile_rows(table, specs))
        for segment, part in profile_segments(table, specs, model.segments, caller.parts.max_segments).items():
            of_segments[segment].append(part)
    return WindowProfile.merge(parts), {name: WindowProfile.merge(of) for name, of in of_segments.items()}


def _joined(table: pa.Table) -> pa.Table:
    """Rows with their labels in the form of the record log's join (store.record_reads.labelled)."""
    plain_names = {name for name, _ in PLAIN[RecordKind.PREDICTIONS]}
    kept = [name for name in table.column_names if name in plain_names or name.startswith(SCORE_PREFIX)]
    joined = to_stored(table.select(kept), RecordKind.PREDICTIONS)
    for name in (LABEL, LABEL_VALUE):
        joined = joined.append_column(name, table[name])
    return joined.append_column("ts_us", table[TS].cast(pa.int64()))


def _of_labels(joined: pa.Table, model: Model) -> tuple[Performance, int, Tally]:
    """How well the model did on the rows with a label, how many they are, and how often each label was."""
    present = pc.or_(joined[LABEL].is_valid(), joined[LABEL_VALUE].is_valid())
    labels = int(np.count_nonzero(present.to_numpy(zero_copy_only=False)))
    task = Task(model.task, model.positive_class)
    found = outcomes(joined, task)
    measured = estimates(found, task) if len(found.actual) else {}
    performance = {
        name: {at: _number(value) for at, value in asdict(e).items() if at != "basis"} for name, e in measured.items()
    }
    return performance, labels, tally(found)


def _number(value: float | None) -> float | None:
    return plain(value)  # type: ignore[return-value]
