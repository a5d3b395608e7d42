"""The models of a workspace: registered by their first record, or declared."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from kernel.clock import HOUR_US
from kernel.errors import NotFoundError
from kernel.windows import Span, WindowSize, parse_duration
from kernel.worth import Worth
from store.database import Database, Transaction, upsert
from store.tables import models, retirements, service_counts

LASTS_US = 2**62  # the end of a retirement that lasts


@dataclass(frozen=True, slots=True)
class Objectives:
    """What is promised of a model's service; None where nothing is.

    Attributes:
        availability: the share of rows without an error.
        latency: the share of rows with a latency that take `latency_ms` at most.
    """

    availability: float | None = None
    latency: float | None = None
    latency_ms: float | None = None

    def __bool__(self) -> bool:
        """Whether anything is promised."""
        return self.availability is not None or self.latency is not None


@dataclass(frozen=True, slots=True)
class Ranking:
    """How the items of a ranking are taken together.

    Attributes:
        group: the tag, else the feature, that is the same in the items of one list.
        k: how many items of a list count.
    """

    group: str = "query"
    k: int = 10


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model, declared or by default.

    Attributes:
        task: binary, multiclass, regression, ranking; "" while unknown.
        window: the length of its windows; rollups: lengths that are sums of those.
        lateness_us: how long after its end a window stays open for late records.
        positive_class: of a binary task; "" where not declared.
        segments: features by whose values everything is measured once more.
        min_rows: a window with fewer looks back over earlier ones.
        multivariate: whether its features are measured together, too.
        cluster: the tag, else the feature, that errors cluster by; "" for the day.
        ranking: of a ranking, what a list is.
        fairness: those of the segments whose values are groups that are to be treated alike.
        value: what predictions are worth.
        retired: when nobody wanted it measured (store/retiring.py), by the wall clock and in order; the last may end at `LASTS_US`.
    """

    name: str
    task: str = ""
    window: WindowSize = field(default_factory=lambda: WindowSize("1d"))
    rollups: tuple[WindowSize, ...] = ()
    lateness_us: int = HOUR_US
    positive_class: str = ""
    segments: tuple[str, ...] = ()
    min_rows: int = 500
    declared: bool = False
    objectives: Objectives = Objectives()
    multivariate: bool = False
    cluster: str = ""
    ranking: Ranking = Ranking()
    fairness: tuple[str, ...] = ()
    value: Worth = field(default_factory=Worth)
    retired: tuple[Span, ...] = ()

    @property
    def retired_us(self) -> int | None:
        """Since when it is retired; None of a model in service."""
        return self.retired[-1][0] if self.retired and self.retired[-1][1] == LASTS_US else None

    def was_away(self, span: Span) -> bool:
        """Whether it was retired at any time of a span."""
        return any(since_us < span[1] and span[0] < until_us for since_us, until_us in self.retired)

    @property
    def sizes(self) -> tuple[WindowSize, ...]:
        """The window length and those of the roll-ups."""
        return (self.window, *self.rollups)


def register(db: Database, workspace: str, names: Sequence[str], limit: int, now_us: int) -> None:
    """Make sure that each model has a row, with the defaults where it is new; past the limit new ones are not registered."""
    with db.write() as connection:
        count = connection.scalar(sa.select(sa.func.count()).where(models.c.workspace == workspace)) or 0
        rows = [_row(workspace, Model(name), now_us) for name in sorted(names)[: max(0, limit - count)]]
        if rows:
            upsert(connection, models, rows)


def declare(db: Database, workspace: str, model: Model, now_us: int) -> None:
    """Register a model with these properties, or change them. Other objectives begin their counts anew."""
    row = _row(workspace, model, now_us) | {"declared": True}
    changes = [c.name for c in models.columns if c.name not in ("workspace", "model", "registered_us")]
    here = (models.c.workspace == workspace, models.c.model == model.name)
    counted = (service_counts.c.workspace == workspace, service_counts.c.model == model.name)
    with db.write() as connection:
        before = connection.execute(sa.select(models.c.objectives).where(*here).with_for_update()).scalar()
        upsert(connection, models, [row], update=changes)
        if before and before != row["objectives"]:
            connection.execute(sa.delete(service_counts).where(*counted))


def known(db: Database, workspace: str) -> dict[str, Model]:
    """Every model of the workspace, by name."""
    with db.read() as connection:
        retired = _retired(connection, workspace)
        rows = connection.execute(sa.select(models).where(models.c.workspace == workspace).order_by(models.c.model))
        return {row.model: _model(row, tuple(retired[row.model])) for row in rows}


def one(db: Database, workspace: str, name: str) -> Model:
    """One model.

    Raises:
        NotFoundError: when the workspace has none of that name.
    """
    every = known(db, workspace)
    if name not in every:
        there = f"; there are: {first_of(sorted(every))}" if every else ""
        raise NotFoundError(
            f"workspace {workspace!r} has no model {name!r}: it is registered by its first record{there}"
        )
    return every[name]


def first_of(names: Sequence[str], most: int = 10) -> str:
    """Names for people, the first of many.

    >>> first_of(["fraud", "prices"]), first_of(["fraud", "prices", "search"], 2)
    ('fraud, prices', 'fraud, prices and 1 more')
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def hold(tx: Transaction, workspace: str, model: str) -> None:
    """Make others who hold the same model wait until this transaction ends."""
    mine = (models.c.workspace == workspace, models.c.model == model)
    tx.execute(sa.select(models.c.model).where(*mine).with_for_update())


def is_retired(workspace: str, model: str | sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a model is retired, within a statement."""
    at = retirements.c
    return sa.exists().where(at.workspace == workspace, at.model == model, at.until_us.is_(None))


def _retired(tx: Transaction, workspace: str) -> defaultdict[str, list[Span]]:
    at = retirements.c
    query = sa.select(at.model, at.since_us, at.until_us).where(at.workspace == workspace)
    found: defaultdict[str, list[Span]] = defaultdict(list)
    for model, since_us, until_us in tx.execute(query.order_by(at.model, at.since_us)):
        found[model].append((since_us, LASTS_US if until_us is None else until_us))
    return found


def workspaces(db: Database) -> list[str]:
    """Every workspace that has a model."""
    with db.read() as connection:
        return list(connection.scalars(sa.select(models.c.workspace).distinct().order_by(models.c.workspace)))


def _row(workspace: str, model: Model, now_us: int) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "model": model.name,
        "task": model.task,
        "window": model.window.text,
        "rollups": [size.text for size in model.rollups],
        "lateness": f"{model.lateness_us // 1_000_000}s",
        "positive_class": model.positive_class,
        "segments": list(model.segments),
        "min_rows": model.min_rows,
        "declared": model.declared,
        "objectives": {name: value for name, value in asdict(model.objectives).items() if value is not None},
        "multivariate": model.multivariate,
        "cluster": model.cluster,
        "ranking": asdict(model.ranking),
        "fairness": list(model.fairness),
        "value": asdict(model.value) if model.value else {},
        "registered_us": now_us,
    }


def _model(row: Any, retired: tuple[Span, ...]) -> Model:
    return Model(
        name=row.model,
        task=row.task,
        window=WindowSize(row.window),
        rollups=tuple(WindowSize(text) for text in row.rollups),
        lateness_us=parse_duration(row.lateness),
        positive_class=row.positive_class,
        segments=tuple(row.segments),
        min_rows=row.min_rows,
        declared=row.declared,
        objectives=Objectives(**row.objectives),
        multivariate=row.multivariate,
        cluster=row.cluster,
        ranking=Ranking(**row.ranking),
        fairness=tuple(row.fairness),
        value=Worth(**row.value),
        retired=retired,
    )
