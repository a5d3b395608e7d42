"""The API's own numbers, in Prometheus' text format (version 0.0.4)."""

import threading
from collections import Counter
from collections.abc import Mapping
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NO_ROUTE = "other"  # one name for whatever strangers ask for
_UNSENT = {"pending": "Messages to a notifier that wait.", "failed": "Messages to a notifier that were given up."}


class ApiMetrics:
    """Requests by route and status, and the seconds they took. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: Counter[tuple[str, str]] = Counter()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        with self._lock:
            self._requests[method, route, status] += 1
            self._seconds[method, route] += seconds  # type: ignore[assignment]

    def text(self) -> str:
        """All metrics."""
        with self._lock:
            counts = {
                f'method="{method}",route="{route}",status="{status}"': str(n)
                for (method, route, status), n in self._requests.items()
            }
            seconds = {f'method="{method}",route="{route}"': f"{s:.6f}" for (method, route), s in self._seconds.items()}
        lines = [
            *_family("driftglass_api_requests_total", "counter", "Requests answered.", counts),
            *_family("driftglass_api_seconds_total", "counter", "Seconds spent on answers.", seconds),
        ]
        return "\n".join(lines) + "\n"


class Counted:
    """ASGI middleware that counts every answer by the route it came from."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", _NO_ROUTE)
            self._metrics.request(scope["method"], route, status, perf_counter() - began)


def unsent_text(unsent: Mapping[tuple[str, str, str], int]) -> str:
    """The messages that were not sent, by workspace, notifier and state."""
    lines = []
    for state, description in _UNSENT.items():
        counts = {
            f'workspace="{_escaped(workspace)}",notifier="{_escaped(notifier)}"': str(n)
            for (workspace, notifier, one), n in unsent.items()
            if one == state
        }
        lines += _family(f"driftglass_notifications_{state}", "gauge", description, counts)
    return "\n".join(lines) + "\n"


def _escaped(label: str) -> str:
    """A label's value: a notifier may be named as one likes.

    >>> _escaped('a"b')
    'a\\\\"b'
    """
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _family(name: str, kind: str, description: str, values: dict[str, str]) -> list[str]:
    samples = [f"{name}{{{labels}}} {value}" for labels, value in sorted(values.items())]
    return [f"# HELP {name} {description}", f"# TYPE {name} {kind}", *samples]
