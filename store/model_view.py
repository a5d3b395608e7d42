"""What is known of one model, apart from its measurements: for the model page and for choosing what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kernel.errors import NotFoundError
from kernel.moving import Moving, parse
from store.database import Database
from store.tables import events, measurements, models, references
from store.versions import main_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """A reference's value of a performance metric with its 95% interval."""

    value: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class ReferenceCard:
    """The reference a model is compared with.

    Attributes:
        performance: by metric; empty where the reference has no labels.
        provisional: taken from the first rows, because nobody gave one.
        moving: how it moves with the windows; None where it does not.
    """

    reference: str
    rows: int
    performance: dict[str, Bounds]
    provisional: bool
    created_us: int
    moving: Moving | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model as registered.

    Attributes:
        sizes: window sizes it is measured in, the base window first.
        versions: those measured, "" where records name none; first the one that stands for the model (store/versions.py), then
            the most recently active first.
    """

    model: str
    task: str
    sizes: tuple[str, ...]
    versions: tuple[str, ...]
    min_rows: int
    positive_class: str
    reference: ReferenceCard | None

    @property
    def several(self) -> bool:
        """Whether there are versions to tell apart."""
        return len(self.versions) > 1


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that somebody reported: a deployment, an incident, a change upstream."""

    ts_us: int
    kind: str
    title: str
    url: str


def model_names(db: Database, workspace: str) -> tuple[str, ...]:
    """The models of the workspace by name."""
    query = sa.select(models.c.model).where(models.c.workspace == workspace).order_by(models.c.model)
    with db.read() as connection:
        return tuple(connection.scalars(query))


def model_card(db: Database, workspace: str, model: str) -> ModelCard:
    """What is known of a model.

    Raises:
        NotFoundError: when the workspace has no such model.
    """
    m, r = measurements.c, references.c
    card = sa.select(models).where(models.c.workspace == workspace, models.c.model == model)
    versions = (
        sa.select(m.version)
        .where(m.workspace == workspace, m.model == model, m.metric == "rows", m.column == "", m.segment == "")
        .group_by(m.version)
        .order_by(sa.func.max(m.window_start_us).desc(), m.version.desc())
    )
    active = (
        sa.select(r.reference, r.rows, r.performance, r.provisional, r.created_us, r.moving)
        .where(r.workspace == workspace, r.model == model, r.active)
        .order_by(r.created_us.desc())
    )
    with db.read() as connection:
        row = connection.execute(card).one_or_none()
        if row is None:
            raise NotFoundError(f"no model {model!r} has sent anything to workspace {workspace!r}")
        seen = tuple(connection.scalars(versions))
        main = main_of(connection, workspace, model).get(model)
        reference = connection.execute(active).first()
    return ModelCard(
        model,
        row.task,
        tuple(dict.fromkeys([row.window, *row.rollups])),
        tuple(sorted(seen, key=lambda version: main is None or version != main.version)),
        row.min_rows,
        row.positive_class,
        _reference(reference) if reference else None,
    )


def _reference(row: Any) -> ReferenceCard:
    performance = _performance(row.performance)
    return ReferenceCard(row.reference, row.rows, performance, row.provisional, row.created_us, parse(row.moving))


def _performance(stored: Mapping[str, Any]) -> dict[str, Bounds]:
    return {name: Bounds(found.get("value"), found.get("lower"), found.get("upper")) for name, found in stored.items()}


def happenings(db: Database, workspace: str, model: str, since_us: int) -> tuple[Happening, ...]:
    """The events of the model, and those of no model, since then; oldest first. The end of a stream is none for people."""
    e = events.c
    query = (
        sa.select(e.ts_us, e.kind, e.title, e.url)
        .where(e.workspace == workspace, e.model.in_([model, ""]), e.ts_us >= since_us, e.kind != "end-of-stream")
        .order_by(e.ts_us)
    )
    with db.read() as connection:
        return tuple(Happening(*row) for row in connection.execute(query))
