"""The gateway and the collector over one folder, counted like the rest without Driftglass's readers."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import sqlalchemy as sa
from deltalake import DeltaTable

from store.database import Database
from store.migrate import migrate
from testing.process import running
from testing.waiting import free_port


class Service:
    """The embedded default in a folder: SQLite, the local log, Delta tables.

    Args:
        more: further settings, as variables without their prefix.
    """

    def __init__(self, folder: Path, more: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "STORE__DATABASE": f"sqlite:///{folder}/state.db",
            "STORE__RECORDS": str(folder / "records"),
            "LOG__LOCAL__PATH": str(folder / "log.db"),
            "GATEWAY__PORT": str(self.port),
            **more,
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGLASS_")}
        self._environment = clean | {f"DRIFTGLASS_{name}": value for name, value in settings.items()}
        db = Database(settings["STORE__DATABASE"])
        migrate(db)
        db.close()

    def up(self) -> AbstractContextManager[int]:
        """Gateway and collector in one process, as long as the block lasts; its id, once it answers."""
        return self._running("both", self._ready)

    def gateway(self) -> AbstractContextManager[int]:
        """The gateway alone."""
        return self._running("gateway", self._ready, "--no-consume")

    def collector(self) -> AbstractContextManager[int]:
        """The collector alone."""
        return self._running("collector", lambda: True, "--no-gateway")

    @contextmanager
    def _running(self, name: str, ready: Callable[[], bool], *options: str) -> Iterator[int]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "service.cli", "collect", *options]
        with running(
            command, directory=folder, ready=ready, stop_signal=signal.SIGKILL, environment=self._environment
        ) as pid:
            yield pid

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def caught_up(self) -> bool:
        """Whether everything in the log is committed."""
        ends = self._rows("log", "select topic, next_offset from partitions where next_offset > 0")
        return bool(ends) and self._rows("state", "select topic, next_offset from offsets") == ends

    def stored(self) -> Counter[str]:
        """How often each id lies in the record log."""
        files = [
            uri.removeprefix("file://") for uri in DeltaTable(self.folder / "records/default/predictions").file_uris()
        ]
        return Counter(dict(duckdb.execute("select id, count(*) from read_parquet(?) group by id", [files]).fetchall()))

    def counted(self) -> int:
        """Rows as the windows count them."""
        ((rows,),) = self._rows("state", "select sum(rows) from windows where size = '1d'")
        return int(rows)

    def _rows(self, name: str, query: str) -> set[tuple[Any, ...]]:
        engine = sa.create_engine(f"sqlite:///{self.folder}/{name}.db")
        with engine.connect() as connection:
            found = {tuple(row) for row in connection.execute(sa.text(query))}
        engine.dispose()
        return found
