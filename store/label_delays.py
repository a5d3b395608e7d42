"""How late the labels of a model were, window by window: counts by delay (detectors/label_delay.py), of its own window length.

They are counted again when labels came for a window, or a closed one has new records, before anything is measured by them: so
what is measured does not hang on which windows are measured first. With them goes how far the labels of the model have come.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import sqlalchemy as sa

from kernel.clock import DAY_US
from store.database import Database, Transaction, upsert
from store.models import Model, hold
from store.tables import label_delays, label_frontiers, profiles, windows

MOST_WINDOWS, MOST_OF_SEGMENTS = 3_000, 1_000
"""How many windows are read, of all rows and of each segment: the newest."""
KEPT_US = 400 * DAY_US
"""How far back from the newest window delays are kept."""
VOUCHING = 10
"""Labels have come as far as the last moment that so many of them are not before: fewer with a wrong clock move nothing."""

Delays = Mapping[str, Mapping[str, int]]
"""By class, "" for all: labels by the number of the cell of their delay."""


def of_model(
    db: Database, workspace: str, model: Model, segments: Collection[str]
) -> dict[str, list[tuple[int, Delays]]]:
    """By segment, "" for all: where each of the newest windows with labels ends, and their delays.

    Args:
        segments: which are read besides all.
    """
    at = label_delays.c
    here = (at.workspace == workspace, at.model == model.name, at.size == model.window.text)
    found: dict[str, list[tuple[int, Delays]]] = defaultdict(list)
    with db.read() as connection:
        for some, most in ((("",), MOST_WINDOWS), (sorted(segments), MOST_OF_SEGMENTS)):
            newest = sa.select(at.start_us).where(*here, at.segment == "").order_by(at.start_us.desc())
            oldest_us = connection.scalar(newest.offset(most - 1).limit(1))
            since = sa.true() if oldest_us is None else at.start_us >= oldest_us
            query = sa.select(at.segment, at.end_us, at.delays).where(*here, at.segment.in_(some), since)
            for segment, end_us, delays in connection.execute(query.order_by(at.start_us)):
                found[segment].append((end_us, delays))
    return found


def rows_of(db: Database, workspace: str, model: Model) -> list[tuple[int, int, int]]:
    """Of the newest windows with predictions: [start, end), and how many there are."""
    at = windows.c
    here = (at.workspace == workspace, at.model == model.name, at.size == model.window.text, at.rows > 0)
    query = sa.select(at.start_us, at.end_us, at.rows).where(*here).order_by(at.start_us.desc()).limit(MOST_WINDOWS)
    with db.read() as connection:
        return [(start_us, end_us, rows) for start_us, end_us, rows in connection.execute(query)]


def segments_of(db: Database, workspace: str, model: Model, starts_us: Collection[int]) -> dict[int, set[str]]:
    """The segments that there are profiles of in each of these windows."""
    at = profiles.c
    here = (at.workspace == workspace, at.model == model.name, at.window_start_us.in_(sorted(starts_us)))
    query = sa.select(at.window_start_us, at.segment).where(*here, at.segment != "").distinct()
    found: dict[int, set[str]] = defaultdict(set)
    with db.read() as connection:
        for start_us, segment in connection.execute(query):
            found[start_us].add(segment)
    return found


@dataclass(frozen=True, slots=True)
class Stale:
    """A window whose delays are to be counted: [start, end), its revisions and its rows."""

    start_us: int
    end_us: int
    label_revision: int
    own_revision: int
    rows: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What the labels of a window show.

    Attributes:
        window: as it was read.
        delays: by segment.
        latest_us: when its latest labels came, as many as vouch for a moment.
    """

    window: Stale
    delays: Mapping[str, Delays]
    latest_us: Sequence[int]


def stale(db: Database, workspace: str, model: Model, closed_us: int, after_us: int, limit: int) -> list[Stale]:
    """The first windows that start later and that labels came for since their delays were counted.

    Or predictions, whose labels may have come before them: these are looked for once the window is closed and to be measured.

    Args:
        closed_us: windows that end by then are closed.
    """
    at = windows.c
    here = (at.workspace == workspace, at.model == model.name, at.size == model.window.text, at.state != "sealed")
    due = sa.and_(at.end_us <= closed_us, at.measured_data_revision < at.own_revision)
    late = sa.or_(at.delays_revision < at.label_revision, sa.and_(due, at.delays_own_revision < at.own_revision))
    query = sa.select(at.start_us, at.end_us, at.label_revision, at.own_revision, at.rows)
    query = query.where(*here, late, at.start_us > after_us).order_by(at.start_us).limit(limit)
    with db.read() as connection:
        return [Stale(*row) for row in connection.execute(query)]


def reached(db: Database, workspace: str) -> dict[tuple[str, str], int]:
    """How far labels have come that belong to predictions, in event time, by model and window length; where there are enough.

    It is the ts of the tenth-latest of them, each counted by the first label of its prediction.
    """
    at = label_frontiers.c
    query = sa.select(at.model, at.size, at.reached_us).where(at.workspace == workspace, at.reached_us.is_not(None))
    with db.read() as connection:
        return {(model, size): reached_us for model, size, reached_us in connection.execute(query)}


def replace(db: Database, workspace: str, model: Model, counted: Sequence[Counted]) -> None:
    """Put what windows show in the place of what they showed; what is out of date goes."""
    at, w = label_delays.c, windows.c
    place = {"workspace": workspace, "model": model.name, "size": model.window.text}
    of_model = (at.workspace == workspace, at.model == model.name, at.size == model.window.text)
    kept_us = max((one.window.end_us for one in counted), default=0) - KEPT_US
    with db.write() as connection:
        hold(connection, workspace, model.name)
        for one in counted:
            start_us, end_us = one.window.start_us, one.window.end_us
            label_revision, own_revision = one.window.label_revision, one.window.own_revision
            here = (
                w.workspace == workspace,
                w.model == model.name,
                w.size == model.window.text,
                w.start_us == start_us,
            )
            newer = sa.or_(w.delays_revision < label_revision, w.delays_own_revision < own_revision)
            revisions = {"delays_revision": label_revision, "delays_own_revision": own_revision}
            if connection.execute(sa.update(windows).where(*here, newer).values(**revisions)).rowcount != 1:
                continue
            connection.execute(sa.delete(label_delays).where(*of_model, at.start_us == start_us))
            key = {**place, "start_us": start_us, "end_us": end_us}
            rows = [
                {**key, "segment": segment, "delays": dict(delays), "latest_us": [] if segment else [*one.latest_us]}
                for segment, delays in one.delays.items()
            ]
            if rows:
                connection.execute(sa.insert(label_delays), rows)
        connection.execute(sa.delete(label_delays).where(*of_model, at.end_us < kept_us))
        moved = place | {"reached_us": _frontier_us(connection, workspace, model)}
        upsert(connection, label_frontiers, [moved], update=["reached_us"])


def _frontier_us(connection: Transaction, workspace: str, model: Model) -> int | None:
    at = label_delays.c
    here = (at.workspace == workspace, at.model == model.name, at.size == model.window.text, at.segment == "")
    newest = sa.select(at.latest_us).where(*here).order_by(at.start_us.desc()).limit(MOST_WINDOWS)
    latest = heapq.nlargest(VOUCHING, chain.from_iterable(connection.scalars(newest)))
    return latest[-1] if len(latest) == VOUCHING else None
