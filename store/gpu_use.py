"""What the GPUs of some targets did in windows, from the readings of five minutes, and how many rows were predicted meanwhile."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from kernel.clock import DAY_US
from kernel.gpu_use import GpuUse
from kernel.measurement import SERVICE_SPAN_US
from kernel.windows import Span
from store.database import Database
from store.tables import gpu_readings, profiles


def of_windows(db: Database, workspace: str, targets: Sequence[str], windows: Sequence[Span]) -> dict[int, GpuUse]:
    """By the start of the window, of those in which something was read.

    Args:
        targets: a GPU that several of them know counts once in any five minutes, as the first of them tells it.
    """
    at = gpu_readings.c
    first = sa.func.row_number().over(
        partition_by=(at.gpu, at.start_us),
        order_by=sa.case({target: place for place, target in enumerate(targets)}, value=at.target),
    )
    read = (
        sa.select(gpu_readings, first.label("place"), _window(at.start_us, SERVICE_SPAN_US, windows).label("window_us"))
        .where(at.workspace == workspace, at.target.in_(targets), _within(at.start_us, windows))
        .subquery()
    )
    r = read.c
    told_power, told_energy = r.power_readings > 0, r.energy_us > 0
    query = (
        sa.select(
            r.window_us,
            sa.func.count(r.gpu.distinct()),
            sa.func.sum(r.readings),
            sa.func.sum(r.idle),
            sa.func.sum(r.busy),
            sa.func.sum(r.memory_readings),
            sa.func.sum(r.memory),
            sa.func.count(sa.case((told_power, r.start_us)).distinct()),
            sa.func.sum(sa.case((told_power, r.power_w / r.power_readings), else_=0.0)),
            sa.func.count(sa.case((told_energy, r.start_us))),
            sa.func.sum(r.energy_j),
            sa.func.sum(r.xid_readings),
            sa.func.sum(r.errors),
        )
        .where(r.place == 1, r.window_us.is_not(None))
        .group_by(r.window_us)
    )
    ends = dict(windows)
    with db.read() as connection:
        meters = _meters(connection, workspace, targets, windows)
        return {
            start_us: GpuUse(
                gpus, int(readings), int(idle), busy, int(in_memory), memory, powered, power_w, drew, energy_j,
                int(xids), int(errors), sum(f < ends[start_us] and start_us - DAY_US <= last for f, last in meters),
            )
            for start_us, gpus, readings, idle, busy, in_memory, memory, powered, power_w, drew, energy_j, xids, errors
            in connection.execute(query)
        }  # fmt: skip


def _meters(
    connection: sa.Connection, workspace: str, targets: Sequence[str], windows: Sequence[Span]
) -> list[tuple[int, int]]:
    """The first and the last five minutes in which each GPU told its energy, in these windows and the day before them."""
    at = gpu_readings.c
    begin_us, end_us = min(start for start, _ in windows) - DAY_US, max(end for _, end in windows)
    query = (
        sa.select(sa.func.min(at.start_us), sa.func.max(at.start_us))
        .where(at.workspace == workspace, at.target.in_(targets), at.energy_us > 0)
        .where(at.start_us >= begin_us, at.start_us < end_us)
        .group_by(at.gpu)
    )
    return [(first, last) for first, last in connection.execute(query)]


def rows_of(db: Database, workspace: str, models: Collection[str], windows: Sequence[Span]) -> dict[int, int]:
    """The rows of some models whose own windows begin in these, by the start of these."""
    at = profiles.c
    counted = (
        sa.select(at.rows, _window(at.window_start_us, 1, windows).label("window_us"))
        .where(at.workspace == workspace, at.model.in_(models), at.segment == "", _within(at.window_start_us, windows))
        .subquery()
    )
    c = counted.c
    query = sa.select(c.window_us, sa.func.sum(c.rows)).where(c.window_us.is_not(None)).group_by(c.window_us)
    with db.read() as connection:
        return {start_us: int(rows) for start_us, rows in connection.execute(query)}


def _window(start_us: sa.ColumnElement[int], length_us: int, windows: Sequence[Span]) -> sa.ColumnElement[int]:
    """The start of the window that something of that length lies in; null where none has it."""
    return sa.case(
        *((sa.and_(start_us >= start, start_us + length_us <= end), start) for start, end in windows), else_=None
    )


def _within(start_us: sa.ColumnElement[int], windows: Sequence[Span]) -> sa.ColumnElement[bool]:
    return start_us.between(min(start for start, _ in windows), max(end for _, end in windows) - 1)
