"""The reference of a model: rows that were sent, or a window of its own record log."""

from functools import partial
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.caller import Admin, Caller
from api.moments import read_moment
from api.reference_building import Built, Place, Sent, from_log, from_rows, make, moving_by, of_earlier
from api.reference_files import NOWHERE, from_body
from driftglass_client.wire import CONTENT_ARROW, CONTENT_JSON, CONTENT_NDJSON, HEADER_MODEL
from kernel.column_names import measured_name
from kernel.errors import ContractError
from kernel.moving import LAG, ROLLING, Moving
from store.record_reads import RecordReader
from stream.codecs.row_files import Format
from stream.message import Message

router = APIRouter(prefix="/v1/models", tags=["models"])

_FILES = {"text/csv": Format.CSV, "application/vnd.apache.parquet": Format.PARQUET}
_ROWS = {"schema": {"type": "string", "format": "binary"}}
_BODIES = {
    "required": True,
    "content": {
        CONTENT_JSON: {
            "schema": {
                "description": "One prediction, an array of them, each with an optional label; or a window of the record "
                "log; or how it moves.",
                "anyOf": [
                    {"type": "array", "items": {"type": "object"}},
                    {
                        "type": "object",
                        "properties": {name: {"type": "string", "format": "date-time"} for name in ("from", "to")},
                    },
                    *({"type": "object", "properties": {name: {"type": "string"}}} for name in (ROLLING, LAG)),
                ],
            }
        },
        CONTENT_NDJSON: _ROWS,
        CONTENT_ARROW: _ROWS,
        **dict.fromkeys(_FILES, _ROWS),
    },
}


class RowProblem(BaseModel):
    """Why a row was rejected, by its index in the body."""

    index: int
    field: str
    reason: str


class ReferencePut(BaseModel):
    """What became of the rows."""

    reference: str
    rows: int = Field(description="Rows that make the reference.")
    labels: int = Field(description="Of those, rows with a label.")
    rejected: int
    errors: list[RowProblem] = Field(description="The first 1,000.")
    provenance: dict[str, str | int] = Field(description="Where the rows came from.")
    estimated_by: str | None = Field(
        description="How performance is estimated without labels from now on; null where these labels say nothing of it."
    )
    new_grids: list[str] = Field(
        description="Columns whose grid could not tell these values apart: windows were counted again."
    )
    warnings: list[str] = Field(description="Features that the reference and the model do not share, if any.")

    @classmethod
    def of(cls, name: str, built: Built) -> "ReferencePut":
        """The answer about a reference that was put."""
        problems = [RowProblem(index=r.row, field=r.field, reason=r.reason) for r in built.refusals]
        return cls(
            reference=name,
            rows=built.profile.rows,
            labels=built.labels,
            rejected=built.rejected,
            errors=problems,
            provenance=dict(built.provenance),
            estimated_by=None if built.estimator is None else built.estimator["estimator"],
            new_grids=sorted(map(measured_name, built.grids)),
            warnings=list(built.warnings),
        )


@router.put("/{model}/reference", openapi_extra={"requestBody": _BODIES})
async def put_reference(
    model: str, request: Request, caller: Admin, content_type: Annotated[str, Header()] = CONTENT_JSON
) -> ReferencePut:
    """Put a reference in force: every window is then measured again. A new model is registered.

    The rows are predictions as POST /v1/predictions takes them, each with an optional "label" (a class, or a number); or
    {"from": ts, "to": ts} takes a window of the model's own record log with the labels that came; or {"rolling": "28d"} holds every
    window against the 28 days before it, {"lag": "7d"} against the same span a week earlier. Of a Parquet or CSV file a column
    that the wire does not know is a feature of its name; without a column ts its rows are of now. Where a column's grid cannot
    tell the values apart it gets a new one, and the model's windows are counted again on it before the answer comes.
    """
    body = await request.body()
    kind = content_type.split(";")[0].strip().lower()
    return await run_in_threadpool(_put, model, body, kind, caller)


def _put(model: str, body: bytes, content_type: str, caller: Caller) -> ReferencePut:
    asked = _object(body) if content_type in ("", CONTENT_JSON) else {}
    with caller.parts.log_lock:
        reader = RecordReader(caller.parts.log, caller.workspace)
        place = Place(caller.db, caller.workspace, caller.parts.clock, caller.parts.max_segments, reader)
        if (moving := _moving(asked)) is not None:
            build = partial(of_earlier, place, model, moving)
        elif (window := _window(asked)) is not None:
            build = partial(from_log, place, model, reader, *window)
        else:
            build = partial(from_rows, place, model, _sent(model, body, content_type, caller.now_us), uuid4().hex)
        return ReferencePut.of(*make(place, model, build))


def _sent(model: str, body: bytes, content_type: str, now_us: int) -> Sent:
    if content_type in _FILES:
        return from_body(body, _FILES[content_type], model, now_us)
    return Sent([Message(NOWHERE, 0, body, content_type, {HEADER_MODEL: model}, now_us)], {"source": "rows"})


class _Window(msgspec.Struct, forbid_unknown_fields=True):
    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")


def _object(body: bytes) -> dict[str, Any]:
    """A body that is one object; {} where it is none."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}  # the codecs say what is wrong with it
    return found if isinstance(found, dict) else {}


def _window(asked: dict[str, Any]) -> tuple[int, int] | None:
    """The window that a body names; None where it holds rows."""
    if not {"from", "to"} & asked.keys():
        return None
    try:
        window = msgspec.convert(asked, _Window)
    except msgspec.ValidationError as error:
        raise ContractError("", f'a window is {{"from": ts, "to": ts}}: {error}') from error
    return _moment("from", window.since), _moment("to", window.until)


def _moving(asked: dict[str, Any]) -> Moving | None:
    """How the reference is to move that a body asks for; None where it asks for none."""
    kind = next((kind for kind in (ROLLING, LAG) if kind in asked), None)
    if kind is None or "model" in asked:
        return None
    if len(asked) > 1:
        raise ContractError(kind, "stands alone: a reference that moves has no rows and no other property")
    return moving_by(kind, str(asked[kind]))


def _moment(field: str, text: str) -> int:
    try:
        return read_moment(text)
    except ValueError as error:
        raise ContractError(field, f"is {text!r}; it {error}") from error
