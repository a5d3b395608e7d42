"""What the commands do, without the command line around it."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from api.declaration import apply as apply_declarations
from dashboard.run import command as dashboard_command
from kernel.clock import to_rfc3339
from kernel.errors import DriftglassError, UnavailableError
from service.loops import Stop, beside, ending_within, is_listened_on, listen, repeat
from service.settings import Settings
from service.wiring import Wiring
from store import dead_letters as letters
from store import migrate as migrations
from store import models, retiring
from store.database import Database
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.open import open_appender

if TYPE_CHECKING:
    from service.server import Server

_DRAIN_S = 15.0
_LOOK_S = 0.2


def migrate(settings: Settings) -> str:
    """Bring the database to the newest schema; returns the revision."""
    db = Database(settings.store.database)
    try:
        return migrations.migrate(db)
    finally:
        db.close()


def collect(wiring: Wiring, stop: Stop, *, gateway: bool, consume: bool) -> None:
    """Serve the gateway, read the log and the GPU exporters until asked to stop; then drain, for as long as the settings give."""
    with ending_within(stop, wiring.settings.collector.drain_s):
        _collect(wiring, stop, gateway=gateway, consume=consume)


def _collect(wiring: Wiring, stop: Stop, *, gateway: bool, consume: bool) -> None:
    server = _gateway_server(wiring) if gateway else None
    try:
        if consume:
            with beside(lambda: _read_gpus(wiring, stop), stop):
                wiring.collector().run(lambda: stop.is_set() or _died(server))
        else:
            while not (stop.wait(_LOOK_S) or _died(server)):
                pass
        if _died(server):
            raise UnavailableError("the gateway has ended: see the log above")
    finally:
        if server:
            server.stop(_DRAIN_S)


def _read_gpus(wiring: Wiring, stop: Stop) -> None:
    if wiring.settings.gpu.targets:
        repeat(wiring.gpu_scraper().step, wiring.settings.gpu.interval_s, stop)


def _gateway_server(wiring: Wiring) -> "Server":
    from service.server import Server

    serving = wiring.settings.gateway
    server = Server(wiring.gateway(), serving.host, serving.port, "gateway.port")
    server.start()
    return server


def _died(server: "Server | None") -> bool:
    return server is not None and not server.alive


def detect(wiring: Wiring, stop: Stop) -> None:
    """Measure until asked to stop; beside it, on a thread of its own, the upkeep of the record log."""
    with beside(lambda: _keep_up(wiring, stop), stop):
        repeat(wiring.evaluator().step, wiring.settings.detectors.interval_s, stop)


def _keep_up(wiring: Wiring, stop: Stop) -> None:
    if wiring.settings.upkeep.enabled:
        upkeep = wiring.record_upkeep()
        repeat(lambda: upkeep.step(stop.is_set), wiring.settings.upkeep.interval_s, stop)


def alert(wiring: Wiring, stop: Stop) -> None:
    """Alert until asked to stop."""
    repeat(wiring.alerting().step, wiring.settings.alerting.interval_s, stop)


def shadow(wiring: Wiring, stop: Stop) -> None:
    """Take shadow runs until asked to stop."""
    repeat(wiring.shadow().step, wiring.settings.shadow.interval_s, stop)


def api(wiring: Wiring, stop: Stop) -> None:
    """Serve the REST API until asked to stop."""
    from service.server import Server

    serving = wiring.settings.api
    server = Server(wiring.api(), serving.host, serving.port, "api.port")
    server.start()
    while not stop.wait(_LOOK_S):
        if not server.alive:
            raise UnavailableError("the API has ended: see the log above")
    server.stop(_DRAIN_S)


def dashboard(settings: Settings) -> None:
    """Become the dashboard's process."""
    argv = dashboard_command(settings.dashboard.port, settings.dashboard.host)
    os.execv(argv[0], argv)  # noqa: S606


def apply(wiring: Wiring) -> list[str]:
    """Declare the models of the settings; returns their names."""
    settings = wiring.settings
    return apply_declarations(wiring.db, settings.workspace, settings.models, wiring.clock.now_us())


def retire(wiring: Wiring, model: str, *, undo: bool) -> dict[str, Any]:
    """Take a model out of service, or back into it; since when it is out, None where it is not.

    Raises:
        NotFoundError: there is no such model.
    """
    workspace = wiring.settings.workspace
    change = retiring.unretire if undo else retiring.retire
    change(wiring.db, workspace, model, wiring.clock.now_us())
    since_us = models.one(wiring.db, workspace, model).retired_us
    return {"model": model, "retired": None if since_us is None else to_rfc3339(since_us)}


def dead_letters(wiring: Wiring, limit: int) -> dict[str, Any]:
    """How many dead letters there are, and the newest of them."""
    workspace = wiring.settings.workspace
    newest = letters.listing(wiring.db, workspace, limit)
    shown = [
        {
            "source": x.source,
            "offset": x.offset,
            "row": x.row,
            "field": x.field,
            "reason": x.reason,
            "received_us": x.received_us,
        }
        for x in newest
    ]
    return {"count": letters.count(wiring.db, workspace), "letters": shown}


def doctor(settings: Settings) -> list[dict[str, Any]]:
    """Whether the database, the record log and the log answer."""
    return [_examine(what, look) for what, look in _stores(settings).items()]


def require_stores(settings: Settings) -> None:
    """Whether the database, the record log and the log answer.

    Raises:
        DriftglassError: one does not.
    """
    for look in _stores(settings).values():
        look()


def _stores(settings: Settings) -> dict[str, Callable[[], str]]:
    """Looks at each store that the settings name: returns what is there, raises what is wrong."""

    def database() -> str:
        db = Database(settings.store.database)
        try:
            migrations.require_current(db)
        finally:
            db.close()
        return "up to date"

    def records() -> str:
        RecordLog(settings.store.records, settings.store.options).table(settings.workspace, RecordKind.PREDICTIONS)
        return settings.store.records

    def log() -> str:
        open_appender(settings.log).close()
        return settings.log.kind

    return {"database": database, "record log": records, "log": log}


def _examine(what: str, look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"what": what, "ok": True, "detail": look()}
    except DriftglassError as error:
        return {"what": what, "ok": False, "detail": str(error)}


def require_free_ports(settings: Settings, *, dashboard: bool) -> None:
    """Whether every part will find its port free.

    Raises:
        UnavailableError: some are taken; says of each what to set.
    """
    taken = []
    for name, (host, port) in _ports(settings, dashboard=dashboard).items():
        try:
            listen(host, port, f"{name}.port").close()
        except UnavailableError as error:
            taken.append(str(error))
    if taken:
        raise UnavailableError("; ".join(taken))


def all_listen(settings: Settings, *, dashboard: bool) -> bool:
    """Whether every part that has a port listens on it."""
    return all(is_listened_on(*where) for where in _ports(settings, dashboard=dashboard).values())


def _ports(settings: Settings, *, dashboard: bool) -> dict[str, tuple[str, int]]:
    gateway, api, page = settings.gateway, settings.api, settings.dashboard
    ports = {"gateway": (gateway.host, gateway.port), "api": (api.host, api.port)}
    return ports | {"dashboard": (page.host, page.port)} if dashboard else ports


def addresses(settings: Settings, *, dashboard: bool) -> list[str]:
    """Where the parts listen, for people."""
    taken = ", ".join(f"/v1/{kind}" for kind in RecordKind)
    lines = [
        f"gateway    http://{settings.gateway.host}:{settings.gateway.port}   POST {taken}",
        f"api        http://{settings.api.host}:{settings.api.port}/docs",
    ]
    if dashboard:
        lines.append(f"dashboard  http://{settings.dashboard.host}:{settings.dashboard.port}")
    return lines
