"""A backfill behind live records is judged once it has come, and then as if every record had come in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from alerting.pipeline import Alerting
from alerting.settings import AlertingSettings
from kernel.clock import DAY_US, HOUR_US, SECOND_US, ManualClock, to_rfc3339
from kernel.windows import WindowSize
from store import late, models, windows
from store.models import Model, Objectives
from store.tables import decisions, measurements, service_counts
from testing.measured_days import PREDICTIONS, START_US, Traffic, a_day

DAYS, ROWS, PAUSE_S = 36, 24, 60.0
MODEL = Model(
    "m",
    window=WindowSize("1d"),
    rollups=(WindowSize("1w"),),
    min_rows=20,
    objectives=Objectives(availability=0.8),
)


class World:
    """One workspace, its traffic, a detector and the alerting; nobody but the test moves its clock."""

    def __init__(self, place: Any, messages: Callable[..., Any], **settings: Any) -> None:
        self.place = place
        models.declare(place.db, "default", MODEL, 0)
        self.traffic = Traffic(place.sink(), place.clock, messages)
        self.worker = place.evaluator(**{"late_pause_s": PAUSE_S} | settings)
        self._alerting = Alerting(place.db, AlertingSettings(), {}, place.clock, "default")
        self.fired = 0

    def look(self, seconds: float = 2.0) -> int:
        """What the detector and the alerting do some seconds later; returns how many windows were measured."""
        self.place.clock.advance(round(seconds * SECOND_US))
        done = self.worker.step().measured
        self.fired += self._alerting.step().fired
        return done

    def send(self, records: Sequence[dict], seconds: float = 2.0) -> int:
        """Send and look; returns how many windows were measured."""
        self.traffic.send(PREDICTIONS, records)
        return self.look(seconds)

    def all_of(self, *flushes: Sequence[dict]) -> None:
        """Send all of them, and look then."""
        for records in flushes:
            self.traffic.send(PREDICTIONS, records)
        self.rest()

    def rest(self) -> None:
        """Look once nothing has come late for long."""
        self.look(PAUSE_S)
        while self.look():
            pass

    def days(self) -> dict[int, int]:
        """The rows of each day that has a window, by the days since the first."""
        found = windows.listing(self.place.db, "default", "m", "1d")
        return {(window.start_us - START_US) // DAY_US: window.rows for window in found}

    def measured(self, day: int) -> float | None:
        """The rows of a day as they were measured."""
        of_day = {"metric": "traffic", "size": "1d", "window_start_us": START_US + day * DAY_US}
        return next((row.value for row in self.place.measured(**of_day)), None)

    def levels(self) -> list[tuple]:
        """The service levels."""
        return sorted((r.window_start_us, r.metric, r.column, r.value, r.status) for r in self.place.decided(size="5m"))

    def says(self, *tables: sa.Table) -> list[tuple]:
        """All that was measured and decided, and of which windows; of service levels the last week."""
        since_us = START_US + (DAYS - 6) * DAY_US
        found: list[tuple] = [
            (w.size, w.start_us, w.rows, w.state) for w in windows.listing(self.place.db, "default", "m")
        ]
        for table in tables or (measurements, decisions):
            kept = [c for c in table.c if c.name not in ("data_revision", "label_revision", "decided_us")]
            wanted = sa.or_(table.c.size != "5m", table.c.window_start_us >= since_us)
            with self.place.db.read() as connection:
                found += [(table.name, *row) for row in connection.execute(sa.select(*kept).where(wanted))]
        return sorted((tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in found), key=repr)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else request.getfixturevalue("migrated_postgres_url")


@pytest.fixture
def world(workspace, messages, tmp_path, database) -> Iterator[World]:
    clock = ManualClock(START_US + DAYS * DAY_US + 15 * HOUR_US)
    place = replace(workspace, folder=tmp_path / "late", clock=clock, database=database)
    yield World(place, messages)
    place.db.close()


@pytest.fixture
def in_order(workspace, messages, tmp_path) -> Iterator[World]:
    place = replace(workspace, folder=tmp_path / "order", clock=ManualClock(START_US + DAYS * DAY_US + 15 * HOUR_US))
    yield World(place, messages)
    place.db.close()


def history(*left_out: int) -> list[dict]:
    """Weeks of records in order, some of which failed; without some days."""
    days = [day for day in range(DAYS) if day not in left_out]
    made = [row for day in days for row in a_day(day, rows=ROWS)]
    return [row | ({"error": "timeout"} if i % 9 == 0 else {}) for i, row in enumerate(made)]


def live() -> dict:
    """One record of now."""
    return a_day(DAYS)[0] | {"id": "live", "ts": to_rfc3339(START_US + DAYS * DAY_US + 14 * HOUR_US)}


def at(day: int, name: str) -> dict:
    """One more record of a day."""
    return a_day(day)[0] | {"id": name, "ts": to_rfc3339(START_US + day * DAY_US + HOUR_US)}


def parts(records: Sequence[dict], rows: int) -> list[Sequence[dict]]:
    return [records[first : first + rows] for first in range(0, len(records), rows)]


@pytest.mark.parametrize("together", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_history_behind_one_live_record_is_no_outage(world, in_order, together) -> None:
    """The live record is a flush of its own, or the first of a flush that begins the history."""
    first, *others = parts(history(), 130)  # three days and a quarter
    for some in [[live(), *first], *others] if together else [[live()], first, *others]:
        assert world.send(some) == 0
    assert not world.levels()
    world.rest()
    assert world.fired == 0
    in_order.all_of(first, *others, [live()])
    assert in_order.fired == 0
    assert [day for day, rows in world.days().items() if rows == ROWS] == list(range(DAYS))
    judged = [[row for row in of.says() if len(row) == 4 or {"traffic", "5m"} & set(row)] for of in (world, in_order)]
    assert judged[0] == judged[1]  # of the rest: the first flush lays the grids
    assert late.came(world.place.db, "default") == {}


@pytest.mark.parametrize(
    ("seed", "rests"),
    [
        (0, False),
        (3, True),
        pytest.param(1, False, marks=pytest.mark.long),
        pytest.param(2, True, marks=pytest.mark.long),
    ],
)
def test_any_order_of_chunks_then_rest_says_what_their_order_says(world, in_order, seed, rests) -> None:
    """Where it rests in between, what has come is judged; what was judged keeps the looks it has had, and is measured again."""
    rng = np.random.default_rng(seed)
    records = history(*range(20), 23, 24, 25, 29, *([33, 34] if seed % 2 else []))
    before = [row | {"ts": to_rfc3339(START_US + 10 * DAY_US + i)} for i, row in enumerate(a_day(99, rows=600))]
    cuts = [0, *sorted(rng.choice(len(records), 7, replace=False).tolist()), len(records)]
    chunks = [records[first:end] for first, end in pairwise(cuts)]
    in_order.all_of(before, *chunks, [live()])
    world.send(before)  # the reference, and what grids are laid by
    world.send([live()])
    for i in rng.permutation(len(chunks)):
        world.send(chunks[i], float(rng.choice([0.0, 2.0, 50.0])))
        if rests and rng.random() < 0.5:
            world.rest()
    world.rest()
    tables = (measurements,) if rests else (measurements, decisions)
    assert world.says(*tables) == in_order.says(*tables)
    days = world.days()
    assert {day: days.get(day) for day in range(22, 27)} == {22: ROWS, 23: 0, 24: 0, 25: 0, 26: ROWS}
    assert late.came(world.place.db, "default") == {}
    with world.place.db.read() as connection:
        assert connection.scalar(sa.select(sa.func.max(service_counts.c.late_us))) is None


def test_a_gap_that_may_fill_yet_is_none(world) -> None:
    for some in ([live()], [at(3, "a")], history(*range(1, 6), *range(9, DAYS))):
        world.send(some)
    assert set(world.days()) == {0, 3, 6, 7, 8, DAYS}
    world.rest()
    assert {day for day, rows in world.days().items() if not rows} == {1, 2, 4, 5, *range(9, 16)}


def test_a_gap_between_windows_that_came_in_time_is_measured_whatever_comes_late(world) -> None:
    world.send([at(3, "a"), at(5, "b")])
    world.send([at(0, "late")])
    world.send([at(9, "c")])
    assert {day for day, rows in world.days().items() if not rows} == {4, 6, 7, 8}
    assert world.measured(4) == 0
    assert world.measured(0) is None


def test_a_window_waits_until_its_model_has_rested_and_no_longer_than_ten_pauses(world) -> None:
    world.send([at(1, "first"), live()])
    world.look()
    world.send([at(1, "late")], PAUSE_S - 1)
    assert world.measured(1) == 1
    world.send([at(2, "other")], PAUSE_S - 1)  # of the same model
    assert world.measured(1) == 1
    world.look(1)
    assert (world.measured(1), world.measured(2)) == (2, 1)
    begun_us, sent = world.place.clock.now_us(), 0
    while world.measured(1) == 2 and sent < 30:
        world.send([at(1, f"trickle-{sent}")], PAUSE_S / 2)
        sent += 1
    assert world.place.clock.now_us() - begun_us == 10 * PAUSE_S * SECOND_US
    assert world.measured(1) == 2 + sent


def test_records_that_come_while_a_window_has_not_had_its_look_do_not_hold_it_up(world) -> None:
    world.traffic.send(PREDICTIONS, history(*range(2, DAYS))[:-1])
    world.traffic.send(PREDICTIONS, [live()])
    world.traffic.send(PREDICTIONS, [at(1, "behind")])
    world.look()
    assert (world.measured(0), world.measured(1)) == (ROWS, ROWS)


def test_a_model_that_falls_silent_is_called_in_time_while_a_trickle_comes_late(workspace, messages, tmp_path) -> None:
    place = replace(workspace, folder=tmp_path / "silent", clock=ManualClock(START_US))
    world = World(place, messages, late_pause_s=2 * DAY_US / SECOND_US)
    for day in range(DAYS):
        world.traffic.pass_day(day, a_day(day, rows=ROWS) + ([at(day - 9, f"late-{day}")] if day > 30 else []))
        world.look()
        place.clock.advance(HOUR_US)  # the lateness
        world.traffic.sink.note_read(world.traffic.offsets)
        world.look()
    assert world.fired == 0
    world.traffic.pass_day(DAYS, [at(20, "late"), at(DAYS - 1, "later")])
    place.clock.advance(HOUR_US)
    world.traffic.sink.note_read(world.traffic.offsets)
    world.look()
    assert place.decided(metric="traffic", size="1d")[-1].status == "degraded"
    assert world.measured(DAYS) == 0
    assert world.measured(20) == ROWS
    assert world.fired == 1
    place.db.close()


def test_service_levels_of_a_late_hour_wait_and_are_then_measured_with_all_that_hang_on_it(world, in_order) -> None:
    first, second, third = parts(history(*range(2, DAYS)), 16)
    in_order.all_of(first, second, third)
    world.send(first)
    world.send(third)
    before = world.levels()
    world.send(second, PAUSE_S - 1)
    assert world.levels() == before != in_order.levels()
    world.look(1)
    assert world.levels() == in_order.levels()


def test_a_clock_that_was_ahead_once_holds_no_window_longer_than_ten_pauses(world) -> None:
    world.send([at(1, "first"), live()])
    world.place.clock.advance(DAY_US)
    world.traffic.send(PREDICTIONS, [at(1, "late")])
    world.place.clock.advance(-DAY_US)
    world.look(10 * PAUSE_S)
    assert world.measured(1) == 2
