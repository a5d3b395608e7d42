"""What arrived beside good records: events, and the records that were refused."""

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.listing import Items, Limit
from api.moments import Asked, Moment
from api.numbers import Name, plain
from store import dead_letters, events
from store.dead_letters import DeadLetter
from store.events import StoredEvent

router = APIRouter(prefix="/v1", tags=["arrivals"])

EventKind = Literal["deploy", "incident", "upstream", "config", "gpu", "holiday", "end-of-stream"]


class EventOut(BaseModel):
    """Something that happened around a model."""

    model: Name = Field(description="null for the whole workspace.")
    kind: EventKind
    ts: Moment
    title: str
    url: Name
    details: dict[str, Any]
    received: Moment


class DeadLetterOut(BaseModel):
    """A record that was refused."""

    source: str = Field(description="TOPIC/PARTITION, or gateway/REQUEST.")
    offset: int
    row: int | None = Field(description="Its index within the message; null for the whole message.")
    field: Name
    reason: str
    content_type: Name
    body: str = Field(description="Its own bytes, as text where they are, else in base64.")
    encoding: Literal["utf-8", "base64"]
    received: Moment


class DeadLetters(Items[DeadLetterOut]):
    """The newest dead letters."""

    count: int = Field(description="How many there are in all.")


@router.get("/events")
def event_listing(
    caller: Viewer,
    model: Annotated[str | None, Query(description="Its events and those of the whole workspace.")] = None,
    kind: EventKind | None = None,
    start: Asked | None = None,
    end: Asked | None = None,
    limit: Limit = 100,
) -> Items[EventOut]:
    """Events with start <= ts < end, newest first."""
    found = events.listing(caller.db, caller.workspace, model, kind, start, end, limit)
    return Items(items=[_event(event) for event in found])


@router.get("/dead-letters")
def dead_letter_listing(
    caller: Viewer,
    field: Annotated[str | None, Query(description="The field that is wrong.")] = None,
    source: str | None = None,
    limit: Limit = 100,
) -> DeadLetters:
    """The newest dead letters, and how many there are."""
    found = dead_letters.listing(caller.db, caller.workspace, limit, field=field, source=source)
    count = dead_letters.count(caller.db, caller.workspace, field=field, source=source)
    return DeadLetters(items=[_letter(letter) for letter in found], count=count)


def _event(event: StoredEvent) -> EventOut:
    return EventOut.model_validate(
        {
            **{name: getattr(event, name) for name in ("model", "kind", "title", "url")},
            "ts": event.ts_us,
            "details": plain(event.details),
            "received": event.received_us,
        }
    )


def _letter(letter: DeadLetter) -> DeadLetterOut:
    body, encoding = _text(letter.body)
    return DeadLetterOut.model_validate(
        {
            **{name: getattr(letter, name) for name in ("source", "offset", "field", "reason", "content_type")},
            "row": None if letter.row < 0 else letter.row,
            "body": body,
            "encoding": encoding,
            "received": letter.received_us,
        }
    )


def _text(body: bytes) -> tuple[str, str]:
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
