"""The demo from beginning to end: a real model on real flights, watched by every part of Driftglass."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pyarrow as pa
from rich.console import Console
from rich.progress import Progress, TaskID

from driftglass_client import Client, ClientSettings
from kernel.clock import SystemClock
from kernel.errors import UnavailableError
from kernel.settings import CONFIG_VARIABLE, load
from service import commands
from service.demo.bar import progress_bar
from service.demo.config import Ports, choose_ports, declaration, write_config
from service.demo.flights import MODEL, Flights, load_flights
from service.demo.model import OnnxModel
from service.demo.paths import DemoPaths
from service.demo.reference import reference_table
from service.demo.replay import Progress as ReplayProgress
from service.demo.replay import ReplaySettings, replay
from service.demo.summary import Summary, read_summary
from service.demo.training import train_models
from service.loops import Stop
from service.settings import Settings
from service.up import PARTS, Supervisor

_PATIENCE_S = 120.0
_LOOK_S = 0.25
_CLIENT_RETRY_S = 600.0  # a part that is begun again must not cost a record
_MARK = ".driftglass-demo"

JANUARY = (datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC))
REPLAYED = (datetime(2013, 2, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC))
SHADOWED = (
    datetime(2013, 4, 1, tzinfo=UTC),
    datetime(2014, 1, 1, tzinfo=UTC),
)  # the candidate has seen what came before


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How the demo runs.

    Attributes:
        until: replay only the flights before this moment; None for the whole year.
        on_replay: called when the replay begins.
    """

    data: Path
    dashboard: bool = True
    until: datetime | None = None
    on_replay: Callable[[], None] = lambda: None


@contextmanager
def running_demo(options: DemoOptions, console: Console) -> Iterator[Summary]:
    """Run the demo; inside the block everything is still up, so that people can look.

    Raises:
        UnavailableError: a part did not come up; its log says why.
    """
    started = time.monotonic()
    paths = DemoPaths(options.data.resolve())
    _make_room(paths)
    ports = _configure(options, paths)
    with ExitStack() as closing:
        bar = closing.enter_context(progress_bar(console))
        task = bar.add_task("training on January", total=None, reached="")
        flights = load_flights()
        train_models(flights, paths)
        bar.update(task, description="starting the parts")
        commands.migrate(load(Settings))
        _start_parts(closing, options, paths)
        http = closing.enter_context(httpx.Client(base_url=ports.api_url, timeout=_PATIENCE_S))
        _await("the gateway", lambda: _answers(f"{ports.gateway_url}/readyz"), paths.logs / "collect.log")
        _await("the API", lambda: _answers(f"{ports.api_url}/readyz"), paths.logs / "api.log")
        _declare(http, flights, paths)
        _start_inference(closing, paths, ports)
        options.on_replay()
        done = _replay(flights, options, ports, bar, task)
        _end_stream(ports)
        _await_measured(http, bar, task, paths.logs / "detect.log")
        bar.update(task, description="trying the candidate")
        run = _shadow_run(http, paths)
        bar.stop()
        yield read_summary(
            http, ports, predictions=done.predictions, labels=done.labels, run=run, seconds=time.monotonic() - started
        )


def _configure(options: DemoOptions, paths: DemoPaths) -> Ports:
    """Write the configuration, with the ports that variables name before free ones: variables outrank it."""
    ports = choose_ports()
    write_config(paths, ports)
    os.environ[CONFIG_VARIABLE] = str(paths.config)
    settings = load(Settings)
    commands.require_free_ports(settings, dashboard=options.dashboard)
    named = Ports(settings.gateway.port, settings.api.port, settings.dashboard.port, ports.inference)
    write_config(paths, named)
    return named


def _make_room(paths: DemoPaths) -> None:
    """Empty the folder of an earlier demo; never another's."""
    mark = paths.data / _MARK
    if paths.data.exists() and any(paths.data.iterdir()) and not mark.exists():
        raise UnavailableError(f"{paths.data} holds something that is not the demo's: name an empty folder with --data")
    if paths.data.exists():
        shutil.rmtree(paths.data)
    for folder in (paths.data, paths.models, paths.logs):
        folder.mkdir(parents=True, exist_ok=True)
    mark.touch()


def _start_parts(closing: ExitStack, options: DemoOptions, paths: DemoPaths) -> None:
    parts = [part for part in PARTS if options.dashboard or part != "dashboard"]
    supervisor = Supervisor(parts, {CONFIG_VARIABLE: str(paths.config)}, paths.logs)
    closing.callback(supervisor.stop)
    supervisor.start()
    stop = Stop()
    watching = threading.Thread(target=supervisor.watch, args=(stop,), daemon=True)
    watching.start()
    closing.callback(watching.join)
    closing.callback(stop.set)


def _start_inference(closing: ExitStack, paths: DemoPaths, ports: Ports) -> None:
    command = [sys.executable, "-m", "service.demo.inference", "--model", str(paths.champion)]
    command += ["--port", str(ports.inference), "--gateway", ports.gateway_url]
    environment = {**os.environ, "DRIFTGLASS_CLIENT_RETRY_S": str(_CLIENT_RETRY_S)}
    with (paths.logs / "inference.log").open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and command
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    closing.callback(child.wait)
    closing.callback(child.terminate)
    _await("the inference service", lambda: _answers(f"{ports.inference_url}/healthz"), paths.logs / "inference.log")


def _declare(http: httpx.Client, flights: Flights, paths: DemoPaths) -> None:
    """Declare the model, and January as its reference."""
    http.put(f"/v1/models/{MODEL}", json=declaration()).raise_for_status()
    table = reference_table(flights.between(*JANUARY), OnnxModel(paths.champion))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    answer = http.put(
        f"/v1/models/{MODEL}/reference",
        content=sink.getvalue().to_pybytes(),
        headers={"content-type": "application/vnd.apache.arrow.stream"},
    )
    if answer.is_error:
        raise UnavailableError(f"the reference was refused: {answer.text}")


def _replay(flights: Flights, options: DemoOptions, ports: Ports, bar: Progress, task: TaskID) -> ReplayProgress:
    start, end = REPLAYED[0], min(REPLAYED[1], options.until or REPLAYED[1])
    chosen = flights.between(start, end)
    total = (end - start).total_seconds()

    def show(done: ReplayProgress) -> None:
        if done.reached is not None:
            passed = min(total, (done.reached - start).total_seconds())
            bar.update(task, completed=passed, reached=f"{done.reached:%d %b}  {done.predictions:>7,} predictions")

    bar.update(task, description="replaying the flights", total=total, completed=0.0)
    monitor = Client(MODEL, "1", url=ports.gateway_url, settings=ClientSettings(retry_s=_CLIENT_RETRY_S))
    try:
        return replay(chosen, monitor, SystemClock(), ReplaySettings(ports.inference_url), show)
    finally:
        monitor.close()


def _end_stream(ports: Ports) -> None:
    now = datetime.now(UTC).isoformat()
    event = {"model": MODEL, "kind": "end-of-stream", "ts": now, "title": "The year is over"}
    httpx.post(f"{ports.gateway_url}/v1/events", json=event, timeout=_PATIENCE_S).raise_for_status()


def _await_measured(http: httpx.Client, bar: Progress, task: TaskID, log: Path) -> None:
    """Wait until every window stands as measured, as long as some more do."""
    before, deadline = -1, time.monotonic() + _PATIENCE_S
    while True:
        windows = http.get(f"/v1/models/{MODEL}/windows").raise_for_status().json()
        measured = sum(window["state"] == "measured" for window in windows)
        bar.update(
            task,
            description="measuring what is left",
            total=len(windows),
            completed=measured,
            reached=f"{measured} windows",
        )
        if windows and measured == len(windows):
            return
        if measured > before:
            before, deadline = measured, time.monotonic() + _PATIENCE_S
        if time.monotonic() > deadline:
            raise UnavailableError(f"the detectors measured nothing more within {_PATIENCE_S:.0f} s: see {log}")
        time.sleep(_LOOK_S)


def _shadow_run(http: httpx.Client, paths: DemoPaths) -> str:
    body = {
        "model": MODEL,
        "version": "1",
        "candidate": "2",
        "path": str(paths.candidate),
        "from": SHADOWED[0].isoformat(),
        "to": SHADOWED[1].isoformat(),
    }
    run = str(http.post("/v1/shadow-runs", json=body).raise_for_status().json()["run"])
    _await(
        "the shadow run",
        lambda: http.get(f"/v1/shadow-runs/{run}").json()["state"] in ("done", "failed"),
        paths.logs / "shadow.log",
    )
    return run


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=_PATIENCE_S).is_success
    except httpx.TransportError:
        return False


def _await(what: str, ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not ready():
        if time.monotonic() > deadline:
            raise UnavailableError(f"{what} did not finish within {_PATIENCE_S:.0f} s: see {log}")
        time.sleep(_LOOK_S)
