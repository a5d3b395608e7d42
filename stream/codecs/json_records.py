"""JSON and NDJSON messages as single records, each its own bytes, and the model that each names."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftglass_client.wire import CONTENT_JSON, CONTENT_NDJSON
from kernel.errors import ContractError
from stream.codecs.batch import WHOLE_MESSAGE, Refusal
from stream.codecs.columns import LONGEST, MAX_RECORDS, TOO_MANY
from stream.message import Message, Partition


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one partition, side by side; the arrays have shape (len(bodies),)."""

    partition: Partition
    bodies: Sequence[bytes]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    received_us: NDArray[np.int64]

    def take(self, indices: Sequence[int]) -> "Records":
        """Those records, in that order."""
        at = np.asarray(indices, np.int64)
        bodies = [self.bodies[i] for i in indices]
        return Records(self.partition, bodies, self.offsets[at], self.rows[at], self.received_us[at])

    def refuse(self, index: int, field: str, reason: str) -> Refusal:
        """A refusal of one record."""
        offset, row = int(self.offsets[index]), int(self.rows[index])
        return Refusal(self.partition, offset, row, field, reason, self.bodies[index], CONTENT_JSON)


class _Peek(msgspec.Struct, gc=False):
    model: str


_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_PEEK = msgspec.json.Decoder(_Peek)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def split(partition: Partition, messages: Sequence[Message]) -> tuple[Records, list[Refusal]]:
    """All records of one partition's messages, and a refusal for each message that cannot be read."""
    bodies: list[bytes] = [message.value for message in messages]
    counts: list[int] = [1] * len(bodies)
    refusals: list[Refusal] = []
    if not _are_objects(messages, bodies):
        bodies, counts = _split_each(messages, refusals)
    repeats = np.array(counts, np.int64)
    offsets = np.repeat(np.array([m.offset for m in messages], np.int64), repeats)
    received = np.repeat(np.array([m.timestamp_us for m in messages], np.int64), repeats)
    starts = np.repeat(np.cumsum(repeats) - repeats, repeats)
    rows = (np.arange(len(bodies)) - starts).astype(np.int32)
    return Records(partition, bodies, offsets, rows, received), refusals


def _are_objects(messages: Sequence[Message], bodies: Sequence[bytes]) -> bool:
    """Whether each message is one record, as far as its beginning tells."""
    return {body[:1] for body in bodies} <= {b"{"} and CONTENT_NDJSON not in {m.content_type for m in messages}


def _split_each(messages: Sequence[Message], refusals: list[Refusal]) -> tuple[list[bytes], list[int]]:
    """The records of all messages, and how many each holds."""
    bodies: list[bytes] = []
    counts: list[int] = []
    for message in messages:
        try:
            found = _split_one(message)
            if len(found) > MAX_RECORDS:
                refusals.append(unreadable(message, TOO_MANY))
                found = []
        except UNREADABLE as error:
            refusals.append(unreadable(message, f"is no JSON: {error}"))
            found = []
        bodies.extend(found)
        counts.append(len(found))
    return bodies, counts


def _split_one(message: Message) -> Sequence[bytes]:
    value = message.value
    if message.content_type == CONTENT_NDJSON:
        return [line for line in value.split(b"\n") if line.strip()]
    if value[:1] == b"{" or value.lstrip()[:1] != b"[":
        return [value]
    return [bytes(raw) for raw in _ARRAY.decode(value)]


def unreadable(message: Message, reason: str, field: str = "") -> Refusal:
    """A refusal of all of a message."""
    return Refusal(message.partition, message.offset, WHOLE_MESSAGE, field, reason, message.value, message.content_type)


def by_model(records: Records) -> tuple[dict[str, Records], list[Refusal]]:
    """The records of each model, in order, and a refusal for each record that names none.

    Every record is parsed here as far as its structure goes, with a limit on its depth: no parser after this one meets a
    record that is no JSON object.
    """
    refusals: list[Refusal] = []
    try:
        models: list[str | None] = [_PEEK.decode(body).model for body in records.bodies]
    except UNREADABLE:
        models = [_peek(records, i, refusals) for i in range(len(records.bodies))]
    found = {}
    for model, part in _grouped(records, models).items():
        reason = model_problem(model)
        if reason is None:
            found[model] = part
        else:
            refusals.extend(part.refuse(i, "model", reason) for i in range(len(part.bodies)))
    return found, refusals


def _grouped(records: Records, models: Sequence[str | None]) -> dict[str, Records]:
    if models and models[0] is not None and len(set(models)) == 1:
        return {models[0]: records}
    places: dict[str, list[int]] = {}
    for i, model in enumerate(models):
        if model is not None:
            places.setdefault(model, []).append(i)
    return {model: records.take(indices) for model, indices in places.items()}


def model_problem(model: str) -> str | None:
    """Why this is no model's name; None when it is one."""
    if not 1 <= len(model) <= LONGEST:
        return f"must be a text of 1 to {LONGEST} characters"
    return "must not hold the character U+0000" if "\0" in model else None


def _peek(records: Records, index: int, refusals: list[Refusal]) -> str | None:
    try:
        return _PEEK.decode(records.bodies[index]).model
    except UNREADABLE as error:
        wrong = _diagnosed(records.bodies[index], error)
        refusals.append(records.refuse(index, wrong.field, wrong.reason))
        return None


def _diagnosed(body: bytes, error: Exception) -> ContractError:
    if not isinstance(error, msgspec.ValidationError):
        return ContractError("", f"is no JSON: {error}")
    if body.lstrip()[:1] != b"{":
        return ContractError("", "must be a JSON object")
    return ContractError("model", f"must be a text of 1 to {LONGEST} characters")
