"""ASGI middleware: the latency and the errors of an inference service's calls."""

from __future__ import annotations

from collections.abc import Awaitable, MutableMapping, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from driftglass_client.client import Client

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class DriftglassMiddleware:
    """Logs one record for each HTTP call to given paths: latency, and an error for status 500 and above or an exception.

    The record has no features or prediction; its tags are `path` (the one given here, not the caller's) and `status`.
    The latency ends when the last byte of the answer is handed over.

    Args:
        app: the application behind it.
        client: where calls are logged.
        paths: a path covers itself and what is below it; "/" covers all.
        errors_only: log failed calls only; for a service that logs each prediction that worked itself.
    """

    def __init__(
        self, app: ASGIApp, client: Client, *, paths: Sequence[str] = ("/",), errors_only: bool = False
    ) -> None:
        self._app = app
        self._client = client
        self._paths = sorted(paths, key=len, reverse=True)
        self._errors_only = errors_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; what it sends and raises stays the same."""
        path = self._path(scope)
        if path is None:
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def noting_status(event: Event) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            await send(event)

        start_ns = perf_counter_ns()
        try:
            await self._app(scope, receive, noting_status)
        except BaseException as error:
            self._log(path, status or 500, perf_counter_ns() - start_ns, f"{type(error).__name__}: {error}")
            raise
        failed = status is None or status >= 500
        self._log(path, status, perf_counter_ns() - start_ns, f"HTTP {status}" if failed else None)

    def _path(self, scope: Scope) -> str | None:
        if scope["type"] != "http":
            return None
        asked: str = scope["path"]
        return next((path for path in self._paths if asked == path or asked.startswith(path.rstrip("/") + "/")), None)

    def _log(self, path: str, status: int | None, took_ns: int, error: str | None) -> None:
        if error is not None or not self._errors_only:
            self._client.log_prediction(
                None, latency_ms=took_ns / 1e6, error=error, tags={"path": path, "status": str(status)}
            )
