"""Whether the API lives, whether it can work, and its own numbers."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from store.migrate import require_current

router = APIRouter(tags=["health"])

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health(BaseModel):
    """How it is."""

    status: str


@router.get("/healthz")
def healthz() -> Health:
    """Whether the process answers."""
    return Health(status="ok")


@router.get("/readyz")
def readyz(request: Request) -> Health:
    """Whether the database answers and is up to date; else 503."""
    require_current(request.app.state.parts.db)
    return Health(status="ready")


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> PlainTextResponse:
    """Prometheus' text format."""
    return PlainTextResponse(request.app.state.parts.metrics.text(), media_type=_METRICS_TYPE)
