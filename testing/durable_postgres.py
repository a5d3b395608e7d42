"""A PostgreSQL server whose durability is on, and that can be crashed and come back on its port.

The server of testing.postgres_server trades durability away, so it may forget what it has acknowledged when it crashes.
"""

import os
import pwd
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from testing.postgres_server import SETTINGS, a_process, initialised, server_url
from testing.process import is_root
from testing.waiting import kept_port

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class DurablePostgres:
    """A running server. Call it from the main thread (see testing.process.running).

    Attributes:
        url: SQLAlchemy's, of the maintenance database.
        pid: of the postmaster.
    """

    def __init__(self, directory: Path, binaries: Path, user: str | None) -> None:
        self._directory = directory
        self._binaries = binaries
        self._user = user
        self._port = kept_port()
        self._process = ExitStack()
        self.url = server_url(self._port)
        self.pid = 0

    def start(self) -> None:
        """Start it, and return once it takes connections: it has recovered what it had acknowledged."""
        started = a_process(self._binaries, self._directory, self._port, self._user, {**SETTINGS, **DURABLE})
        self.pid = self._process.enter_context(started)

    def crash(self) -> None:
        """End it at once, without a checkpoint, whatever its clients are doing."""
        self._process.close()

    def restart(self) -> None:
        """End it as an administrator does: running transactions are aborted, the rest is written."""
        os.kill(self.pid, signal.SIGINT)
        self.crash()
        self.start()


@contextmanager
def durable_postgres() -> Iterator[DurablePostgres]:
    """Yield a new server that runs.

    Raises:
        ServiceMissingError: none is installed.
    """
    user = "postgres" if is_root() else None  # initdb and postgres refuse root
    # Not below pytest's own folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="driftglass-durable-") as name:
        directory = Path(name)
        if user:
            account = pwd.getpwnam(user)
            os.chown(directory, account.pw_uid, account.pw_gid)
        server = DurablePostgres(directory, initialised(directory, user), user)
        server.start()
        try:
            yield server
        finally:
            server.crash()
