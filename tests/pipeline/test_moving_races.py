"""References that move while records of theirs are committed, on PostgreSQL: whatever comes first, no window misses any of them."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from api.reference_building import Place, of_earlier, put
from collector.sink import Sink
from kernel.clock import DAY_US
from kernel.moving import Moving
from kernel.profile import WindowProfile
from kernel.windows import WindowSize
from store import models, references
from store import windows as stored
from store.commit import Flush, WindowKey, commit
from store.database import Database, alone
from store.models import Model
from store.tables import events, windows
from stream.codecs.batch import Event
from stream.message import Partition
from testing.measured_days import PREDICTIONS, ROWS, START_US, Traffic, a_day
from testing.waiting import wait_until

_WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@pytest.fixture
def shared(workspace, migrated_postgres_url, tmp_path) -> Iterator[Any]:
    place = replace(workspace, folder=tmp_path / "shared", database=migrated_postgres_url)
    models.declare(place.db, "default", Model("m"), 0)
    yield place
    place.db.close()


class EventfulSink(Sink):
    """Writes an event at the end of every transaction, which is where `at_its_end` stops it."""

    def _commit(self, flush: Flush) -> None:
        event = Event(Partition("e", 0), 0, 0, "m", "deploy", START_US, "3", "", {})
        super()._commit(replace(flush, events=[*flush.events, event]))


@pytest.fixture
def traffic(shared, messages) -> Traffic:
    return Traffic(shared.sink(EventfulSink), shared.clock, messages)


def late() -> list[dict[str, Any]]:
    """Records of the first day that come after those of `a_day`."""
    return [row | {"id": f"late-{row['id']}"} for row in a_day(0)]


def move(shared) -> None:
    place = Place(shared.db, "default", shared.clock, 50)
    put(place, "m", of_earlier(place, "m", Moving("rolling", "1d")))


def reference_rows(shared) -> list[float]:
    """How many rows the second day was held against."""
    of_day = {"metric": "psi", "column": "x", "window_start_us": START_US + DAY_US}
    return [m.reference_rows for m in shared.measured(**of_day)]


def until_waiting(db: Database, how_many: int, last: Future[Any]) -> None:
    """Until so many transactions wait for a lock; or until the last of them is done, which did not have to."""

    def waiting() -> bool:
        with db.read() as connection:  # anew each time: a transaction sees the activity as it was at first
            return last.done() or connection.scalar(sa.text(_WAITING)) == how_many

    wait_until(waiting, what=f"{how_many} transactions wait")


@contextmanager
def at_its_end(db: Database) -> Iterator[None]:
    """No commit of an `EventfulSink` comes further than to its last statement."""
    with db.write() as door:
        alone(door, events)
        yield


def test_a_reference_that_begins_to_move_waits_for_the_records_that_are_committed(shared, traffic) -> None:
    traffic.send(PREDICTIONS, [*a_day(1), *a_day(2)])
    traffic.end()
    shared.evaluator().step()
    with ThreadPoolExecutor(2) as pool:
        with at_its_end(shared.db):
            flushed = pool.submit(traffic.send, PREDICTIONS, late())
            until_waiting(shared.db, 1, flushed)
            moved = pool.submit(move, shared)
            until_waiting(shared.db, 2, moved)
            shared.evaluator().step()  # a moment in which the one would be known and the other not
        flushed.result(30)
        moved.result(30)
    shared.evaluator().step()
    assert reference_rows(shared) == [ROWS]


def test_no_window_is_leased_while_records_of_its_reference_are_committed(shared, traffic) -> None:
    traffic.send(PREDICTIONS, [*a_day(0), *a_day(1), *a_day(2)])
    traffic.end()
    move(shared)
    with ThreadPoolExecutor(2) as pool:
        with at_its_end(shared.db):
            flushed = pool.submit(traffic.send, PREDICTIONS, late())
            until_waiting(shared.db, 1, flushed)
            measured = pool.submit(shared.evaluator().step)
            until_waiting(shared.db, 2, measured)
        flushed.result(30)
        measured.result(30)
    shared.evaluator().step()
    assert reference_rows(shared) == [2 * ROWS]


def test_two_flushes_that_touch_each_others_later_windows_do_not_deadlock(shared) -> None:
    references.put(shared.db, "default", "m", WindowProfile(), {}, {}, 0, moving=Moving("rolling", "1d"))
    days = [START_US + day * DAY_US for day in range(4)]
    rows = [stored.window_row("default", "m", WindowSize("1d"), day_us) | {"measured_us": 0} for day_us in days]
    with shared.db.write() as connection:
        connection.execute(sa.insert(windows), rows)

    def flush(partition: int, *touched: int) -> None:
        data = {WindowKey("m", "1d", days[day]): 1 for day in touched}
        commit(shared.db, "default", Flush({Partition("t", partition): (None, 1)}, data=data), 0)

    with ThreadPoolExecutor(2) as pool:
        with shared.db.write() as door:
            door.execute(sa.select(windows.c.start_us).where(windows.c.start_us == days[2]).with_for_update())
            first = pool.submit(flush, 0, 1)  # has the second day, and is to touch the third and the fourth
            until_waiting(shared.db, 1, first)
            second = pool.submit(flush, 1, 0, 3)  # has the fourth, or waits to be the next
            until_waiting(shared.db, 2, second)
        first.result(30)
        second.result(30)
    found = stored.listing(shared.db, "default", "m")
    assert [window.data_revision for window in found] == [1, 2, 2, 3]
