"""The file of the local log: SQLite, in WAL mode, every commit synced to the disk.

A message's key is its place: the partition's number in the file in the upper bits, its offset in the lower 44. So a partition is
one range of keys, and reading it in order is one walk down the table. Offsets come from `partitions.next_offset`, in the
transaction that writes them; what has been trimmed is never given again.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from kernel.errors import FullError, SettingsError, UnavailableError
from kernel.settings import LocalLogSettings
from stream.message import Partition

OFFSET_BITS = 44
LAST_OFFSET = (1 << OFFSET_BITS) - 1
PAGE_BYTES = 32_768  # of a new file; trimming large messages costs by the page
FORMAT = 1
_APPLICATION_ID = 0x64726C67  # "drlg", in the file's header
_BUSY_TIMEOUT_MS = 5_000  # how long another process may hold the file in one commit
_WAL_BYTES = 64 << 20
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # as Kafka has it
RETRY_AFTER_S = 5  # readers trim what they have stored, every few seconds

_FREE_PAGES = "SELECT freelist_count, page_size FROM pragma_freelist_count, pragma_page_size"
_SCHEMA = """
CREATE TABLE log (partitions_per_topic INTEGER NOT NULL);
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    first_offset INTEGER NOT NULL DEFAULT 0,
    next_offset INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, number)
);
CREATE TABLE messages (
    place INTEGER PRIMARY KEY,
    timestamp_us INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    headers BLOB,
    value BLOB NOT NULL
);
"""


def check_topic(topic: str) -> None:
    """Refuse what Kafka would not take as a topic's name.

    Raises:
        SettingsError: when it is none.
    """
    if not _TOPIC.fullmatch(topic):
        raise SettingsError(f"{topic!r} is no topic: use at most 249 letters, digits, '.', '_' and '-'")


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a partition lies in the file, and which offsets it holds: [first_offset, next_offset)."""

    id: int
    first_offset: int
    next_offset: int

    def place(self, offset: int) -> int:
        """The key of the message at this offset."""
        return self.id << OFFSET_BITS | offset


class LocalFile:
    """One connection to the file; the file is made when it is not there. For one thread at a time.

    Raises:
        SettingsError: the file is none of ours, or was made with another number of partitions.
        UnavailableError: it cannot be opened.
    """

    def __init__(self, settings: LocalLogSettings) -> None:
        self.path = settings.path
        self._partitions = settings.partitions
        with self._translated():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.sql = sqlite3.connect(
                self.path, timeout=_BUSY_TIMEOUT_MS / 1_000, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare(settings.max_bytes)
        except BaseException:
            self.sql.close()
            raise

    def _prepare(self, max_bytes: int) -> None:
        with self._translated():
            self.sql.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            self._is_made()  # before anything of a file that is not ours is changed
            self.sql.execute("PRAGMA journal_mode = WAL")
            self.sql.execute("PRAGMA synchronous = FULL")
            self.sql.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            (page_bytes,) = self.sql.execute("PRAGMA page_size").fetchone()
            # A write over the limit then fails exactly as one on a full disk does.
            self.sql.execute(f"PRAGMA max_page_count = {max_bytes // page_bytes}")
        with self.write():
            if not self._is_made():
                self._make()
        (made_with,) = self.sql.execute("SELECT partitions_per_topic FROM log").fetchone()
        if made_with != self._partitions:
            raise SettingsError(
                f"log.local.partitions is {self._partitions}, but {self.path} was made with {made_with}: "
                f"set it back to {made_with}, or name a new file in log.local.path"
            )

    def _is_made(self) -> bool:
        """Whether the file holds a log; False when it is empty.

        Raises:
            SettingsError: it holds something else.
        """
        query = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM "
        row = self.sql.execute(query + "pragma_application_id, pragma_user_version").fetchone()
        application, version, tables = row
        if tables and application != _APPLICATION_ID:
            raise SettingsError(f"{self.path} is no local log: name another file in log.local.path")
        if tables and version != FORMAT:
            raise SettingsError(f"{self.path} has format {version}, this version reads {FORMAT}: name a new file")
        return bool(tables)

    def _make(self) -> None:
        for statement in _SCHEMA.split(";"):
            self.sql.execute(statement)
        self.sql.execute("INSERT INTO log VALUES (?)", (self._partitions,))
        self.sql.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        self.sql.execute(f"PRAGMA user_version = {FORMAT}")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, holding the file's write lock from its start.

        Raises:
            FullError: the disk or the size limit is full; nothing was written.
            UnavailableError: the file cannot be written.
        """
        with self._translated():
            self.sql.execute("BEGIN IMMEDIATE")
            try:
                yield self.sql
                self.sql.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # after some errors SQLite has rolled back already
                    self.sql.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that only read.

        Raises:
            UnavailableError: the file cannot be read.
        """
        with self._translated():
            yield self.sql

    def add_topic(self, topic: str) -> int:
        """Give the topic its partitions where it has none yet, and say how many it has."""
        check_topic(topic)
        with self.read() as sql:
            known = sql.execute("SELECT 1 FROM partitions WHERE topic = ?", (topic,)).fetchone()
        if not known:
            with self.write() as sql:
                rows = [(topic, number) for number in range(self._partitions)]
                sql.executemany("INSERT OR IGNORE INTO partitions (topic, number) VALUES (?, ?)", rows)
        return self._partitions

    def extent(self, partition: Partition) -> Extent:
        """Where the partition lies, as of the running transaction."""
        key = (partition.topic, partition.number)
        with self.read() as sql:
            query = "SELECT id, first_offset, next_offset FROM partitions WHERE topic = ? AND number = ?"
            row = sql.execute(query, key).fetchone()
        if row is None:
            raise UnavailableError(f"the local log {self.path} has no partition {partition}")
        return Extent(*row)

    def version(self) -> int:
        """A number that changes when another connection, of any process, commits."""
        with self.read() as sql:
            return int(sql.execute("PRAGMA data_version").fetchone()[0])

    def free_bytes(self) -> int:
        """Room inside the file that trimming has left."""
        with self.read() as sql:
            pages, page_bytes = sql.execute(_FREE_PAGES).fetchone()
        return int(pages * page_bytes)

    def close(self) -> None:
        """Close the connection."""
        self.sql.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            _raise_ours(self.path, error)


def _raise_ours(path: Path, error: sqlite3.Error | OSError) -> NoReturn:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        raise FullError(
            f"the local log {path} is full: log.local.max_bytes or the disk is reached; the collector frees what it has read",
            RETRY_AFTER_S,
        ) from error
    if code == sqlite3.SQLITE_NOTADB:
        raise SettingsError(f"{path} is no local log: name another file in log.local.path") from error
    if code == sqlite3.SQLITE_BUSY:
        raise UnavailableError(f"the local log {path} is held by another process; try again") from error
    raise UnavailableError(f"the local log {path} cannot be used: {error}; check the path and its rights") from error
