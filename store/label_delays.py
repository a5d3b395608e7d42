"""How late the labels of a model were, window by window: counts by delay (detectors/label_delay.py), of its own window length.

They are counted again when labels came for a window, before anything is measured by them: so what is measured does not hang on
which windows are measured first.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from kernel.clock import DAY_US
from store.database import Database
from store.models import Model, hold
from store.tables import label_delays, profiles, windows

MOST_WINDOWS, MOST_OF_SEGMENTS = 3_000, 1_000
"""How many windows are read, of all rows and of each segment: the newest."""
KEPT_US = 400 * DAY_US
"""How far back from the newest window delays are kept."""

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
    """A window that labels came for since their delays were counted: [start, end), its label revision and its rows."""

    start_us: int
    end_us: int
    revision: int
    rows: int


def stale(db: Database, workspace: str, model: Model, after_us: int, limit: int) -> list[Stale]:
    """The first of such windows that start later."""
    at = windows.c
    here = (at.workspace == workspace, at.model == model.name, at.size == model.window.text, at.state != "sealed")
    query = sa.select(at.start_us, at.end_us, at.label_revision, at.rows)
    query = query.where(*here, at.delays_revision < at.label_revision, at.start_us > after_us)
    query = query.order_by(at.start_us).limit(limit)
    with db.read() as connection:
        return [Stale(*row) for row in connection.execute(query)]


def replace(db: Database, workspace: str, model: Model, counted: Sequence[tuple[Stale, Mapping[str, Delays]]]) -> None:
    """Put what windows show in the place of what they showed; what is out of date goes.

    Args:
        counted: windows as they were read, and their delays by segment.
    """
    at, w = label_delays.c, windows.c
    place = {"workspace": workspace, "model": model.name, "size": model.window.text}
    with db.write() as connection:
        hold(connection, workspace, model.name)
        for window, found in counted:
            start_us, end_us, revision = window.start_us, window.end_us, window.revision
            here = (
                w.workspace == workspace,
                w.model == model.name,
                w.size == model.window.text,
                w.start_us == start_us,
            )
            newer = sa.update(windows).where(*here, w.delays_revision < revision).values(delays_revision=revision)
            if connection.execute(newer).rowcount != 1:
                continue
            of_model = (at.workspace == workspace, at.model == model.name, at.size == model.window.text)
            gone = sa.or_(at.start_us == start_us, at.end_us < end_us - KEPT_US)
            connection.execute(sa.delete(label_delays).where(*of_model, gone))
            key = {**place, "start_us": start_us, "end_us": end_us}
            rows = [{**key, "segment": segment, "delays": dict(delays)} for segment, delays in found.items()]
            if rows:
                connection.execute(sa.insert(label_delays), rows)
