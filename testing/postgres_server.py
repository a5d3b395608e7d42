"""A real PostgreSQL cluster in a folder of its own, and new databases in it.

The cluster trades durability for speed (no fsync): a test may kill its clients, never the server.
"""

import os
import pwd
import signal
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from testing.missing import ServiceMissingError
from testing.process import is_root, run_once, running
from testing.waiting import free_port

BINARIES = Path("/usr/lib/postgresql")
EXTERNAL = "DRIFTGLASS_TEST_POSTGRES"
SCHEME = "postgresql+psycopg"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "50",
}


@contextmanager
def postgres_server_url() -> Iterator[str]:
    """Yield the SQLAlchemy URL of the server that DRIFTGLASS_TEST_POSTGRES names, or of a new one.

    The user of the URL may create databases.

    Raises:
        ServiceMissingError: no server is named, and none is installed.
    """
    if external := os.environ.get(EXTERNAL):
        yield urlsplit(external)._replace(scheme=SCHEME).geturl()
        return
    user = "postgres" if is_root() else None  # initdb and postgres refuse root
    # Not below pytest's own folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="driftglass-postgres-") as name:
        directory = Path(name)
        if user:
            account = pwd.getpwnam(user)
            os.chown(directory, account.pw_uid, account.pw_gid)
        binaries, port = initialised(directory, user), free_port()
        with a_process(binaries, directory, port, user, SETTINGS):
            yield server_url(port)


def server_url(port: int) -> str:
    """The SQLAlchemy URL of the maintenance database of a server on this port."""
    return f"{SCHEME}://driftglass@127.0.0.1:{port}/postgres"


def initialised(directory: Path, user: str | None) -> Path:
    """Make a cluster in the folder, as this user; returns the folder of the programs that made it.

    Raises:
        ServiceMissingError: PostgreSQL is not installed.
    """
    binaries = _binaries()
    _initialise(binaries, directory, user)
    return binaries


@contextmanager
def a_process(
    binaries: Path, directory: Path, port: int, user: str | None, settings: Mapping[str, str]
) -> Iterator[int]:
    """Run the cluster of a folder while the block lasts; yields the process id once it takes connections.

    At the end it gets SIGQUIT, PostgreSQL's immediate shutdown: there is no checkpoint, as after a crash.
    """
    with running(
        _command(binaries, port, settings),
        directory=directory,
        ready=lambda: _answers(server_url(port)),
        stop_signal=signal.SIGQUIT,
        user=user,
    ) as pid:
        yield pid


@contextmanager
def new_database(server_url: str, template_url: str = "") -> Iterator[str]:
    """Yield the SQLAlchemy URL of a new database of the server; at the end it is dropped, connections and all.

    Args:
        template_url: a database of the server that nobody is connected to, to copy; empty for an empty one.
    """
    name = f"driftglass_{uuid.uuid4().hex}"
    template = urlsplit(template_url).path.removeprefix("/") or "template1"
    creating = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with _maintenance(server_url) as connection:
        connection.execute(creating)
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with _maintenance(server_url) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _binaries() -> Path:
    """Return the folder of the newest server on this machine."""
    folders = [path.parent for path in BINARIES.glob("*/bin/initdb")]
    if not folders:
        raise ServiceMissingError(
            f"PostgreSQL is missing: run scripts/services/postgres.sh (needs apt-get), or name a server in {EXTERNAL}."
        )
    return max(folders, key=lambda folder: int(folder.parent.name))


def _initialise(binaries: Path, directory: Path, user: str | None) -> None:
    options = ["--username=driftglass", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    run_once([binaries / "initdb", "--pgdata=data", "--no-sync", *options], directory=directory, user=user)


def _command(binaries: Path, port: int, settings: Mapping[str, str]) -> list[str | Path]:
    words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return [binaries / "postgres", "-D", "data", "-p", str(port), *words]


def _answers(url: str) -> bool:
    try:
        with _maintenance(url):
            return True
    except psycopg.OperationalError:
        return False


def _maintenance(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """Connect outside of a transaction, as CREATE DATABASE asks."""
    return psycopg.connect(urlsplit(url)._replace(scheme="postgresql").geturl(), autocommit=True, connect_timeout=10)
