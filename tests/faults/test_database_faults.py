"""The database crashes, cuts its connections, and aborts transactions: the collectors stand by and go on, each record once."""

import random
from collections.abc import Callable, Iterator

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from testing.durable_postgres import DurablePostgres, durable_postgres
from testing.faults.scale import Scale
from testing.faults.world import World
from testing.missing import ServiceMissingError
from testing.postgres_server import new_database
from testing.waiting import wait_until

MEMBERS = 2


@pytest.fixture(scope="module")
def server() -> Iterator[DurablePostgres]:
    """A server of these scenarios alone, which keeps what it has acknowledged."""
    try:
        with durable_postgres() as started:
            yield started
    except ServiceMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres_url(server: DurablePostgres) -> Iterator[str]:
    """The world's database is on that server."""
    with new_database(server.url) as url:
        yield url


def _connect(world: World) -> psycopg.Connection[tuple[object, ...]]:
    url = sa.make_url(world.database_url).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def _count(connection: psycopg.Connection[tuple[object, ...]], query: sql.SQL) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(str(row[0]))


def _wait_for_a_write(world: World) -> None:
    """Return while a collector is inside of a transaction that has written."""
    writing = sql.SQL(
        "select count(*) from pg_stat_activity where datname = current_database() and backend_xid is not null"
    )
    with _connect(world) as connection:
        wait_until(lambda: _count(connection, writing), 120, what="a transaction of a collector that writes")


def _logs(world: World) -> str:
    return "".join(collector.log for collector in world.collectors.running)


def test_the_database_is_crashed_and_restarted_in_the_middle_of_commits(
    world: World, scale: Scale, server: DurablePostgres
) -> None:
    world.collectors.start(MEMBERS)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=3, long=30)):
            _wait_for_a_write(world)
            if number % 3 == 2:
                world.fault(server.restart)
            else:
                world.fault(server.crash)
                server.start()
            world.wait_for_commits()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())


def test_connections_to_the_database_are_ended_cut_refused_and_stalled(world: World, scale: Scale) -> None:
    chance = random.Random(world.seed)

    def end() -> None:
        ending = (
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        with _connect(world) as connection:
            connection.execute(sql.SQL(ending))

    def refuse() -> None:
        with world.database_proxy.refusing():
            load.wait_for(300)

    def stall() -> None:
        with world.database_proxy.stalled():
            load.wait_for(300)

    kinds: list[Callable[[], object]] = [end, world.database_proxy.cut, refuse, stall]
    world.collectors.start(MEMBERS)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=4, long=60)):
            load.wait_for(chance.randrange(60, 300))
            _wait_for_a_write(world)
            world.fault(kinds[number % len(kinds)])
            world.wait_for_commits()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())


def test_transactions_that_cannot_be_serialized_are_begun_again(world: World, scale: Scale) -> None:
    name = sql.Identifier(str(sa.make_url(world.database_url).database))
    with _connect(world) as connection:
        connection.execute(
            sql.SQL("alter database {} set default_transaction_isolation to 'serializable'").format(name)
        )
    waiting = sql.SQL(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )

    def conflict() -> None:
        """Change what a flush changes last, after it has looked at the database and before it comes to that."""
        with _connect(world) as connection, connection.transaction():
            connection.execute("set transaction isolation level read committed")
            connection.execute("set local deadlock_timeout = '1h'")  # so that it is always the other who gives up
            connection.execute("update windows set rows = rows")
            wait_until(lambda: _count(connection, waiting), 120, what="a collector that waits")

    world.collectors.start(MEMBERS)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=3, long=40)):
            world.fault(conflict)
            wait_until(
                lambda n=number: _logs(world).count("could not serialize access") > n,
                60,
                what="a serialization failure in the logs",
            )
            world.wait_for_commits()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())


def test_a_collector_that_loses_a_deadlock_begins_its_transaction_again(world: World, scale: Scale) -> None:
    waiting = sql.SQL(
        "select count(*) from pg_locks where not granted and pid <> pg_backend_pid() "
        "and database = (select oid from pg_database where datname = current_database())"
    )

    def deadlock() -> None:
        """Hold what a flush writes last, and once it waits for that, ask for what it has written first."""
        with _connect(world) as connection, connection.transaction():
            connection.execute("set local deadlock_timeout = '1h'")  # so that it is always the other who gives up
            connection.execute("lock table windows in access exclusive mode")
            wait_until(lambda: _count(connection, waiting), 120, what="a collector that waits")
            connection.execute("lock table offsets in access exclusive mode")

    world.collectors.start(MEMBERS)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=2, long=20)):
            world.fault(deadlock)
            wait_until(lambda n=number: _logs(world).count("deadlock detected") > n, 60, what="a deadlock in the logs")
            world.wait_for_commits()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())
