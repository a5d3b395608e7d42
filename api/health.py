"""Whether the API lives, whether it can work, and its own numbers."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from api.metrics import unsent_text
from kernel.errors import UnavailableError
from store.migrate import require_current
from store.notifications import unsent

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
    """Prometheus' text format; without what the database knows while it is away."""
    parts = request.app.state.parts
    try:
        further = unsent_text(unsent(parts.db))
    except UnavailableError:
        further = ""
    return PlainTextResponse(parts.metrics.text() + further, media_type=_METRICS_TYPE)
