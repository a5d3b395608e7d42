"""References: what a model's windows are held against. Replaced, never changed; the old ones stay."""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import sqlalchemy as sa

from kernel.clock import from_datetime
from kernel.errors import FencedError
from kernel.moving import Moving, parse
from kernel.profile import WindowProfile
from kernel.profile_codec import decode_profile, encode_profile
from kernel.windows import Span
from store import columns, samples
from store.database import Database, Transaction, alone, in_parts
from store.models import hold
from store.pages import decode_cursor, encode_cursor
from store.reference_labels import NO_LABELS, OfLabels
from store.tables import offsets, reference_segments, references, windows

FROM_LOG = "record log"
"""The source, in its provenance, of a reference that was taken from its model's own record log."""
_KEYS_A_QUERY = 500
_Key = tuple[Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)], str]


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference of a model.

    Attributes:
        performance: metric -> {"value", "lower", "upper", "rows"} of its labelled rows; empty without labels.
        labels: how often each label was (detectors/label_drift.py); empty without labels.
        provenance: where its rows came from.
        provisional: made from the first window, because none was given yet.
        moving: how it moves with the windows; None where it does not. Of one that does the rows are those of other windows, and
            the profile here has none.
    """

    name: str
    profile: WindowProfile
    performance: Mapping[str, Mapping[str, float | None]]
    labels: Mapping[str, Any]
    provenance: Mapping[str, Any]
    provisional: bool
    created_us: int
    moving: Moving | None = None

    @property
    def log_span(self) -> Span | None:
        """Where its rows lie in the model's own record log, [start, end); None where they came from elsewhere."""
        if self.provenance.get("source") != FROM_LOG:
            return None
        start, end = (from_datetime(datetime.fromisoformat(self.provenance[side])) for side in ("from", "to"))
        return start, end


def active(db: Database, workspace: str, model: str) -> Reference | None:
    """The reference in force; None where there is none."""
    with db.read() as connection:
        row = _in_force(connection, workspace, model)
    if row is None:
        return None
    return Reference(
        row.reference, decode_profile(row.blob), row.performance, row.labels, row.provenance, row.provisional,
        row.created_us, parse(row.moving),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """What is told of a reference in its model's history, whether or not it is in force; see Reference."""

    name: str
    rows: int
    provisional: bool
    active: bool
    created_us: int
    provenance: Mapping[str, Any]


def estimator(db: Database, workspace: str, model: str, reference: str) -> Mapping[str, Any] | None:
    """What a reference's labels say of windows without labels (detectors/without_labels/codec.py); None where they say nothing."""
    at = references.c
    query = sa.select(at.estimator).where(at.workspace == workspace, at.model == model, at.reference == reference)
    with db.read() as connection:
        found: Mapping[str, Any] | None = connection.scalar(query)
    return found


def history(
    db: Database, workspace: str, model: str, limit: int, cursor: str | None = None
) -> tuple[list[Entry], str | None]:
    """The references that a model has had, the newest first, and the cursor of the next page; see measurements.page.

    Raises:
        ContractError: the cursor is none of ours.
    """
    at = references.c
    order = (at.created_us, at.reference)
    query = sa.select(at.reference, at.rows, at.provisional, at.active, at.created_us, at.provenance)
    query = query.where(at.workspace == workspace, at.model == model)
    if cursor is not None:
        last = zip(decode_cursor(cursor, _Key), order, strict=True)
        query = query.where(sa.tuple_(*order) < sa.tuple_(*(sa.literal(value, column.type) for value, column in last)))
    with db.read() as connection:
        rows = connection.execute(query.order_by(*(column.desc() for column in order)).limit(limit + 1)).all()
    found = [Entry(*row) for row in rows[:limit]]
    return found, encode_cursor([found[-1].created_us, found[-1].name]) if len(rows) > limit else None


def moving(connection: sa.Connection, workspace: str, models: Collection[str]) -> dict[str, Moving]:
    """How the references in force move of these models, of those that do."""
    at = references.c
    found: dict[str, Moving] = {}
    for part in in_parts(sorted(models), _KEYS_A_QUERY):
        query = sa.select(at.model, at.moving).where(
            at.workspace == workspace, at.model.in_(part), at.active, at.moving != ""
        )
        found |= {model: moves for model, text in connection.execute(query) if (moves := parse(text))}
    return found


def of_segments(
    db: Database, workspace: str, model: str, reference: str, segments: Collection[str]
) -> dict[str, WindowProfile]:
    """The profiles of these segments of a reference; those that it has no row of are not among them."""
    at = reference_segments.c
    here = (at.workspace == workspace, at.model == model, at.reference == reference)
    wanted = sorted(segments)
    found: dict[str, WindowProfile] = {}
    if not wanted:
        return found
    with db.read() as connection:
        for part in in_parts(wanted, _KEYS_A_QUERY):
            query = sa.select(at.segment, at.blob).where(*here, at.segment.in_(part))
            found |= {segment: decode_profile(blob) for segment, blob in connection.execute(query)}
    return found


def put_provisional(
    db: Database,
    workspace: str,
    model: str,
    profile: WindowProfile,
    segments: Mapping[str, WindowProfile],
    provenance: Mapping[str, Any],
    now_us: int,
    token: str,
    sample: pa.Table | None = None,
) -> None:
    """Put a reference in force where there is none: the first window that was large enough.

    What was measured without one is due again, and so is what others are measuring just now. A profile that was counted on a
    grid with a later version is not put.

    Args:
        token: of the lease under which this is done; its windows are about to be held against the new reference.
        sample: see put.
    """
    at = windows.c
    with db.write() as connection:
        hold(connection, workspace, model)
        newest = columns.renewed_grids(connection, workspace).get(model, {})
        if _in_force(connection, workspace, model) is None and not columns.stale_grids(newest, profile):
            name = _insert(
                connection, workspace, model, profile, segments, {}, {}, provenance, now_us, provisional=True
            )
            if sample is not None:
                samples.insert(connection, workspace, model, name, sample)
            bare = sa.or_(at.measured_us.is_not(None), at.token != "")
            _measure_again(connection, workspace, model, bare, at.token != token)


def put(
    db: Database,
    workspace: str,
    model: str,
    profile: WindowProfile,
    performance: Mapping[str, Mapping[str, float | None]],
    provenance: Mapping[str, Any],
    now_us: int,
    segments: Mapping[str, WindowProfile] | None = None,
    labels: Mapping[str, Any] | None = None,
    sample: pa.Table | None = None,
    moving: Moving | None = None,
    of_segments: Mapping[str, OfLabels] | None = None,
    estimator: Mapping[str, Any] | None = None,
    first: Callable[[Transaction], None] = lambda _: None,
) -> str:
    """Put a reference in force and return its name; every window is then due to be measured again.

    Args:
        profile, segments: of all its rows, and of those of each segment.
        performance, labels, moving: see Reference.
        of_segments: what labels say of each segment's rows.
        sample: rows of it that are kept (detectors/multivariate/sample.py); None where none are measured together.
        estimator: see `estimator`; that of the reference before is dropped.
        first: what is done before, in the same transaction (store/recount.py).

    Raises:
        FencedError: a column was counted on a grid that has a later version since. Nothing was written.
    """
    at = references.c
    with db.write() as connection:
        first(connection)
        if moving is not None:
            alone(connection, offsets)  # a commit under way has not seen that later windows rest on its records
        hold(connection, workspace, model)
        newest = columns.renewed_grids(connection, workspace).get(model, {})
        if stale := columns.stale_grids(newest, profile):
            raise FencedError(f"{model}: {', '.join(stale)} got a new grid while its reference was counted")
        samples.drop(connection, workspace, model)
        former = sa.update(references).where(at.workspace == workspace, at.model == model, at.active)
        connection.execute(former.values(active=False, estimator=None))
        name = _insert(
            connection, workspace, model, profile, segments or {}, performance, labels or {}, provenance, now_us, moving,
            of_segments or {}, estimator,
        )  # fmt: skip
        if sample is not None:
            samples.insert(connection, workspace, model, name, sample)
        _measure_again(connection, workspace, model)
    return name


def _in_force(connection: sa.Connection, workspace: str, model: str) -> Any:
    at = references.c
    wanted = (column for column in at if column is not at.estimator)  # which is large, and asked for by few
    query = sa.select(*wanted).where(at.workspace == workspace, at.model == model, at.active)
    return connection.execute(query).first()


def _insert(
    connection: sa.Connection,
    workspace: str,
    model: str,
    profile: WindowProfile,
    segments: Mapping[str, WindowProfile],
    performance: Mapping[str, Mapping[str, float | None]],
    labels: Mapping[str, Any],
    provenance: Mapping[str, Any],
    now_us: int,
    moving: Moving | None = None,
    of_segments: Mapping[str, OfLabels] | None = None,
    estimator: Mapping[str, Any] | None = None,
    *,
    provisional: bool = False,
) -> str:
    key = {"workspace": workspace, "model": model, "reference": uuid.uuid4().hex}
    row = {
        **key,
        "rows": profile.rows,
        "blob": encode_profile(profile),
        "performance": dict(performance),
        "labels": dict(labels),
        "provenance": dict(provenance),
        "provisional": provisional,
        "active": True,
        "created_us": now_us,
        "moving": moving.text if moving else "",
        "estimator": estimator,
    }
    connection.execute(sa.insert(references).values(**row))
    parts = []
    for name, part in segments.items():
        said = (of_segments or {}).get(name, NO_LABELS)
        told = {"performance": dict(said.performance), "labels": dict(said.labels)}
        parts.append({**key, "segment": name, "rows": part.rows, "blob": encode_profile(part), **told})
    if parts:
        connection.execute(sa.insert(reference_segments), parts)
    return key["reference"]


def _measure_again(connection: sa.Connection, workspace: str, model: str, *which: sa.ColumnElement[bool]) -> None:
    at = windows.c
    here = (at.workspace == workspace, at.model == model, at.state != "sealed", *which)
    state = sa.case((at.state == "measured", "closed"), else_=at.state)
    raised = at.data_revision + 1
    connection.execute(sa.update(windows).where(*here).values(data_revision=raised, own_revision=raised, state=state))
