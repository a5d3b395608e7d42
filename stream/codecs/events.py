"""Events: few, so one by one; JSON and NDJSON only."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from driftglass_client.wire import MODEL, TS
from kernel.errors import ContractError
from stream.codecs.batch import Decoded, Event
from stream.codecs.columns import INTEGER, TEXT
from stream.codecs.json_careful import parse, text
from stream.codecs.json_records import Records, model_problem, split
from stream.codecs.moments import parse_rfc3339
from stream.codecs.rules import AHEAD_US
from stream.codecs.settle import NO_TIME, Origin
from stream.message import Message

EVENT_KINDS = ("deploy", "incident", "upstream", "config", "gpu", "holiday", "end-of-stream")
HOLIDAY, UNTIL = "holiday", "until"
_LONGEST_TITLE = 1_000
_URL = re.compile(r"https?://\S+")


def decode_events(messages: Sequence[Message], origin: Origin) -> Decoded:
    """The events of one partition's JSON messages."""
    records, unread = split(origin.partition, messages)
    decoded = Decoded(refusals=unread)
    for index, body in enumerate(records.bodies):
        try:
            decoded.events.append(_event(parse(body), records, index))
        except ContractError as fault:
            decoded.refusals.append(records.refuse(index, fault.field, fault.reason))
    return decoded


def _event(record: Mapping[str, Any], records: Records, index: int) -> Event:
    kind = _kind(record.get("kind"))
    ts_us = _moment(record.get(TS), TS)
    if kind != HOLIDAY and ts_us > records.received_us[index] + AHEAD_US:
        raise ContractError(TS, "lies more than 5 minutes ahead of the time at which the record was received")
    details = record.get("details") or {}
    if not isinstance(details, dict):
        raise ContractError("details", "must be an object")
    if kind == HOLIDAY and UNTIL in details and _moment(details[UNTIL], f"details.{UNTIL}") <= ts_us:
        raise ContractError(f"details.{UNTIL}", "must be later than ts")
    return Event(
        partition=records.partition,
        offset=int(records.offsets[index]),
        row=int(records.rows[index]),
        model=_model(record.get(MODEL)),
        kind=kind,
        ts_us=ts_us,
        title=_short_text(record.get("title"), "title"),
        url=_url(record.get("url")),
        details=details,
    )


def _moment(value: Any, field: str) -> int:
    moment = pc.cast(parse_rfc3339(pa.array([text(value, field)], TEXT)), INTEGER)[0].as_py()
    if moment is None:
        raise ContractError(field, NO_TIME)
    return int(moment)


def _model(value: Any) -> str:
    if value is None:
        return ""
    problem = model_problem(text(value, MODEL))
    if problem:
        raise ContractError(MODEL, problem)
    return str(value)


def _kind(value: Any) -> str:
    if value not in EVENT_KINDS:
        raise ContractError("kind", f"must be one of {', '.join(EVENT_KINDS)}")
    return str(value)


def _short_text(value: Any, field: str) -> str:
    found = text(value, field)
    if not found.strip() or len(found) > _LONGEST_TITLE or "\0" in found:
        raise ContractError(field, f"must be a text of 1 to {_LONGEST_TITLE} characters")
    return found


def _url(value: Any) -> str:
    if value is None or value == "":
        return ""
    if not _URL.fullmatch(_short_text(value, "url")):  # shown as a link: no javascript:
        raise ContractError("url", "must begin with http:// or https://")
    return str(value)
