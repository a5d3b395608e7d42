"""Making a reference: rows to a profile on the model's own grids, and how well the model did on those with a label.

Where a grid has lost its resolution for these rows they are counted once more on a new one, which comes into force with them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from api.estimator_building import LabelledRows, estimator
from api.reference_labels import joined_rows, of_labels
from api.reference_sample import ReferenceSample
from detectors.label_drift import Tally
from detectors.labels_by_segment import joined_columns
from detectors.multivariate.sample import columns_of
from driftglass_client.wire import TS
from kernel.clock import Clock, to_rfc3339
from kernel.column_spec import FEATURE, ColumnSpec
from kernel.errors import ContractError, FencedError, FullError, NotFoundError
from kernel.moving import Moving
from kernel.profile import WindowProfile
from kernel.profiling import profile_rows, profile_segments
from store import columns, models, references
from store.database import Database
from store.models import Model
from store.record_reads import RecordReader
from store.recount import NewGrids, Recount, lost
from store.reference_labels import OfLabels, Performance
from store.references import FROM_LOG
from store.registry import Registry
from stream.codecs.batch import WHOLE_MESSAGE, Batch, Refusal
from stream.codecs.declared import check_declared
from stream.codecs.json_records import model_problem
from stream.codecs.labelled import decode_labelled
from stream.message import Message

_FULL_RETRY_S = 3_600  # a workspace's models do not become fewer by waiting a second
LISTED = 1_000  # refusals that are told one by one
_NAMED = 20  # features in a warning
_SUMMED = 16  # profiles at a time: how many are held, however many batches there are


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reference is made.

    Attributes:
        max_segments: values of a segment feature that are told apart, as the collector does.
        reader: of the record log, from which windows are counted again on new grids; without it every grid stays.
    """

    db: Database
    workspace: str
    clock: Clock
    max_segments: int
    reader: RecordReader | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Rows that were sent, in one message or in several.

    Attributes:
        messages: each with the number of its first row, from 0, as its offset; asked for twice where a column gets a new grid.
        provenance: where they came from; what is found in them is added.
        what: they are called in sentences.
        sample: of rows of several messages, from which grids are fitted; None for those of the first.
    """

    messages: Iterable[Message]
    provenance: Mapping[str, str | int]
    what: str = "the body"
    sample: Message | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A reference, ready to be put in force.

    Attributes:
        profile, segments: of all its rows, and of those of each segment.
        labels: rows with a label; label_counts: how often each was (detectors/label_drift.py).
        sample: rows that are kept of it, where some are measured together.
        moving: how it moves with the windows; it then has no rows of its own.
        estimator: what its labels say of windows without labels (detectors/without_labels/codec.py); None where they say nothing.
        grids: new ones that it was counted on, by stored name.
        of_segments: what labels say of the rows of each segment.
        rejected: rows that break the contract; refusals: of the first 1,000 of them, each by its row among all.
        warnings: features that only the reference has, or only the records that came: perhaps of other names.
    """

    profile: WindowProfile
    segments: Mapping[str, WindowProfile]
    performance: Performance
    labels: int
    label_counts: Tally
    provenance: Mapping[str, str | int]
    sample: pa.Table | None = None
    estimator: Mapping[str, Any] | None = None
    rejected: int = 0
    refusals: Sequence[Refusal] = ()
    moving: Moving | None = None
    grids: NewGrids = field(default_factory=dict)
    of_segments: Mapping[str, OfLabels] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def make(
    place: Place, model: str, build: Callable[[], Built], heard: Callable[[float], None] = lambda _: None
) -> tuple[str, Built]:
    """Build a reference and put it in force; once more where a column of it got a new grid meanwhile from somebody else.

    Args:
        heard: see put.

    Returns:
        Its name, and what was put.
    """
    known = _features(columns.of_models(place.db, place.workspace, [model])[model])
    while True:
        built = build()
        try:
            return put(place, model, built, heard), replace(built, warnings=_warnings(known, built))
        except FencedError:
            continue


def _features(names: Iterable[str]) -> set[str]:
    return {name.removeprefix(FEATURE) for name in names if name.startswith(FEATURE)}


def _warnings(known: set[str], built: Built) -> list[str]:
    """Of a model whose features are known already; a reference that moves has none of its own."""
    own = _features(built.profile.columns)
    if not known or built.moving is not None:
        return []
    sides = (("the model has not had before", own - known), ("the reference lacks", known - own))
    return [f"features that {what}: {', '.join(sorted(names)[:_NAMED])}" for what, names in sides if names]


def put(place: Place, model: str, built: Built, heard: Callable[[float], None] = lambda _: None) -> str:
    """Put a reference in force, with its new grids, and return its name.

    Args:
        heard: is told the share of the model's days that are counted again on new grids.

    Raises:
        FencedError: a column of it got a new grid meanwhile: build it again. Nothing was put.
    """
    parts = (
        built.profile,
        built.performance,
        built.provenance,
        place.clock.now_us(),
        built.segments,
        built.label_counts,
        built.sample,
        built.moving,
        built.of_segments,
        built.estimator,
    )
    if place.reader is None or not built.grids:
        return references.put(place.db, place.workspace, model, *parts)
    with Recount(place.db, place.reader, place.workspace, model, built.grids, place.clock.now_us()) as recount:
        recount.count(heard)
        return references.put(place.db, place.workspace, model, *parts, first=recount.swap)


def from_rows(place: Place, model: str, sent: Sent, key: str) -> Built:
    """The reference that rows make which were sent. No more than one message is held, and the labels of all.

    Args:
        key: what missing ids derive from.

    Raises:
        ContractError: the rows cannot be read, none is good, or one is of another model.
    """
    rows = _Rows(place, model, key, sent.what)
    building = None
    joined: list[pa.Table] = []
    moments: set[int] = set()
    for good in rows.tables(sent.messages):
        if building is None:
            building = _Building(place, model, _sampled(place, model, sent))
            labelled = LabelledRows(building.model.task)
        building.add(good)
        labelled.add(good)
        joined.append(joined_rows(good, building.model, _flags(place, building.model)))
        moments |= set(pc.min_max(good[TS].cast(pa.int64())).as_py().values())
    if building is None:
        raise _nothing_good(rows.refusals, sent.what)
    building = building.on_new_grids(lambda: _Rows(place, model, key, sent.what).tables(sent.messages))
    provenance = {**sent.provenance, "from": to_rfc3339(min(moments)), "to": to_rfc3339(max(moments))}
    profile, segments = building.profiles()
    rows_of = pa.concat_tables(joined)
    whole, of_segments = of_labels(rows_of, building.model, segments.keys())
    return Built(
        profile, segments, *whole, provenance, building.sample(), estimator(rows_of, building.model, labelled),
        rows.rejected, rows.refusals, grids=building.grids, of_segments=of_segments,
    )  # fmt: skip


def _flags(place: Place, model: Model) -> tuple[str, ...]:
    return columns.flags(place.db, place.workspace, model.name, model.segments)


def _sampled(place: Place, model: str, sent: Sent) -> pa.Table | None:
    return None if sent.sample is None else _Rows(place, model, "sample", sent.what).good(sent.sample)


def from_log(place: Place, model: str, reader: RecordReader, start_us: int, end_us: int) -> Built:
    """The reference that a model's recorded predictions with ts in [start, end) make, with the labels that came.

    Raises:
        ContractError: the span is none.
        NotFoundError: there is no such model, or nothing was recorded in the span.
        UnavailableError: the record log is away.
    """
    if end_us <= start_us:
        raise ContractError("to", "must be later than from")
    models.one(place.db, place.workspace, model)
    building = _Building(place, model)
    every = building.model.task == "ranking"  # whose lists are of all their items
    more = joined_columns(building.model, _flags(place, building.model))
    joined = reader.labelled(model, [(start_us, end_us)], more, every=every)
    labelled = LabelledRows(building.model.task)
    for table in reader.rows(model, start_us, end_us):
        building.add(table)
        if joined is not None:
            labelled.add_from_log(table, joined)
    building = building.on_new_grids(lambda: reader.rows(model, start_us, end_us))
    profile, segments = building.profiles()
    if not profile.rows or joined is None:
        between = f"{to_rfc3339(start_us)} and {to_rfc3339(end_us)}"
        raise NotFoundError(f"the record log has no prediction of {model!r} between {between}")
    provenance = {"source": FROM_LOG, "from": to_rfc3339(start_us), "to": to_rfc3339(end_us)}
    whole, of_segments = of_labels(joined, building.model, segments.keys())
    fitted = estimator(joined, building.model, labelled)
    return Built(
        profile, segments, *whole, provenance, building.sample(), fitted, grids=building.grids, of_segments=of_segments
    )


def moving_by(kind: str, length: str) -> Moving:
    """How a reference moves, as somebody wrote it.

    Raises:
        ContractError: the length is none.
    """
    try:
        return Moving(kind, length)
    except ValueError as error:
        raise ContractError(kind, str(error)) from error


def of_earlier(place: Place, model: str, moving: Moving) -> Built:
    """The reference that moves with the windows.

    Raises:
        ContractError: the model's windows cannot be held against it.
        NotFoundError: there is no such model.
    """
    known = models.one(place.db, place.workspace, model)
    problem = moving.problem(known.window)
    if problem:
        raise ContractError(moving.kind, f"is {moving.length!r}; it {problem}")
    provenance = {"source": moving.kind, "length": moving.length}
    return Built(WindowProfile(), {}, {}, 0, {}, provenance, moving=moving)


@dataclass(slots=True)
class _Rows:
    """The good rows of messages, and what was refused so far."""

    place: Place
    model: str
    key: str
    what: str
    rejected: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    def tables(self, messages: Iterable[Message]) -> Iterator[pa.Table]:
        """The good rows of each message that has some; see `good`."""
        return (good for message in messages if (good := self.good(message)) is not None)

    def good(self, message: Message) -> pa.Table | None:
        """The rows that are good and fit the declared types; None without any.

        Raises:
            ContractError: one is of another model, or the message is refused as a whole.
        """
        decoded = decode_labelled(message, self.key if not message.offset else f"{self.key}:{message.offset}")
        self._check_model(message.offset, decoded.batches)
        known = columns.of_models(self.place.db, self.place.workspace, [self.model])[self.model]
        declared = {name: column.kind for name, column in known.items() if column.declared}
        checked = [check_declared(batch, declared) for batch in decoded.batches]
        refused = sorted([*decoded.refusals, *(r for _, of in checked for r in of)], key=lambda refusal: refusal.row)
        if refused and refused[0].row == WHOLE_MESSAGE:
            raise _nothing_good(refused, self.what)
        self.rejected += len(refused)
        listed = refused[: max(0, LISTED - len(self.refusals))]
        self.refusals += [replace(refusal, row=refusal.row + message.offset) for refusal in listed]
        tables = [batch.table for batch, _ in checked if batch.table.num_rows]
        return tables[0].combine_chunks() if tables else None

    def _check_model(self, first: int, batches: Iterable[Batch]) -> None:
        other = next((batch for batch in batches if batch.model != self.model), None)
        if other is not None:
            row = first + other.table["row"][0].as_py()
            raise ContractError("model", f"row {row} is of {other.model!r}; every row must be of {self.model!r}")


def _nothing_good(refusals: Sequence[Refusal], what: str) -> ContractError:
    if not refusals:
        return ContractError("", f"{what} holds no rows")
    first = refusals[0]
    if not first.field:
        return ContractError("", f"{what} {first.reason}")
    where = "" if first.row < 0 else f"row {first.row}: "
    return ContractError(first.field, f"{where}{first.reason}; no row of {what} is good")


class _Building:
    """The profile of all rows that are added, and those of the segments; grids fitted here come from a reference, and are final.

    Args:
        sample: rows to fit grids from; None for the first that are added.
        grids: new ones to count on, by stored name.
    """

    def __init__(self, place: Place, model: str, sample: pa.Table | None = None, grids: NewGrids | None = None) -> None:
        self._registry, self.model = _registered(place, model)
        self.grids = grids or {}
        self._place = place
        self._max_segments = place.max_segments
        self._parts: dict[str, list[WindowProfile]] = defaultdict(list)
        self._sample = ReferenceSample()
        if sample is not None:
            self._specs(sample)

    def add(self, table: pa.Table) -> None:
        """Count some rows."""
        specs, features = self._specs(table), self.model.segments
        self._sample.add(table)
        segments = profile_segments(table, specs, features, self._max_segments)
        for segment, part in {"": profile_rows(table, specs), **segments}.items():
            parts = self._parts[segment]
            parts.append(part)
            if len(parts) == _SUMMED:
                parts[:] = [WindowProfile.merge(parts)]

    def profiles(self) -> tuple[WindowProfile, dict[str, WindowProfile]]:
        """What was counted of all rows, and of those of each segment."""
        found = {segment: WindowProfile.merge(parts) for segment, parts in self._parts.items()}
        return found.pop("", WindowProfile()), found

    def on_new_grids(self, tables: Callable[[], Iterable[pa.Table]]) -> "_Building":
        """Itself; where grids have lost their resolution for what was added, the same rows counted on new ones.

        Args:
            tables: gives the rows again.
        """
        rows = self._sample.rows() if self._place.reader else None
        grids = {} if rows is None else lost(self._place.db, self._place.workspace, self.model.name, rows)
        if not grids:
            return self
        again = _Building(self._place, self.model.name, grids=grids)
        for table in tables():
            again.add(table)
        return again

    def sample(self) -> pa.Table | None:
        """The rows of all that are kept; None where nothing is measured together."""
        rows = self._sample.rows()
        return None if rows is None else columns_of(rows, multivariate=self.model.multivariate)

    def _specs(self, table: pa.Table) -> Mapping[str, ColumnSpec]:
        specs = self._registry.specs(self.model.name, table, segments=self.model.segments, provisional=False)
        new = {name: of for name, of in self.grids.items() if name in specs}
        return {
            **specs,
            **{name: replace(specs[name], version=version, grid=grid) for name, (version, grid) in new.items()},
        }


def _registered(place: Place, model: str) -> tuple[Registry, Model]:
    problem = model_problem(model)
    if problem:
        raise ContractError("model", problem)
    registry = Registry(place.db, place.workspace, place.clock)
    known = registry.refresh({model})
    if model not in known:
        raise FullError(f"workspace {place.workspace!r} has as many models as are allowed", _FULL_RETRY_S)
    return registry, known[model]
