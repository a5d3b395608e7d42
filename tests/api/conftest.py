"""The API on loopback: uvicorn, a migrated SQLite database, a Delta folder."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_api
from api.settings import ApiSettings
from detectors.delta import DELTA
from kernel.clock import ManualClock
from store.database import Database
from store.records import RecordLog
from testing.migrated import open_migrated

NOW_US = 1_700_000_000_000_000


@dataclass
class Served:
    """A running API and what stands behind it."""

    http: httpx.Client
    db: Database
    records: str
    clock: ManualClock

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query)

    def refused(self, status: int, answer: httpx.Response) -> str:
        """The sentence of a refusal."""
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert set(body) == {"error"}
        return str(body["error"])


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts an API with these settings; all that were started are stopped at the end."""
    stops: list[Callable[[], None]] = []

    def start(*, migrated: bool = True, delta: float = DELTA, **settings: Any) -> Served:
        url = f"sqlite:///{tmp_path / f'{len(stops)}.db'}"
        db = open_migrated(url) if migrated else Database(url)
        clock = ManualClock(NOW_US)
        records = str(tmp_path / f"records{len(stops)}")
        app = create_api(db, RecordLog(records), ApiSettings(**settings), clock, delta=delta)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180)

        def stop() -> None:
            http.close()
            server.should_exit = True
            thread.join()
            db.close()

        stops.append(stop)
        return Served(http, db, records, clock)

    yield start
    for stop in stops:
        stop()


@pytest.fixture
def api(serve: Callable[..., Served]) -> Served:
    """An API with the defaults."""
    return serve()
