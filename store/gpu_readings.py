"""What the GPUs that serve the models did, in five minutes each: sums of what their exporters said, which add up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kernel.clock import DAY_US, SECOND_US
from kernel.measurement import SERVICE_SPAN_US
from store.database import Transaction, upsert
from store.tables import gpu_readings as t

_LONGEST_GAP_US = DAY_US  # between two readings of an energy counter whose difference still says when
_MOST_W = 10_000  # what no GPU draws; more is no difference of one counter
_SUMS = (
    "readings", "idle", "busy", "memory_readings", "memory", "power_readings", "power_w", "energy_us", "energy_j",
    "xid_readings", "errors",
)  # fmt: skip
_LAST = ("counter_us", "counter_j", "xid")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an exporter says of a GPU at one moment; None where it says nothing.

    Attributes:
        gpu: its UUID.
        busy, memory: shares, of the time and of the memory.
        energy_j: a counter, which begins anew with the driver or the server.
        xid: the code of the last error, 0 before the first.
    """

    gpu: str
    busy: float | None = None
    memory: float | None = None
    power_w: float | None = None
    energy_j: float | None = None
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Last:
    """What was read of a GPU before: its energy counter and when, and the code of its last error."""

    counter_us: int | None = None
    counter_j: float | None = None
    xid: int | None = None


def add(
    tx: Transaction, workspace: str, target: str, readings: Sequence[Reading], at_us: int, idle_below: float
) -> None:
    """Add one reading of each GPU of a target to its five minutes.

    Args:
        idle_below: a GPU that is busy for a smaller share is idle.
    """
    before = _last(tx, workspace, target, at_us - _LONGEST_GAP_US - SERVICE_SPAN_US, at_us)
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for reading in readings:
        last = before.get(reading.gpu, Last())
        now = rows.setdefault((reading.gpu, at_us // SERVICE_SPAN_US * SERVICE_SPAN_US), {})
        now |= _counted(reading, last, idle_below) | _carried(reading, last, at_us)
        for start_us, us, joules in drawn(reading.energy_j, last, at_us):
            rows.setdefault((reading.gpu, start_us), {}).update(energy_us=us, energy_j=joules)
    _write(tx, workspace, target, rows)


def drawn(counter_j: float | None, last: Last, at_us: int) -> Iterator[tuple[int, int, float]]:
    """What was drawn between two readings of a counter, evenly over the five minutes in between: (start, microseconds, joules).

    A counter that fell has begun anew, at 0. Before the first reading, and after a day without one, nothing is known.

    >>> list(drawn(500.0, Last(240_000_000, 400.0), 360_000_000))
    [(0, 60000000, 50.0), (300000000, 60000000, 50.0)]
    >>> list(drawn(30.0, Last(10_000_000, 400.0), 20_000_000))
    [(0, 10000000, 30.0)]
    """
    if counter_j is None or last.counter_j is None or last.counter_us is None:
        return
    elapsed_us = at_us - last.counter_us
    if not 0 < elapsed_us <= _LONGEST_GAP_US:
        return
    joules = counter_j - last.counter_j if counter_j >= last.counter_j else counter_j
    if joules > _MOST_W * elapsed_us / SECOND_US:
        return
    for start_us in range(last.counter_us // SERVICE_SPAN_US * SERVICE_SPAN_US, at_us, SERVICE_SPAN_US):
        us = min(at_us, start_us + SERVICE_SPAN_US) - max(last.counter_us, start_us)
        yield start_us, us, joules * us / elapsed_us


def expire(tx: Transaction, workspace: str, before_us: int) -> None:
    """Delete what is older."""
    tx.execute(sa.delete(t).where(t.c.workspace == workspace, t.c.start_us < before_us))


def _counted(reading: Reading, last: Last, idle_below: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if reading.busy is not None:
        found |= {"readings": 1, "busy": reading.busy, "idle": int(reading.busy < idle_below)}
    if reading.memory is not None:
        found |= {"memory_readings": 1, "memory": reading.memory}
    if reading.power_w is not None:
        found |= {"power_readings": 1, "power_w": reading.power_w}
    if reading.xid is not None:
        new = last.xid is not None and reading.xid not in (0, last.xid)
        found |= {"xid_readings": 1, "errors": int(new)}
    return found


def _carried(reading: Reading, last: Last, at_us: int) -> dict[str, Any]:
    """The newest of each, for the next reading; a moment before the last one, by a clock that was set back, does not count."""
    counter = (last.counter_us, last.counter_j)
    if reading.energy_j is not None and (last.counter_us is None or at_us > last.counter_us):
        counter = (at_us, reading.energy_j)
    xid = last.xid if reading.xid is None else reading.xid
    return dict(zip(_LAST, (*counter, xid), strict=True))


def _last(tx: Transaction, workspace: str, target: str, since_us: int, until_us: int) -> dict[str, Last]:
    """What was read last of each GPU of a target that was read since then; not what a clock that was ahead has stamped later."""
    here = (t.c.workspace == workspace, t.c.target == target, t.c.start_us >= since_us, t.c.start_us <= until_us)
    newest = sa.select(t.c.gpu, sa.func.max(t.c.start_us).label("start_us")).where(*here).group_by(t.c.gpu).subquery()
    same = sa.and_(t.c.gpu == newest.c.gpu, t.c.start_us == newest.c.start_us)
    query = sa.select(t.c.gpu, *(t.c[name] for name in _LAST)).join_from(t, newest, same).where(*here)
    return {gpu: Last(*values) for gpu, *values in tx.execute(query)}


def _write(tx: Transaction, workspace: str, target: str, rows: Mapping[tuple[str, int], Mapping[str, Any]]) -> None:
    places = [
        {"workspace": workspace, "target": target, "gpu": gpu, "start_us": start_us} for gpu, start_us in sorted(rows)
    ]
    if not places:
        return
    upsert(tx, t, places)
    here = [t.c[name] == sa.bindparam(f"at_{name}") for name in places[0]]
    more = {name: t.c[name] + sa.bindparam(f"more_{name}") for name in _SUMS}
    last = {name: sa.func.coalesce(sa.bindparam(f"more_{name}", type_=t.c[name].type), t.c[name]) for name in _LAST}
    values = [
        {f"at_{name}": value for name, value in place.items()}
        | {f"more_{name}": row.get(name, 0) for name in _SUMS}
        | {f"more_{name}": row.get(name) for name in _LAST}
        for place, (_, row) in zip(places, sorted(rows.items()), strict=True)
    ]
    tx.execute(sa.update(t).where(*here).values(**more, **last), values)
