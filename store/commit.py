"""The third step of a flush: profiles, windows, watermarks, events, figures and offsets, in one SQL transaction or not at all."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from kernel.errors import FencedError
from kernel.profile import KINDS, Kind
from kernel.profile_batch import ProfileBatch
from kernel.profile_codec import decode_profiles, encode_profiles
from kernel.profiling import GroupKey
from kernel.windows import WindowSize
from store import business, columns, late, references, service_counts, service_levels
from store.database import Database, upsert
from store.models import hold
from store.service_counts import CountKey, Counts
from store.tables import events, label_searches, offsets, profiles, watermarks, windows
from store.windows import touch_later, window_row
from stream.codecs.batch import Event
from stream.message import Partition


@dataclass(frozen=True, slots=True, order=True)
class WindowKey:
    """A calendar window of a model."""

    model: str
    size: str
    start_us: int


@dataclass(frozen=True, slots=True, order=True)
class ProfileKey:
    """One row of profiles: written by the owner of its source partition only."""

    partition: Partition
    model: str
    group: GroupKey


@dataclass(frozen=True, slots=True)
class KeyedProfiles:
    """Some profiles, hundreds at most, and where each belongs; its columns lie together, in the order of the keys."""

    keys: Sequence[ProfileKey]
    batch: ProfileBatch


@dataclass(frozen=True, slots=True)
class Flush:
    """What a batch changes.

    Attributes:
        spans: for each source partition the offset that the database must hold, None where it must hold none yet, and
            the one it will hold.
        profiles: what is added to each profile; no key comes twice.
        watermarks: the largest ts of each model by partition, of predictions or of labels.
        data: records added, by window, roll-ups included.
        labels: windows that labels were added for, roll-ups included; how many they have is known once they are joined.
        behind: those of `data` whose first record came, in its partition, after others of this flush that close them.
        lateness_us: of each model with windows.
        searches: labels without prediction_ts, by partition and offsets [first, end).
        counts: of models with objectives, what came in each five minutes.
        figures: of the business, as store.business.add takes them; None without any.
    """

    spans: Mapping[Partition, tuple[int | None, int]]
    profiles: Sequence[KeyedProfiles] = ()
    watermarks: Mapping[tuple[Partition, str], int] = field(default_factory=dict)
    data: Mapping[WindowKey, int] = field(default_factory=dict)
    labels: Set[WindowKey] = frozenset()
    behind: Set[WindowKey] = frozenset()
    lateness_us: Mapping[str, int] = field(default_factory=dict)
    searches: Sequence[tuple[Partition, int, int]] = ()
    events: Sequence[Event] = ()
    counts: Mapping[CountKey, Counts] = field(default_factory=dict)
    figures: pa.Table | None = None


def next_offsets(db: Database, workspace: str, partitions: Sequence[Partition]) -> dict[Partition, int]:
    """The first offset not yet committed of each partition that has one."""
    query = sa.select(offsets).where(
        offsets.c.workspace == workspace, offsets.c.topic.in_(sorted({p.topic for p in partitions}))
    )
    with db.read() as connection:
        found = {Partition(row.topic, row.partition): row.next_offset for row in connection.execute(query)}
    return {p: found[p] for p in partitions if p in found}


def commit(db: Database, workspace: str, flush: Flush, now_us: int) -> None:
    """Write a flush.

    Raises:
        FencedError: an offset is not the expected one: another process owns that partition. Or a column was counted on a grid
            that has a later version since. Nothing was written.
    """
    with db.write() as connection:
        _move_offsets(connection, workspace, flush.spans, now_us)  # first: store/recount.py keeps others from it
        _check_grids(connection, workspace, flush.profiles)
        for added in flush.profiles:
            _add_profiles(connection, workspace, added)
        _touch_windows(connection, workspace, flush, now_us)
        reached = service_levels.reached(connection, workspace, {key.model for key in flush.counts})
        service_counts.add(connection, workspace, flush.counts, reached, now_us)
        _raise_watermarks(connection, workspace, flush.watermarks, now_us)  # what came late is told by where they stood
        _add_searches(connection, workspace, flush.searches)
        if flush.events:
            upsert(connection, events, [_event_row(workspace, event, now_us) for event in flush.events])
        if flush.figures is not None:
            business.add(connection, workspace, flush.figures)


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where the log of a partition ended at a moment."""

    offset: int
    seen_us: int


def note_read(
    db: Database, workspace: str, caught_up: Mapping[Partition, int], through: Mapping[Partition, LogEnd], now_us: int
) -> None:
    """Note how far partitions are read: to the end of the log, looked up just before, or to where it ended a while ago.

    Args:
        caught_up: each of the first kind with the end that was seen; it counts only where that is the committed offset.
        through: of the others those whose committed offset has come that far.
    """
    with db.write() as connection:
        for partition, was in sorted(through.items()):
            there = sa.and_(*_offset_key(workspace, partition), offsets.c.next_offset >= was.offset)
            connection.execute(sa.update(offsets).where(there).values(through_us=was.seen_us))
        for partition, end in sorted(caught_up.items()):
            here = sa.and_(*_offset_key(workspace, partition), offsets.c.next_offset == end)
            since = sa.func.coalesce(offsets.c.idle_since_us, now_us)
            connection.execute(sa.update(offsets).where(here).values(idle_since_us=since, updated_us=now_us))


def _offset_key(workspace: str, partition: Partition) -> tuple[Any, ...]:
    at = offsets.c
    return (at.workspace == workspace, at.topic == partition.topic, at.partition == partition.number)


def _move_offsets(
    connection: sa.Connection, workspace: str, spans: Mapping[Partition, tuple[int | None, int]], now_us: int
) -> None:
    for partition, (expected, end) in sorted(spans.items(), key=lambda item: item[0]):
        if expected is None:
            row = {"topic": partition.topic, "partition": partition.number, "next_offset": end, "updated_us": now_us}
            moved = upsert(connection, offsets, [{"workspace": workspace, **row}])
        else:
            here = sa.and_(*_offset_key(workspace, partition), offsets.c.next_offset == expected)
            values = {"next_offset": end, "updated_us": now_us, "idle_since_us": None}
            moved = connection.execute(sa.update(offsets).where(here).values(**values)).rowcount
        if moved != 1:
            raise FencedError(f"{partition} no longer stands at {expected}: another process has taken it over")


def _check_grids(connection: sa.Connection, workspace: str, added: Sequence[KeyedProfiles]) -> None:
    renewed = columns.renewed_grids(connection, workspace) if added else {}
    for some in added if renewed else ():
        batch, models = some.batch, [key.model for key in some.keys]
        mine = np.isin(batch.owner, np.flatnonzero([model in renewed for model in models]))
        numeric = mine & (batch.columns["kind"] == KINDS.index(Kind.NUMERIC))
        for at in np.flatnonzero(numeric).tolist():
            model, name = models[batch.owner[at]], batch.names[at]
            if batch.columns["grid"][at] < renewed[model].get(name, 0):
                raise FencedError(f"{model}: {name} has a new grid since these records were counted")


def _add_profiles(connection: sa.Connection, workspace: str, added: KeyedProfiles) -> None:
    stored = stored_profiles(connection, workspace, added.keys)
    batch = added.batch
    if stored:
        place = {key: i for i, key in enumerate(added.keys)}
        target = [*(place[key] for key in stored), *range(len(place))]
        before = decode_profiles(list(stored.values()))
        batch = ProfileBatch.join([before, batch]).sum_by(np.array(target), len(place))
    whole = zip(added.keys, batch.profiles["rows"].tolist(), encode_profiles(batch), strict=True)
    rows = [profile_row(workspace, key) | {"rows": count, "blob": blob} for key, count, blob in whole]
    upsert(connection, profiles, rows, update=["rows", "blob"])


def profile_row(workspace: str, key: ProfileKey) -> dict[str, Any]:
    """The key of a profile's row."""
    return {
        "workspace": workspace,
        "model": key.model,
        "version": key.group.version,
        "segment": key.group.segment,
        "window_start_us": key.group.window_start_us,
        "topic": key.partition.topic,
        "partition": key.partition.number,
    }


def stored_profiles(connection: sa.Connection, workspace: str, keys: Sequence[ProfileKey]) -> dict[ProfileKey, bytes]:
    """The profiles, as they are stored, of those keys that have one; of some hundred keys at most."""
    return _stored(connection, workspace, keys, profiles.c.blob)


def profile_rows(connection: sa.Connection, workspace: str, keys: Sequence[ProfileKey]) -> dict[ProfileKey, int]:
    """How many rows the stored profiles have, which reads none of them; see stored_profiles."""
    return _stored(connection, workspace, keys, profiles.c.rows)


def _stored(
    connection: sa.Connection, workspace: str, keys: Sequence[ProfileKey], wanted: sa.Column[Any]
) -> dict[ProfileKey, Any]:
    at = profiles.c
    place = sa.tuple_(at.workspace, at.model, at.version, at.segment, at.window_start_us, at.topic, at.partition)
    chosen = place.in_([tuple(profile_row(workspace, key).values()) for key in keys])
    query = sa.select(at.topic, at.partition, at.model, at.version, at.segment, at.window_start_us, wanted).where(
        chosen
    )
    return {
        ProfileKey(Partition(topic, number), model, GroupKey(*group)): value
        for topic, number, model, *group, value in connection.execute(query)
    }


def _raise_watermarks(
    connection: sa.Connection, workspace: str, reached: Mapping[tuple[Partition, str], int], now_us: int
) -> None:
    at = watermarks.c
    places = [
        {
            "workspace": workspace,
            "model": model,
            "topic": partition.topic,
            "partition": partition.number,
            "max_ts_us": ts_us,
            "seen_us": now_us,
        }
        for (partition, model), ts_us in sorted(reached.items())
    ]
    if not places or upsert(connection, watermarks, places) == len(places):
        return
    key = [at[name] == sa.bindparam(f"at_{name}") for name in ("workspace", "model", "topic", "partition")]
    reached_us = sa.bindparam("reached_us", type_=sa.BigInteger)
    highest = sa.case((at.max_ts_us < reached_us, reached_us), else_=at.max_ts_us)
    rows = [
        {f"at_{n}": v for n, v in place.items() if n not in ("max_ts_us", "seen_us")}
        | {"reached_us": place["max_ts_us"]}
        for place in places
    ]
    connection.execute(sa.update(watermarks).where(*key).values(max_ts_us=highest, seen_us=now_us), rows)


def _touch_windows(connection: sa.Connection, workspace: str, flush: Flush, now_us: int) -> None:
    """Create the windows that are new, raise the revisions, and open again what was measured. Sorted, so that no two deadlock."""
    touched = sorted({*flush.data, *flush.labels})
    if not touched:
        return
    moving = references.moving(connection, workspace, {key.model for key in touched})
    for model in sorted(moving):  # whoever measures holds it too: later windows are touched beyond the order of keys
        hold(connection, workspace, model)
    rows = [window_row(workspace, k.model, WindowSize(k.size), k.start_us) for k in touched]
    upsert(connection, windows, rows)
    at, added = windows.c, sa.bindparam("dr", type_=sa.BigInteger)
    behind, lateness_us = sa.bindparam("b", type_=sa.BigInteger), sa.bindparam("l", type_=sa.BigInteger)
    statement = (
        sa.update(windows)
        .where(
            at.workspace == workspace,
            at.model == sa.bindparam("m"),
            at.size == sa.bindparam("s"),
            at.start_us == sa.bindparam("w"),
        )
        .values(
            rows=at.rows + sa.bindparam("d"),
            data_revision=at.data_revision + added,
            own_revision=sa.case((added > 0, at.data_revision + added), else_=at.own_revision),
            label_revision=at.label_revision + sa.bindparam("lr"),
            state=sa.case((at.state == "measured", "closed"), else_=at.state),
            **late.noted(workspace, now_us, rows=added, behind=behind, lateness_us=lateness_us),
        )
    )
    values = []
    for key in touched:
        data = flush.data.get(key, 0)
        revisions = {"dr": int(data > 0), "lr": int(key in flush.labels)}
        event_time = {"b": int(key in flush.behind), "l": flush.lateness_us.get(key.model, 0)}
        values.append({"m": key.model, "s": key.size, "w": key.start_us, "d": data} | revisions | event_time)
    connection.execute(statement, values)
    for key in touched:
        if key.model in moving and flush.data.get(key):
            reach_us = moving[key.model].reach_us(WindowSize(key.size))
            touch_later(connection, workspace, key.model, key.size, (key.start_us, key.start_us + reach_us))


def _add_searches(connection: sa.Connection, workspace: str, searches: Sequence[tuple[Partition, int, int]]) -> None:
    rows = [
        {"workspace": workspace, "topic": p.topic, "partition": p.number, "first_offset": first, "end_offset": end}
        for p, first, end in searches
    ]
    if rows:
        upsert(connection, label_searches, rows, update=["end_offset"])


def _event_row(workspace: str, event: Event, now_us: int) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "topic": event.partition.topic,
        "partition": event.partition.number,
        "offset": event.offset,
        "row": event.row,
        "model": event.model,
        "kind": event.kind,
        "ts_us": event.ts_us,
        "title": event.title,
        "url": event.url,
        "details": dict(event.details),
        "received_us": now_us,
    }
