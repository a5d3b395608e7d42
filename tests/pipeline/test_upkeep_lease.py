"""One worker at a time, on SQLite and on PostgreSQL; one that falls silent is replaced."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from kernel.errors import UnavailableError
from store import leases
from store.database import Database
from store.migrate import migrate
from store.tables import leases as rows
from stream.message import Partition

PREDICTIONS = Partition("driftglass.predictions", 0)
Open = Callable[[], Database]


@pytest.fixture(params=["sqlite", "postgres"])
def open_database(request, tmp_path) -> Iterator[Open]:
    """Opens the same database as often as is wanted, as processes do."""
    url = f"sqlite:///{tmp_path}/leases.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened: list[Database] = []

    def open_one() -> Database:
        opened.append(Database(url))
        return opened[-1]

    migrate(open_one())
    yield open_one
    for db in opened:
        db.close()


def let_run_out(db: Database) -> None:
    with db.write() as connection:
        connection.execute(sa.update(rows).values(until_us=1))


def test_a_lease_is_one_workers_until_it_is_given_back(open_database) -> None:
    one, other = open_database(), open_database()
    token = leases.take(one, "upkeep/default", "one", 60)
    assert token is not None
    assert leases.take(other, "upkeep/default", "other", 60) is None
    assert leases.take(other, "upkeep/fraud", "other", 60) is not None
    leases.give_back(one, "upkeep/default", token)
    assert leases.take(other, "upkeep/default", "other", 60) is not None


def test_a_lease_that_ran_out_is_taken_over_and_cannot_be_kept_or_given_back(open_database) -> None:
    one, other = open_database(), open_database()
    lost = leases.take(one, "upkeep/default", "one", 60)
    assert lost is not None
    assert leases.keep(one, "upkeep/default", lost, 60)
    let_run_out(one)
    assert not leases.keep(one, "upkeep/default", lost, 60)
    held = leases.take(other, "upkeep/default", "other", 60)
    assert held is not None
    leases.give_back(one, "upkeep/default", lost)
    assert leases.keep(other, "upkeep/default", held, 60)


def test_a_worker_does_nothing_while_another_holds_the_lease(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for n in range(4):
        sink.take({PREDICTIONS: messages([prediction(n)], first=n)})
        sink.flush()
    held = leases.take(workspace.db, "upkeep/default", "another", 60)
    assert workspace.upkeep().step().merged == 0
    leases.give_back(workspace.db, "upkeep/default", held)
    assert workspace.upkeep().step().merged == 4


def test_a_worker_that_is_told_to_stop_ends_before_the_next_merge(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for n in range(4):
        sink.take({PREDICTIONS: messages([prediction(n)], first=n)})
        sink.flush()
    assert workspace.upkeep().step(stopping=lambda: True).merged == 0
    assert workspace.upkeep().step().merged == 4  # the lease was given back


def test_a_store_that_is_away_is_an_error_of_ours_and_the_work_is_done_when_it_is_back(
    workspace, messages, prediction
) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for n in range(4):
        sink.take({PREDICTIONS: messages([prediction(n)], first=n)})
        sink.flush()
    folder = workspace.folder / "records/default/predictions/day=2013-03-01"
    away = folder.rename(folder.with_name("away"))
    with pytest.raises(UnavailableError, match="cannot be compacted"):
        workspace.upkeep().step()
    away.rename(folder)
    assert workspace.upkeep().step().merged == 4
