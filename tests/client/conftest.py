"""A gateway on the loopback that does what a test tells it, and remembers what it was sent."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa
import pytest

from driftglass_client import Client, ClientSettings, wire


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    port: int

    def rows(self) -> list[dict[str, Any]]:
        if self.headers[wire.HEADER_CONTENT_TYPE] == wire.CONTENT_ARROW:
            return pa.ipc.open_stream(self.body).read_all().to_pylist()
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass(frozen=True)
class Answer:
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"accepted": 1, "rejected": 0, "errors": []}'


class Gateway:
    """Answers 202, or what `answers` holds next, or what `judge` says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: deque[Answer] = deque()
        self.judge: Callable[[Request], Answer] = lambda _: self.answers.popleft() if self.answers else Answer()
        self.port = 0
        self.up()

    def answer(self, status: int, headers: dict[str, str] | None = None) -> Answer:
        return Answer(status, headers or {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                request = Request(
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                    self.client_address[1],
                )
                gateway.requests.append(request)
                answer = gateway.judge(request)
                self.send_response(answer.status)
                for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def down(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def rows(self, path: str = "/v1/predictions") -> list[dict[str, Any]]:
        return [row for request in self.requests if request.path == path for row in request.rows()]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    running = Gateway()
    yield running
    running.down()


@pytest.fixture
def client_of(gateway: Gateway) -> Iterator[Callable[..., Client]]:
    """Makes clients of the gateway that lose no time; they are closed at the end."""
    made: list[Client] = []

    def make(model: str = "flight-delay", **settings: Any) -> Client:
        quick = {"linger_ms": 5.0, "retry_first_s": 0.01, "retry_max_s": 0.05, "retry_s": 5.0, "timeout_s": 5.0}
        client = Client(model, "3", url=gateway.url, settings=ClientSettings(**{**quick, **settings}))
        made.append(client)
        return client

    yield make
    for client in made:
        client.close(0)
