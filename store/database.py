"""The database: one way to read, one way to write, on SQLite and PostgreSQL alike.

A write is one transaction that takes its locks at once; on SQLite that is BEGIN IMMEDIATE, so that two writers queue instead of
failing at commit. Foreign errors become ours here and nowhere else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from kernel.errors import RefusedError, SettingsError, UnavailableError
from kernel.settings_problem import without_secrets

_Item = TypeVar("_Item")

_BACKENDS = ("sqlite", "postgresql")
_BUSY_TIMEOUT_S = 30
_REFUSALS = (
    "22",
    "23",
    "54",
)  # classes of SQLSTATE: a wrong value, a broken constraint, a limit such as an index row's size
_FREE_CONNECTION_TIMEOUT_S = 30.0

Transaction = sa.Connection
"""What is read and written together, or not at all."""


class Database:
    """A pool of connections to one database.

    Args:
        patience_s: how long to wait for a connection while all are in use.

    Raises:
        SettingsError: when the URL is none.
    """

    def __init__(self, url: str, patience_s: float = _FREE_CONNECTION_TIMEOUT_S) -> None:
        try:
            self.url = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise SettingsError(
                f"store.database: {without_secrets(repr(url))} is no database URL, such as sqlite:///driftglass.db"
            ) from error
        if self.url.get_backend_name() not in _BACKENDS:
            shown = without_secrets(repr(url))
            raise SettingsError(f"store.database: {shown} is neither sqlite:///FILE nor postgresql+psycopg://HOST/NAME")
        if self.url.get_backend_name() == "sqlite":
            self._engine = _sqlite_engine(self.url, patience_s)
        else:
            self._engine = sa.create_engine(self.url, pool_pre_ping=True, pool_timeout=patience_s)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view; nothing is written.

        Raises:
            UnavailableError: when the database cannot be reached.
            RefusedError: when it cannot look for such a value.
        """
        with _translated(self.url), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            UnavailableError: when the database cannot be reached.
            RefusedError: when it takes a row never, for what it holds.
        """
        with (
            _translated(self.url),
            self._engine.connect() as connection,
            connection.execution_options(writes=True).begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _sqlite_engine(url: sa.URL, patience_s: float) -> sa.Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    # In memory there is one connection a thread, and nothing to wait for.
    waiting = {"pool_timeout": patience_s} if url.database and url.database != ":memory:" else {}
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S}, **waiting)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    return engine


@contextmanager
def _translated(url: sa.URL) -> Iterator[None]:
    try:
        yield
    except (sa.exc.DataError, sa.exc.IntegrityError) as error:
        raise RefusedError(f"the database refuses what it was given: {_first_line(error)}") from error
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError) as error:
        if str(getattr(error.orig, "sqlstate", None)).startswith(_REFUSALS):
            raise RefusedError(f"the database refuses what it was given: {_first_line(error)}") from error
        where = url.render_as_string(hide_password=True)
        raise UnavailableError(f"the database {where} does not answer: {_first_line(error)}") from error
    except sa.exc.TimeoutError as error:  # of the pool
        where = url.render_as_string(hide_password=True)
        raise UnavailableError(f"all connections to the database {where} are in use; try again") from error
    except sa.exc.ProgrammingError as error:
        raise UnavailableError(
            f"the database is not up to date ({_first_line(error)}): run `driftglass migrate`"
        ) from error


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def in_parts(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """So many of them at a time: databases limit the values of a statement.

    >>> list(in_parts("abcde", 2))
    ['ab', 'cd', 'e']
    """
    return (items[first : first + size] for first in range(0, len(items), size))


def upsert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], update: Sequence[str] = ()
) -> int:
    """Insert rows; where the key exists, replace the columns named, or with none named leave the row as it is.

    Returns:
        How many rows were inserted or replaced.
    """
    if not rows:
        return 0
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    key = [c.name for c in table.primary_key.columns]
    statement = dialect.insert(table)
    if update:
        statement = statement.on_conflict_do_update(index_elements=key, set_={n: statement.excluded[n] for n in update})
    else:
        statement = statement.on_conflict_do_nothing()
    # Without the option PostgreSQL forgets how many rows an INSERT touched, and answers -1.
    return connection.execute(statement, list(rows), execution_options={"preserve_rowcount": True}).rowcount


def alone(connection: sa.Connection, table: sa.Table) -> None:
    """Wait for whoever writes to a table, and let nobody else until this transaction ends; on SQLite every write is alone."""
    if connection.dialect.name == "postgresql":
        quoted = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"LOCK TABLE {quoted} IN SHARE ROW EXCLUSIVE MODE")


class database_now_us(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """Now by the database's clock, in microseconds: what leases are judged by."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(database_now_us, "postgresql")
def _now_postgresql(_element: object, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"


@compiles(database_now_us, "sqlite")
def _now_sqlite(_element: object, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000"
