"""What decoding yields: batches of good records, events, and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from stream.message import Partition

WHOLE_MESSAGE = -1
"""The row of a refusal that stands for all records of its message."""


MAX_REFUSALS = 1_000
"""Refused records of one message that are told one by one."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one model from one partition.

    Attributes:
        table: rows in canonical columns (stream.codecs.columns), never empty.
    """

    partition: Partition
    model: str
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened around a model, for people to see beside the numbers.

    Attributes:
        model: "" for the whole workspace.
        kind: deploy, incident, upstream, config, gpu, holiday or end-of-stream.
    """

    partition: Partition
    offset: int
    row: int
    model: str
    kind: str
    ts_us: int
    title: str
    url: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that breaks the contract; it becomes a dead letter.

    Attributes:
        row: the record's index within the message, or WHOLE_MESSAGE.
        field: the field that is wrong, as a sender of JSON spells it; "" where the record or message cannot be read at all.
        reason: one sentence without the field's name, such as "must be above 0".
        body: the record's own bytes; of Arrow, the row as JSON, or nothing where more than MAX_REFUSALS came before it.
        content_type: of the body.
    """

    partition: Partition
    offset: int
    row: int
    field: str
    reason: str
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """All that some messages hold. Every record is in a batch, an event or a refusal, exactly once."""

    batches: list[Batch] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """How many records are good."""
        return sum(int(batch.table.num_rows) for batch in self.batches) + len(self.events)
