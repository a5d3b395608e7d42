"""The columns of a model: how each is counted, its grid, its category dictionary. All three only ever grow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from kernel.column_spec import FEATURE, SCORE
from kernel.errors import FencedError
from kernel.grid import Grid
from kernel.profile import Kind, WindowProfile
from store.database import Database, Transaction, in_parts, upsert
from store.models import hold
from store.tables import categories, columns, grids

_MODELS_A_QUERY = 5_000
_INFERRED = ("kind", "fixed", "seen", "misfits")
_READ = [columns.c[name] for name in ("model", "column", "kind", "declared", "fixed", "seen", "misfits")]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a model.

    Attributes:
        name: its stored name, such as feature.NAME.
        fixed: false while the kind is still being inferred.
        seen, misfits: non-null values met while inferring, and how many of those were of another type.
    """

    name: str
    kind: Kind
    declared: bool = False
    fixed: bool = False
    seen: int = 0
    misfits: int = 0


def of_models(
    db: Database, workspace: str, names: Iterable[str], *, only_declared: bool = False
) -> dict[str, dict[str, Column]]:
    """The columns of each model, by model and stored name.

    Args:
        only_declared: leave out those whose kind was inferred.
    """
    which = columns.c.declared if only_declared else sa.true()
    wanted, kinds = sorted(names), {kind.value: kind for kind in Kind}
    found: dict[str, dict[str, Column]] = {name: {} for name in wanted}
    with db.read() as connection:
        for part in in_parts(wanted, _MODELS_A_QUERY):
            chosen = columns.c.model.in_(part)
            query = sa.select(*_READ).where(columns.c.workspace == workspace, chosen, which)
            for model, name, kind, *more in connection.execute(query).all():
                found[model][name] = Column(name, kinds[kind], *more)
    return found


def flags(db: Database, workspace: str, model: str, features: Sequence[str]) -> tuple[str, ...]:
    """Those of a model's features that are booleans."""
    if not features:
        return ()
    at, stored = columns.c, {FEATURE + name: name for name in features}
    query = sa.select(at.column).where(at.workspace == workspace, at.model == model, at.kind == Kind.BOOLEAN.value)
    with db.read() as connection:
        found = set(connection.scalars(query.where(at.column.in_(sorted(stored)))))
    return tuple(name for column, name in stored.items() if column in found)


def has_two_scores(tx: sa.Connection, workspace: str, model: str) -> bool:
    """Whether a model scores two classes: either score is then one less the other."""
    score = columns.c.column.startswith(SCORE, autoescape=True)
    query = sa.select(sa.func.count()).where(columns.c.workspace == workspace, columns.c.model == model, score)
    return tx.execute(query).scalar_one() == 2


def add(db: Database, workspace: str, new: Mapping[str, Sequence[Column]]) -> None:
    """Columns met for the first time, by model; who comes second changes nothing."""
    with db.write() as connection:
        upsert(connection, columns, [_row(workspace, model, c) for model, of in sorted(new.items()) for c in of])


def replace(db: Database, workspace: str, model: str, changed: Sequence[Column]) -> None:
    """Set what is known of columns, such as their declared kinds."""
    with db.write() as connection:
        update = ["kind", "declared", "fixed", "seen", "misfits"]
        upsert(connection, columns, [_row(workspace, model, c) for c in changed], update=update)


def infer(db: Database, workspace: str, inferred: Mapping[str, Sequence[Column]]) -> None:
    """Set what was inferred of columns, by model, except of those that were declared meanwhile."""
    at = columns.c
    key = [at[name] == sa.bindparam(f"at_{name}") for name in ("workspace", "model", "column")]
    here = (*key, at.declared.is_(False))
    changed: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in _INFERRED}
    in_order = [
        (model, column) for model, of in sorted(inferred.items()) for column in sorted(of, key=lambda c: c.name)
    ]
    values = [
        {f"at_{name}": value for name, value in (("workspace", workspace), ("model", model), ("column", column.name))}
        | {f"new_{name}": value for name, value in _row(workspace, model, column).items() if name in _INFERRED}
        for model, column in in_order
    ]
    with db.write() as connection:
        connection.execute(sa.update(columns).where(*here).values(**changed), values)


def newest_grids(db: Database, workspace: str, model: str) -> dict[str, tuple[int, Grid]]:
    """The newest grid of each numeric column with its version, by stored name."""
    return {name: max(found.items()) for name, found in all_grids(db, workspace, model).items()}


def all_grids(db: Database, workspace: str, model: str) -> dict[str, dict[int, Grid]]:
    """Every grid of each numeric column, by stored name and version."""
    found: dict[str, dict[int, Grid]] = {}
    query = sa.select(grids).where(grids.c.workspace == workspace, grids.c.model == model)
    with db.read() as connection:
        for row in connection.execute(query):
            edges = np.frombuffer(row.edges, "<u2").astype(np.uint16)
            found.setdefault(row.column, {})[row.version] = Grid(row.centre, edges)
    return found


def renewed_grids(connection: Transaction, workspace: str) -> dict[str, dict[str, int]]:
    """The newest version of every grid that is not its column's first, by model and stored name: few, with their own index."""
    at = grids.c
    later = at.version > sa.literal_column("1")  # no parameter: PostgreSQL then sees that the index is enough
    query = sa.select(at.model, at.column, sa.func.max(at.version)).where(at.workspace == workspace, later)
    found: dict[str, dict[str, int]] = {}
    for model, name, version in connection.execute(query.group_by(at.model, at.column)):
        found.setdefault(model, {})[name] = version
    return found


def renew_grids(
    connection: Transaction, workspace: str, model: str, grids_of: Mapping[str, tuple[int, Grid]], now_us: int
) -> None:
    """A later version of the grids of some columns, fitted to a reference.

    Raises:
        FencedError: another process has made one of them; take that.
    """
    rows = [_grid_row(workspace, model, name, version, grid, now_us) for name, (version, grid) in grids_of.items()]
    if upsert(connection, grids, rows) != len(rows):
        raise FencedError(f"another process has made new grids of {model}: take those")


def stale_grids(newest: Mapping[str, int], profile: WindowProfile) -> list[str]:
    """The numeric columns of a profile that were counted on an earlier version than the newest, by stored name.

    Args:
        newest: a model's `renewed_grids`.
    """
    held = profile.columns
    return [n for n, version in newest.items() if n in held and held[n].kind is Kind.NUMERIC and held[n].grid < version]


def add_grids(
    db: Database, workspace: str, model: str, fitted: Mapping[str, Grid], now_us: int, *, provisional: bool
) -> None:
    """The first grid of columns; where a column has one already, that one stays."""
    rows = [
        _grid_row(workspace, model, name, 1, grid, now_us) | {"provisional": provisional}
        for name, grid in sorted(fitted.items())
    ]
    with db.write() as connection:
        upsert(connection, grids, rows)


def dictionaries(db: Database, workspace: str, model: str) -> dict[str, dict[str, int]]:
    """The category dictionary of each column: stored name -> value -> code."""
    found: dict[str, dict[str, int]] = {}
    query = sa.select(categories).where(categories.c.workspace == workspace, categories.c.model == model)
    with db.read() as connection:
        for row in connection.execute(query):
            found.setdefault(row.column, {})[row.value] = row.code
    return found


def code(db: Database, workspace: str, model: str, column: str, value: str) -> int | None:
    """The code of one value in a column's category dictionary; None where it is not in it."""
    at = categories.c
    here = (at.workspace == workspace, at.model == model, at.column == column, at.value == value)
    with db.read() as connection:
        return connection.scalar(sa.select(at.code).where(*here))


def add_categories(db: Database, workspace: str, model: str, new: Mapping[str, Iterable[str]], limit: int) -> None:
    """Append values to dictionaries, in order, up to the limit a column; codes begin at 1."""
    with db.write() as connection:
        # Who adds to the same model waits: codes are given one after the other.
        hold(connection, workspace, model)
        for name, values in sorted(new.items()):
            here = (categories.c.workspace == workspace, categories.c.model == model, categories.c.column == name)
            top = connection.scalar(sa.select(sa.func.max(categories.c.code)).where(*here)) or 0
            told = set(connection.scalars(sa.select(categories.c.value).where(*here)))
            fresh = [v for v in sorted(set(values)) if v not in told][: max(0, limit - top)]
            key = {"workspace": workspace, "model": model, "column": name}
            rows = [key | {"code": top + 1 + i, "value": value} for i, value in enumerate(fresh)]
            if rows:
                upsert(connection, categories, rows)


def _grid_row(workspace: str, model: str, name: str, version: int, grid: Grid, now_us: int) -> dict[str, object]:
    return {
        "workspace": workspace,
        "model": model,
        "column": name,
        "version": version,
        "centre": grid.centre,
        "edges": grid.edges.astype("<u2").tobytes(),
        "provisional": False,
        "created_us": now_us,
    }


def _row(workspace: str, model: str, column: Column) -> dict[str, object]:
    return {
        "workspace": workspace,
        "model": model,
        "column": column.name,
        "kind": column.kind.value,
        "declared": column.declared,
        "fixed": column.fixed,
        "seen": column.seen,
        "misfits": column.misfits,
    }
