"""A gateway on loopback: uvicorn, the local log, a migrated SQLite database."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from collector.gateway import create_gateway
from collector.gateway_settings import GatewaySettings
from kernel.clock import ManualClock
from kernel.settings import LocalLogSettings
from store.database import Database
from stream.codecs.batch import Decoded
from stream.codecs.decode import decode
from stream.codecs.topics import kind_of
from stream.local_appender import LocalAppender
from stream.local_source import LocalSource
from stream.message import Message, Partition
from testing.migrated import open_migrated

NOW_US = 1_700_000_000_000_000


@dataclass
class Listener:
    assigned: list[Partition] = field(default_factory=list)

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        self.assigned.extend(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        del partitions


@dataclass
class Gateway:
    """A running gateway and what stands behind it."""

    http: httpx.Client
    url: str
    db: Database
    log: LocalLogSettings
    appender: LocalAppender

    def post(self, path: str, **how: Any) -> httpx.Response:
        return self.http.post(path, **how)

    def messages(self, topic: str) -> list[Message]:
        source = LocalSource(self.log, [topic], Listener())
        try:
            return [message for messages in source.poll(0.0).values() for message in messages]
        finally:
            source.close()

    def decoded(self, topic: str) -> Decoded:
        return decode(self.messages(topic), kind_of(topic))


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts a gateway with these settings; all that were started are stopped at the end."""
    stops: list[Callable[[], None]] = []

    def start(*, partitions: int = 1, log_bytes: int = 64 << 20, migrated: bool = True, **settings: Any) -> Gateway:
        url = f"sqlite:///{tmp_path / f'{len(stops)}.db'}"
        db = open_migrated(url) if migrated else Database(url)
        log = LocalLogSettings(path=tmp_path / f"log{len(stops)}.db", partitions=partitions, max_bytes=log_bytes)
        appender = LocalAppender(log, ManualClock(NOW_US))
        app = create_gateway(appender, db, GatewaySettings(**settings), ManualClock(NOW_US))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

        def stop() -> None:
            http.close()
            server.should_exit = True
            thread.join()
            appender.close()
            db.close()

        stops.append(stop)
        return Gateway(http, f"http://127.0.0.1:{port}", db, log, appender)

    yield start
    for stop in stops:
        stop()
