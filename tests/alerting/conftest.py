"""A laboratory for alerting: a migrated database, a clock, decisions written as the detectors write them, a loopback server."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from alerting.message import Message
from alerting.pipeline import Alerting
from alerting.settings import AlertingSettings
from kernel.clock import DAY_US, SECOND_US, ManualClock
from kernel.settings import SettingsTree, load
from store.alert_rows import Alert
from store.alerts import alert_page
from store.database import Database, upsert
from store.decision_feed import Decision
from store.tables import decisions as decisions_table
from testing.migrated import open_migrated

WORKSPACE = "acme"
START_US = 1_362_096_000_000_000  # 2013-03-01
STATUSES = {"d": "drift", "o": "ok", "i": "insufficient", "p": "provisional", "g": "degraded"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = open_migrated(f"sqlite:///{tmp_path / 'alerting.db'}")
    else:
        database = Database(request.getfixturevalue("migrated_postgres_url"))
    yield database
    database.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_US + 400 * DAY_US)


class Recorder:
    """A notifier that keeps what it was sent; raises what it is told to, once each, first."""

    def __init__(self, errors: Sequence[Exception] = ()) -> None:
        self.sent: list[Message] = []
        self.errors = list(errors)
        self.tries = 0

    def send(self, message: Message) -> None:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(message)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(message.happening, message.tier) for message in self.sent]


@dataclass
class Lab:
    """Everything about one database."""

    db: Database
    clock: ManualClock
    notifier: Recorder = field(default_factory=Recorder)

    def decide(
        self, windows: str, column: str = "dep_delay", first: int = 0, decided_us: int | None = None, **more: Any
    ) -> None:
        """One decision a letter: d(rift), o(k), i(nsufficient), p(rovisional), de(g)raded; a dot is a window left out."""
        at_us = self.clock.now_us() if decided_us is None else decided_us
        rows = [
            asdict(decision(first + n, STATUSES[letter], column, at_us, **more)) | {"workspace": WORKSPACE}
            for n, letter in enumerate(windows)
            if letter != "."
        ]
        update = ["abnormal", "status", "value", "expected", "p_value", "alpha", "decided_us"]
        with self.db.write() as tx:
            upsert(tx, decisions_table, rows, update=update)

    def alerting(self, settings: dict[str, Any] | None = None, **notifiers: Recorder) -> Alerting:
        told = notifiers or {"console": self.notifier}
        values = {"notifiers": {name: {"kind": "console"} for name in told}} | (settings or {})
        return Alerting(
            self.db, AlertingSettings.model_validate(values), told, self.clock, WORKSPACE, jitter=lambda: 1.0
        )

    def later(self, seconds: float = 1.0) -> None:
        self.clock.advance(round(seconds * SECOND_US))

    def alerts(self, **wanted: Any) -> list[Alert]:
        return alert_page(self.db, WORKSPACE, **wanted)[0]

    def states(self) -> list[tuple[str, str]]:
        return sorted((alert.column, alert.state) for alert in self.alerts())


def decision(window: int, status: str, column: str, decided_us: int, **more: Any) -> Decision:
    values: dict[str, Any] = {
        "model": "flight-delay",
        "version": "3",
        "segment": "",
        "size": "1d",
        "window_start_us": START_US + window * DAY_US,
        "window_end_us": START_US + (window + 1) * DAY_US,
        "metric": "psi",
        "column": column,
        "abnormal": status in ("drift", "degraded"),
        "status": status,
        "value": 0.4 if status == "drift" else 0.01,
        "expected": 0.02,
        "p_value": 0.5,
        "alpha": 0.001,
        "lower": None,
        "upper": None,
        "decided_us": decided_us,
    }
    return Decision(**values | more)


@pytest.fixture
def lab(db: Database, clock: ManualClock) -> Lab:
    return Lab(db, clock)


@pytest.fixture(scope="session")
def make_lab() -> Callable[[Database], Lab]:
    """A laboratory over a database of one's own, its clock at the same moment each time."""
    return lambda db: Lab(db, ManualClock(START_US + 400 * DAY_US))


@pytest.fixture
def make_decision() -> Callable[..., Decision]:
    return decision


@pytest.fixture
def make_recorder() -> type[Recorder]:
    return Recorder


@dataclass
class Answer:
    """What the server says next."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "ok"


class Webhook:
    """A real HTTP server on the loopback that keeps what is posted; answers 200, or first what is queued in `answers`."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/hook"
        self.answers: list[Answer] = []
        self.posted: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []

    def answer(self, status: int, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(Answer(status, named, "said so"))


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posted.append(json.loads(body))
            hook.paths.append(self.path)
            hook.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = hook.answers.pop(0) if hook.answers else Answer(200)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook = Webhook(server)
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield hook
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def load_alerting(tmp_path: Path) -> Callable[[str], AlertingSettings]:
    """The `alerting:` section of a driftglass.yaml with this text."""

    class Tree(SettingsTree):
        alerting: AlertingSettings = AlertingSettings()

    def read(text: str) -> AlertingSettings:
        file = tmp_path / "driftglass.yaml"
        file.write_text(text)
        return load(Tree, file).alerting

    return read
