"""The demo's own driftglass.yaml: everything embedded, on free ports, with rules that suit a year of flights."""

import socket
from dataclasses import dataclass
from typing import Any

import yaml

from service.demo.flights import MODEL
from service.demo.paths import DemoPaths

_RULES: list[dict[str, Any]] = [
    {"name": "errors", "tier": "P0", "metrics": ["error_rate"], "resolve_after": 1},
    # The weather moves with the seasons, and a day's weather always differs from January's: judge it by the week.
    {"name": "drift", "tier": "P1", "metrics": ["psi"], "size": "1w", "for": 2},
    {"name": "performance", "tier": "P1", "metrics": ["accuracy", "roc_auc"], "size": "1mo"},
    # On a bad day in January 11% of the departures were cancelled; what alerts is a storm.
    {
        "name": "quality",
        "tier": "P2",
        "metrics": ["missing_share"],
        "size": "1d",
        "when": "value > 0.15",
        "resolve_after": 1,
    },
]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the demo's processes listen, on 127.0.0.1."""

    gateway: int
    api: int
    dashboard: int
    inference: int

    @property
    def gateway_url(self) -> str:
        """The ingestion gateway."""
        return f"http://127.0.0.1:{self.gateway}"

    @property
    def api_url(self) -> str:
        """The REST API."""
        return f"http://127.0.0.1:{self.api}"

    @property
    def dashboard_url(self) -> str:
        """The dashboard."""
        return f"http://127.0.0.1:{self.dashboard}"

    @property
    def inference_url(self) -> str:
        """The inference service."""
        return f"http://127.0.0.1:{self.inference}"


def choose_ports() -> Ports:
    """The usual ports where they are free, else others."""
    return Ports(*(_free(usual) for usual in (7461, 7462, 7463, 7464)))


def _free(usual: int) -> int:
    for port in (usual, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    raise OSError("no port is free on 127.0.0.1")


def declaration() -> dict[str, Any]:
    """The body of PUT /v1/models/flight-delay."""
    return {
        "task": "binary",
        "window": "1d",
        "rollups": ["1w", "1mo"],
        "lateness": "1h",
        "positive_class": "late",
        "min_rows": 500,
    }


def write_config(paths: DemoPaths, ports: Ports) -> None:
    """Write the configuration file."""
    settings = {
        "store": {"database": f"sqlite:///{paths.data}/driftglass.db", "records": str(paths.data / "records")},
        "log": {"kind": "local", "local": {"path": str(paths.data / "log.db")}},
        "gateway": {"port": ports.gateway},
        "api": {"port": ports.api},
        "dashboard": {"port": ports.dashboard},
        "detectors": {"interval_s": 1.0, "label_pause_s": 30.0},
        "alerting": {"rules": _RULES, "dashboard_url": ports.dashboard_url},
        "models": [{"model": MODEL, **declaration()}],
    }
    paths.config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
