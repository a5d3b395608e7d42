"""The dashboard over made-up rows, in a process of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dashboard.run import command
from store.database import Database
from store.migrate import migrate
from testing.dashboard_database import fill, made_rows
from testing.dashboard_records import write_records
from testing.dashboard_rows import Rows
from testing.waiting import free_port, is_listening, wait_until


@pytest.fixture(scope="session")
def rows() -> Rows:
    """The made-up rows, for every database alike."""
    return made_rows()


@pytest.fixture(scope="session")
def seeded_sqlite(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a seeded SQLite database; read only, or copy it."""
    path = tmp_path_factory.mktemp("dashboard") / "driftglass.db"
    fill(f"sqlite:///{path}", rows)
    return path


@pytest.fixture
def db(seeded_sqlite: Path) -> Iterator[Database]:
    """The seeded SQLite database, to read from."""
    database = Database(f"sqlite:///{seeded_sqlite}")
    yield database
    database.close()


@pytest.fixture
def seeded_postgres(rows: Rows, postgres_url: str) -> Iterator[Database]:
    """The same rows in PostgreSQL."""
    fill(postgres_url, rows)
    database = Database(postgres_url)
    yield database
    database.close()


@contextmanager
def served(url: str, log: Path) -> Iterator[str]:
    """The dashboard in a process of its own over a database; yields its address."""
    port = free_port()
    stores = {"DRIFTGLASS_STORE__DATABASE": url, "DRIFTGLASS_STORE__RECORDS": str(log.parent / "records")}
    environment = {**os.environ, **stores}
    environment.pop("DRIFTGLASS_CONFIG", None)
    with log.open("w") as output:
        process = subprocess.Popen(command(port), env=environment, cwd=log.parent, stdout=output, stderr=output)
        try:
            wait_until(lambda: is_listening(port), timeout_s=120, what=f"the dashboard listens, see {log}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def dashboard(seeded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard over a copy of the seeded database, which a test may write to."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(seeded_sqlite, folder / "driftglass.db")
    url = f"sqlite:///{folder / 'driftglass.db'}"
    database = Database(url)
    write_records(str(folder / "records"), database)
    database.close()
    with served(url, folder / "streamlit.log") as address:
        yield address


@pytest.fixture(scope="session")
def empty_dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard over a database in which nothing is yet."""
    folder = tmp_path_factory.mktemp("empty")
    url = f"sqlite:///{folder / 'driftglass.db'}"
    database = Database(url)
    migrate(database)
    database.close()
    with served(url, folder / "streamlit.log") as address:
        yield address
