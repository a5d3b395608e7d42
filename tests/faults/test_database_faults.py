"""The database crashes, cuts its connections, and aborts transactions: the collectors stand by and go on, each record once."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from testing.durable_postgres import DurablePostgres, durable_postgres
from testing.faults.load import Load
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


def _wait_for_a_transaction(world: World, that: sql.SQL, what: str) -> None:
    """Return while there is a transaction of which this holds; asked for on a connection of its own, so that new ones are seen."""
    query = sql.SQL("select pid from pg_stat_activity where datname = current_database() and {}").format(that)
    with _connect(world) as connection:
        wait_until(lambda: connection.execute(query).fetchone(), 120, what)


def _wait_for_a_write(world: World) -> None:
    """Return while a collector is inside of a transaction that has written."""
    _wait_for_a_transaction(world, sql.SQL("backend_xid is not null"), "a transaction of a collector that writes")


def _wait_for_one_that_waits(world: World) -> None:
    """Return while a collector waits for what somebody else has locked."""
    _wait_for_a_transaction(world, sql.SQL("wait_event_type = 'Lock'"), "a collector that waits")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the faults happen."""

    world: World
    server: DurablePostgres
    load: Load
    chance: random.Random


Fault = Callable[[Scene], None]


def _wait_between_writes(scene: Scene) -> None:
    """Return at some moment within a later write than the last."""
    scene.load.wait_for(scene.chance.randrange(60, 300))
    _wait_for_a_write(scene.world)


def _end_connections(world: World) -> None:
    ending = (
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    with _connect(world) as connection:
        connection.execute(sql.SQL(ending))


def _make_serializable(world: World) -> None:
    """Unless they are already: the transactions of all connections that are made from now on, which all are."""
    isolation = "default_transaction_isolation"
    with _connect(world) as connection:
        row = connection.execute("select current_setting(%s)", [isolation]).fetchone()
        if row == ("serializable",):
            return
        name = sql.Identifier(str(sa.make_url(world.database_url).database))
        connection.execute(sql.SQL("alter database {} set {} = serializable").format(name, sql.Identifier(isolation)))
    _end_connections(world)


@contextmanager
def _one_more_in_the_logs(world: World, message: str) -> Iterator[None]:
    """Return from the block once a collector has said this once more."""

    def said() -> int:
        return "".join(collector.log for collector in world.collectors.running).count(message)

    before = said()
    yield
    wait_until(lambda: said() > before, 60, what=f"one more {message!r} in the logs")


def crash_in_a_commit(scene: Scene) -> None:
    _wait_for_a_write(scene.world)
    scene.world.fault(scene.server.crash)
    scene.server.start()


def restart_in_a_commit(scene: Scene) -> None:
    _wait_for_a_write(scene.world)
    scene.world.fault(scene.server.restart)


def end_connections(scene: Scene) -> None:
    _wait_between_writes(scene)
    scene.world.fault(lambda: _end_connections(scene.world))


def cut_connections(scene: Scene) -> None:
    _wait_between_writes(scene)
    scene.world.fault(scene.world.database_proxy.cut)


def refuse_connections(scene: Scene) -> None:
    _wait_between_writes(scene)
    with scene.world.during(scene.world.database_proxy.refusing()):
        scene.load.wait_for(300)


def stall_connections(scene: Scene) -> None:
    _wait_between_writes(scene)
    with scene.world.during(scene.world.database_proxy.stalled()):
        scene.load.wait_for(300)


def deadlock(scene: Scene) -> None:
    """Hold what a flush writes last, and once it waits for that, ask for what it has written first."""
    told = _one_more_in_the_logs(scene.world, "deadlock detected")
    with scene.world.during(told), _connect(scene.world) as connection, connection.transaction():
        connection.execute("set local deadlock_timeout = '1h'")  # so that it is always the other who gives up
        connection.execute("lock table windows in access exclusive mode")
        _wait_for_one_that_waits(scene.world)
        connection.execute("lock table offsets in access exclusive mode")


def conflict(scene: Scene) -> None:
    """Change what a flush changes last, after it has looked at the database and before it comes to that."""
    _make_serializable(scene.world)
    told = _one_more_in_the_logs(scene.world, "could not serialize access")
    with scene.world.during(told), _connect(scene.world) as connection, connection.transaction():
        connection.execute("set transaction isolation level read committed")
        connection.execute("set local deadlock_timeout = '1h'")  # so that it is always the other who gives up
        connection.execute("update windows set rows = rows")
        _wait_for_one_that_waits(scene.world)


CRASHES = (crash_in_a_commit, crash_in_a_commit, restart_in_a_commit)
CONNECTIONS = (end_connections, cut_connections, refuse_connections, stall_connections)

# What the long form does to a world each, the short one does to a single one. The last leaves it serializable.
SCENARIOS: dict[str, tuple[Sequence[Fault], int]] = Scale()(
    short={"everything": ((crash_in_a_commit, restart_in_a_commit, *CONNECTIONS, deadlock, conflict), 1)},
    long={
        "crashes": (CRASHES, 10),
        "connections": (CONNECTIONS, 15),
        "conflicts": ((conflict,), 40),
        "deadlocks": ((deadlock,), 20),
    },
)


@pytest.mark.parametrize(("faults", "times"), SCENARIOS.values(), ids=SCENARIOS)
def test_the_database_fails_in_the_midst_of_commits(
    world: World, server: DurablePostgres, faults: Sequence[Fault], times: int
) -> None:
    world.collectors.start(MEMBERS)
    with world.load() as load:
        scene = Scene(world, server, load, random.Random(world.seed))
        world.wait_for_commits()
        for inject in [*faults] * times:
            inject(scene)
            world.wait_for_commits()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())
