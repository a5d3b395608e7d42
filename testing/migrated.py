"""Databases at the newest schema, as copies of one that was migrated: a migration takes fifty times as long."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from store.database import Database
from store.migrate import migrate
from testing.postgres_server import new_database


def open_migrated(url: str) -> Database:
    """The database of this URL; one that is no new SQLite file is migrated itself."""
    db = Database(url)
    file = Path(db.url.database or "")
    if db.is_sqlite and not file.exists():
        file.write_bytes(_migrated_file())
    else:
        migrate(db)
    return db


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "migrated.db"
        _migrate(f"sqlite:///{file}")
        return file.read_bytes()


@contextmanager
def migrated_template(server_url: str) -> Iterator[str]:
    """Yield the URL of a migrated PostgreSQL database to copy; at the end it is dropped."""
    with new_database(server_url) as url:
        _migrate(url)
        yield url


def _migrate(url: str) -> None:
    db = Database(url)
    migrate(db)
    db.close()
