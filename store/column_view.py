"""One column opened: its profile in a span of windows beside the reference's, and what its cells mean."""

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from kernel.column_names import profile_name
from kernel.grid import Grid
from kernel.moving import parse
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.profile_batch import SEVERAL_GRIDS
from kernel.profile_codec import decode_profile
from kernel.windows import Span
from store.database import Database
from store.tables import categories, grids, profiles, references


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column twice.

    Attributes:
        kind: how it is counted; None when neither profile has it.
        current, reference: None where there is none.
        grid: of a numeric column; None where cells need no grid of their own.
        values: category by code; code 0 holds what the dictionary had no room for.
    """

    column: str
    kind: Kind | None
    current: ColumnProfile | None
    reference: ColumnProfile | None
    grid: Grid | None
    values: dict[int, str]

    @property
    def comparable(self) -> bool:
        """Whether both profiles are there and counted alike."""
        if not self.current or not self.reference or self.current.grid == SEVERAL_GRIDS:
            return False
        return (self.current.kind, self.current.grid) == (self.reference.kind, self.reference.grid)


def column_view(
    db: Database, workspace: str, model: str, version: str, column: str, start_us: int, end_us: int
) -> ColumnView:
    """A column's profile over the base windows that start in [start, end), beside what these are held against.

    Args:
        version: "" for the records that name none.
        column: as measurements name it.
    """
    name = profile_name(column)
    with db.read() as connection:
        current = _current(connection, workspace, model, version, start_us, end_us).columns.get(name)
        reference = _reference(connection, workspace, model, (start_us, end_us)).columns.get(name)
        known = current or reference
        kind = known.kind if known else None
        grid = _grid(connection, workspace, model, name, known.grid) if known and kind is Kind.NUMERIC else None
        values = _values(connection, workspace, model, name) if kind is Kind.CATEGORICAL else {}
    return ColumnView(column, kind, current, reference, grid, values)


def _current(
    connection: sa.Connection, workspace: str, model: str, version: str | None, start_us: int, end_us: int
) -> WindowProfile:
    """Of one version; None for all of them together."""
    p = profiles.c
    query = sa.select(p.blob).where(
        p.workspace == workspace,
        p.model == model,
        p.segment == "",
        p.window_start_us >= start_us,
        p.window_start_us < end_us,
    )
    if version is not None:
        query = query.where(p.version == version)
    return WindowProfile.merge(decode_profile(blob) for blob in connection.scalars(query))


def _reference(connection: sa.Connection, workspace: str, model: str, span: Span) -> WindowProfile:
    r = references.c
    query = sa.select(r.blob, r.moving).where(r.workspace == workspace, r.model == model, r.active)
    found = connection.execute(query.order_by(r.created_us.desc())).first()
    if found is None:
        return WindowProfile()
    moving = parse(found.moving)
    return _current(connection, workspace, model, None, *moving.before(span)) if moving else decode_profile(found.blob)


def _grid(connection: sa.Connection, workspace: str, model: str, name: str, version: int) -> Grid | None:
    g = grids.c
    query = sa.select(g.centre, g.edges).where(
        g.workspace == workspace, g.model == model, g.column == name, g.version == version
    )
    row = connection.execute(query).one_or_none()
    return row and Grid(row.centre, np.frombuffer(row.edges, "<u2").astype(np.uint16))


def _values(connection: sa.Connection, workspace: str, model: str, name: str) -> dict[int, str]:
    c = categories.c
    query = sa.select(c.code, c.value).where(c.workspace == workspace, c.model == model, c.column == name)
    return {code: value for code, value in connection.execute(query)}  # noqa: C416 - rows are no pairs to mypy
