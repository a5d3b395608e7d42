"""Retraining requests."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.listing import Items, Limit
from api.moments import Moment
from api.numbers import Name, plain
from store.retraining import RetrainingRequest, retraining_requests

router = APIRouter(prefix="/v1/retraining-requests", tags=["retraining"])

RequestState = Literal["pending", "posted", "recorded", "failed"]


class RetrainingOut(BaseModel):
    """A request to train a model again."""

    request: str
    model: str
    version: Name = Field(description="null where several drifted, and where the records name none.")
    alert: Name = Field(description="What asked for it; null when a person did.")
    reason: str
    payload: dict[str, Any] = Field(description="What is posted to the webhook.")
    state: RequestState = Field(description="recorded: there is no webhook.")
    attempts: int
    last_error: Name
    created: Moment
    posted: Moment | None


@router.get("")
def listing(
    caller: Viewer, model: str | None = None, state: RequestState | None = None, limit: Limit = 100
) -> Items[RetrainingOut]:
    """Requests, newest first."""
    found = retraining_requests(caller.db, caller.workspace, model, state, limit)
    return Items(items=[_out(request) for request in found])


def _out(request: RetrainingRequest) -> RetrainingOut:
    same = ("request", "model", "version", "alert", "reason", "state", "attempts", "last_error")
    return RetrainingOut.model_validate(
        {
            **{name: getattr(request, name) for name in same},
            "payload": plain(request.payload),
            "created": request.created_us,
            "posted": request.posted_us,
        }
    )
