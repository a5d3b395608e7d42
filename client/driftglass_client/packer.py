"""From queued rows to messages: validate, sample, split by bucket, encode."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable
from zlib import crc32

from driftglass_client import wire
from driftglass_client.columns import LABEL_ROW, Columns, Row, label_columns, prediction_columns, take
from driftglass_client.encode import body_of, halves
from driftglass_client.errors import InvalidRecordError, SparseBatchError
from driftglass_client.transport import Message


@dataclass
class Packed:
    """What became of some rows: messages to send, rows that do not fit the wire and why one did not, rows sampled out."""

    messages: list[Message] = field(default_factory=list)
    invalid: int = 0
    sampled_out: int = 0
    why: str = ""

    def __add__(self, other: Packed) -> Packed:
        return Packed(
            self.messages + other.messages,
            self.invalid + other.invalid,
            self.sampled_out + other.sampled_out,
            self.why or other.why,
        )


@dataclass(frozen=True)
class Packer:
    """Makes the messages of one model.

    Args:
        model, version, workspace: of every row.
        buckets: split each batch into this many buckets; None where the receiver splits.
        sample_rate: share of ids to keep.
        pause: called between short stretches of work, so that the threads of the service can run.
    """

    model: str
    version: str
    workspace: str
    buckets: int | None
    sample_rate: float
    pause: Callable[[], None]

    def pack(self, rows: Sequence[Row]) -> Packed:
        """Messages of predictions and labels; never raises for what a row holds."""
        labels = [row for row in rows if len(row) == len(LABEL_ROW)]
        predictions = [row for row in rows if len(row) != len(LABEL_ROW)]
        return self._packed(wire.PREDICTIONS_TOPIC, predictions) + self._packed(wire.LABELS_TOPIC, labels)

    def _packed(self, topic: str, rows: Sequence[Row]) -> Packed:
        if not rows:
            return Packed()
        try:
            return self._messages(topic, rows)
        except SparseBatchError:
            middle = len(rows) // 2
            return self._packed(topic, rows[:middle]) + self._packed(topic, rows[middle:])
        except Exception as error:  # noqa: BLE001 - rows hold the caller's objects, whose methods may raise anything
            why = str(error) if isinstance(error, InvalidRecordError) else type(error).__name__
        good = self._good(topic, rows)
        if len(good) == len(rows):
            return Packed(
                invalid=len(rows), why=why
            )  # each row fits alone but not together: an object answers differently
        return self._packed(topic, good) + Packed(invalid=len(rows) - len(good), why=why)

    def _good(self, topic: str, rows: Sequence[Row]) -> list[Row]:
        """The rows that can be packed, found by halving, so that one bad row costs the logarithm of the batch."""
        try:
            self._messages(topic, rows)
        except SparseBatchError:
            pass
        except Exception:  # noqa: BLE001 - as above
            if len(rows) == 1:
                return []
        else:
            return list(rows)
        middle = len(rows) // 2
        return self._good(topic, rows[:middle]) + self._good(topic, rows[middle:])

    def _messages(self, topic: str, rows: Sequence[Row]) -> Packed:
        read = prediction_columns if topic == wire.PREDICTIONS_TOPIC else label_columns
        columns = read(rows, self.pause)
        kept = self._sampled(topic, columns)
        packed = Packed(sampled_out=len(rows) - len(kept[wire.ID]))
        for bucket, part in self._split(kept):
            packed.messages.append(self._message(topic, part, bucket))
        return packed

    def _sampled(self, topic: str, columns: Columns) -> Columns:
        if self.sample_rate == 1:
            return columns
        below = self.sample_rate * 2**32
        kept = take(columns, [row for row, id_ in enumerate(columns[wire.ID]) if crc32(id_.encode()) < below])
        if topic == wire.PREDICTIONS_TOPIC:
            weights = kept.get(wire.WEIGHT, [None] * len(kept[wire.ID]))
            kept[wire.WEIGHT] = [(1.0 if weight is None else weight) / self.sample_rate for weight in weights]
        return kept

    def _split(self, columns: Columns) -> list[tuple[int | None, Columns]]:
        if not columns[wire.ID]:
            return []
        if self.buckets is None:
            return [(None, columns)]
        rows_of = defaultdict(list)
        prefix = crc32(f"{self.workspace}\0{self.model}\0".encode())
        for row, id_ in enumerate(columns[wire.ID]):
            rows_of[crc32(id_.encode(), prefix) % self.buckets].append(row)
        return [(bucket, take(columns, rows)) for bucket, rows in sorted(rows_of.items())]

    def _message(self, topic: str, columns: Columns, bucket: int | None) -> Message:
        constants = {wire.MODEL: self.model}
        if topic == wire.PREDICTIONS_TOPIC:
            constants[wire.VERSION] = self.version
        content_type, body = body_of(columns, constants, self.pause)
        rows = len(columns[wire.ID])
        return Message(topic, content_type, body, rows, self.workspace, self.model, uuid.uuid4().hex, bucket)


def split(message: Message) -> tuple[Message, Message]:
    """Two messages with the halves of a message's rows, each with a key of its own that a retry keeps.

    Raises:
        RuntimeError: the body cannot be read here; see encode.halves.
    """
    (first, rows), (second, rest) = halves(message.content_type, message.body)
    return _part(message, first, rows, "0"), _part(message, second, rest, "1")


def _part(message: Message, body: bytes, rows: int, suffix: str) -> Message:
    return Message(
        message.topic,
        message.content_type,
        body,
        rows,
        message.workspace,
        message.model,
        f"{message.key}.{suffix}",
        message.bucket,
    )
