"""Records that come late, and what waits for them to end: a backfill behind live records must not be judged while it fills windows.

A window came late where records were added after it was measured, or where event time had passed it before the first of them came.
It notes since when (`late_since_us`, until it is measured as it stands) and when they last did (`late_us`, until the model has
rested: then what lies between its windows is filled). A window that was there in time has its first look at once, whatever comes.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from store import watermarks
from store.database import Database
from store.tables import windows

_HELD_PAUSES = 10  # for which a trickle that never ends holds a window


@dataclass(frozen=True, slots=True)
class Came:
    """When records of a model came late: the earliest and the latest last one of what they came late to, by the wall clock."""

    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Rest:
    """What rest is, as of a moment.

    Attributes:
        since_us: a model has rested where no records came late after that.
        held_us: what waits for the rest since then, or for longer, waits no more.
        now_us: what came after that, by a clock that is ahead, is waited for by nothing.
    """

    since_us: int
    held_us: int
    now_us: int

    @classmethod
    def of(cls, now_us: int, pause_us: int) -> "Rest":
        """The rest of a pause without late records, as of now.

        >>> Rest.of(1000, 60)
        Rest(since_us=940, held_us=400, now_us=1000)
        """
        return cls(now_us - pause_us, now_us - _HELD_PAUSES * pause_us, now_us)

    def is_over(self, came: Came | None) -> bool:
        """Whether a model has rested; where no records came late it has."""
        return came is None or not self.since_us < came.last_us <= self.now_us

    def holds(self, came: Came | None) -> bool:
        """Whether what waits for a model's rest still does."""
        return came is not None and not self.is_over(came) and came.first_us > self.held_us


def came(db: Database, workspace: str) -> dict[str, Came]:
    """When records came late, of the models that have not rested from it, or whose windows were not filled since."""
    at = windows.c
    query = (
        sa.select(at.model, sa.func.min(at.late_us), sa.func.max(at.late_us))
        .where(at.workspace == workspace, at.late_us.is_not(None))
        .group_by(at.model)
    )
    with db.read() as connection:
        return {model: Came(first_us, last_us) for model, first_us, last_us in connection.execute(query)}


def settle(db: Database, workspace: str, model: str, until_us: int) -> None:
    """A model has rested from the records that came late up to a moment, and its windows were filled."""
    at = windows.c
    here = (at.workspace == workspace, at.model == model, at.late_us <= until_us)
    with db.write() as connection:
        connection.execute(sa.update(windows).where(*here).values(late_us=None))


def waits(workspace: str, model: str, rest: Rest) -> sa.ColumnElement[bool]:
    """Whether a window of a model waits for its rest, within a statement about windows."""
    at, other = windows.c, windows.alias("other").c
    unrested = sa.exists().where(
        other.workspace == workspace, other.model == model, other.late_us > rest.since_us, other.late_us <= rest.now_us
    )  # fmt: skip
    return sa.and_(sa.func.coalesce(at.late_since_us, rest.held_us) > rest.held_us, unrested)


def noted(
    workspace: str,
    now_us: int,
    *,
    rows: sa.ColumnElement[int],
    behind: sa.ColumnElement[int],
    lateness_us: sa.ColumnElement[int],
) -> dict[str, sa.ColumnElement[int]]:
    """What an update of windows by a flush notes, before it raises the watermarks.

    Args:
        rows: whether it adds any, 0 or 1.
        behind: whether event time passed the window within the flush before its first row there, 0 or 1.
        lateness_us: of the model.
    """
    at = windows.c
    mark_us = watermarks.stored(workspace, at.model)
    passed = sa.or_(behind > 0, at.end_us + lateness_us <= mark_us)  # read only of windows without a row
    again = sa.and_(rows > 0, sa.or_(at.measured_us.is_not(None), at.late_since_us.is_not(None)))
    first = sa.or_(sa.and_(rows > 0, at.rows == 0), at.data_revision == 0)  # or labels, before any row
    late = sa.or_(again, sa.and_(first, passed))
    return {
        "late_since_us": sa.case((late, sa.func.coalesce(at.late_since_us, now_us)), else_=at.late_since_us),
        "late_us": sa.case((late, now_us), else_=at.late_us),
    }
