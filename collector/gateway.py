"""The HTTP gateway: ingestion only, with the same decoding as the collector and no path of its own to storage."""

from collections.abc import Awaitable, Callable

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from collector.gateway_body import Held, TooLargeError, read_body
from collector.gateway_ingest import Ingest, Posted
from collector.gateway_keys import workspace_of
from collector.gateway_metrics import GatewayMetrics
from collector.gateway_settings import GatewaySettings
from driftglass_client.wire import CONTENT_JSON, HEADER_MODEL, HTTP_IDEMPOTENCY_KEY
from kernel.clock import Clock
from kernel.errors import (
    ContractError,
    DriftglassError,
    ForbiddenError,
    FullError,
    UnauthorizedError,
    UnavailableError,
)
from kernel.keys import Keys
from store.database import Database
from store.migrate import require_current
from stream.codecs.topics import RecordKind
from stream.message import Appender

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_RETRY_UNAVAILABLE_S = 2
_STATUS: dict[type[DriftglassError], int] = {
    ContractError: 400,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    TooLargeError: 413,
    FullError: 429,
    UnavailableError: 503,
}


def create_gateway(
    appender: Appender,
    db: Database,
    settings: GatewaySettings,
    clock: Clock,
    further_metrics: Callable[[], str] = str,
) -> FastAPI:
    """The application. It owns neither the appender nor the database: who made them closes them.

    Args:
        further_metrics: what the process tells Prometheus beside the gateway's own numbers, in the text format.
    """
    metrics = GatewayMetrics()
    held = Held(settings.max_held_bytes)
    ingest = Ingest(appender, db, settings, clock, metrics)
    keys = Keys(settings.keys)
    app = FastAPI(title="Driftglass gateway", openapi_url=None)

    def post(kind: RecordKind) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            try:
                response = await _take(request, kind, keys, held, settings.max_body_bytes, ingest)
            except DriftglassError as error:
                response = _refusal(error)
            metrics.request(f"/v1/{kind}", response.status_code)
            return response

        return handle

    for kind in RecordKind:
        app.add_api_route(f"/v1/{kind}", post(kind), methods=["POST"], name=kind)

    @app.get("/healthz")
    async def healthz() -> Response:
        return _json(200, {"status": "ok"})

    @app.get("/readyz")
    def readyz() -> Response:
        require_current(db)
        ingest.check()
        return _json(200, {"status": "ready"})

    @app.get("/metrics")
    async def numbers() -> Response:
        return Response(metrics.text(held.bytes) + further_metrics(), media_type=_METRICS_TYPE)

    @app.exception_handler(DriftglassError)
    async def refuse(_request: Request, error: DriftglassError) -> Response:
        return _refusal(error)

    return app


async def _take(
    request: Request, kind: RecordKind, keys: Keys, held: Held, max_body_bytes: int, ingest: Ingest
) -> Response:
    """Check who asks before reading what is sent; the blocking part runs on a thread, so that appends share one commit."""
    workspace = workspace_of(keys, request.headers)
    _check_length(request.headers.get("content-length", ""), max_body_bytes)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    with held.body() as account:
        try:
            body = await read_body(request.stream(), encoding, max_body_bytes, account)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        posted = Posted(
            kind=kind,
            workspace=workspace,
            content_type=request.headers.get("content-type", CONTENT_JSON).split(";")[0].strip().lower(),
            body=body,
            key=request.headers.get(HTTP_IDEMPOTENCY_KEY, ""),
            model=request.headers.get(HEADER_MODEL, ""),
        )
        receipt = await run_in_threadpool(ingest.take, posted)
    return _json(202, receipt)


def _check_length(declared: str, limit: int) -> None:
    if declared.isdigit() and int(declared) > limit:
        raise TooLargeError(limit)


def _refusal(error: DriftglassError) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    field = error.field if isinstance(error, ContractError) else ""
    reason = error.reason if isinstance(error, ContractError) else str(error)
    response = _json(status, {"error": {"field": field, "reason": reason}})
    if isinstance(error, UnavailableError):
        seconds = error.retry_after_s if isinstance(error, FullError) else _RETRY_UNAVAILABLE_S
        response.headers["Retry-After"] = str(seconds)
    if isinstance(error, UnauthorizedError):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _json(status: int, content: object) -> Response:
    return Response(msgspec.json.encode(content), status, media_type=CONTENT_JSON)
