"""What the gateway does with a body. It keeps nothing: a record is in the log, or a dead letter, before the answer is given."""

from dataclasses import dataclass
from uuid import uuid4

from collector.gateway_metrics import GatewayMetrics
from collector.gateway_outgoing import Packing, outgoing
from collector.gateway_settings import GatewaySettings
from collector.letters import few
from driftglass_client.wire import HEADER_MODEL
from kernel.clock import Clock
from kernel.errors import ContractError
from store import dead_letters
from store.database import Database
from stream.codecs.batch import WHOLE_MESSAGE, Decoded
from stream.codecs.decode import decode
from stream.codecs.topics import RecordKind, topic_of
from stream.message import Appender, Message, Partition

_LISTED = 1_000  # errors that an answer lists, at most; all are dead letters
_LONGEST_KEY = 200  # a derived id, KEY:INDEX, has at most 255 characters
_NOWHERE = Partition("gateway", 0)


@dataclass(frozen=True, slots=True)
class Posted:
    """What was sent.

    Attributes:
        content_type: lower case, without parameters.
        key: the Idempotency-Key; "" without one.
        model: of an Arrow body without the column "model"; "" otherwise.
    """

    kind: RecordKind
    workspace: str
    content_type: str
    body: bytes
    key: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one record was rejected, by its index in the body."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer: how many records are durable in the log, how many are dead letters, and why (the first 1,000)."""

    accepted: int
    rejected: int
    errors: list[RowError]


class Ingest:
    """Takes bodies in; blocking and thread-safe.

    Args:
        appender: the log.
        db: where dead letters go.
    """

    def __init__(
        self, appender: Appender, db: Database, settings: GatewaySettings, clock: Clock, metrics: GatewayMetrics
    ) -> None:
        self._appender = appender
        self._db = db
        self._settings = settings
        self._clock = clock
        self._metrics = metrics

    def take(self, posted: Posted) -> Receipt:
        """Decode, store what is bad, append what is good; in this order, so that nothing accepted is without its letters.

        Raises:
            ContractError: nothing in the body can be read.
            FullError, UnavailableError: the log or the database cannot take it now; the sender repeats it all.
        """
        key = _request_key(posted.key)
        received_us = self._clock.now_us()
        headers = {HEADER_MODEL: posted.model} if posted.model else {}
        message = Message(_NOWHERE, 0, posted.body, posted.content_type, headers, received_us)
        decoded = decode([message], posted.kind, key)
        _check_readable(decoded)
        source = f"gateway/{key}"
        letters = [dead_letters.of_refusal(r, received_us, source) for r in few(decoded.refusals, [message])]
        dead_letters.save(self._db, posted.workspace, letters)
        self._append(decoded, posted)
        self._metrics.records(posted.kind, decoded.accepted, len(decoded.refusals))
        errors = [RowError(r.row, r.field, r.reason) for r in decoded.refusals[:_LISTED]]
        return Receipt(decoded.accepted, len(decoded.refusals), errors)

    def check(self) -> None:
        """Whether records can be taken now.

        Raises:
            UnavailableError: the log is away.
        """
        self._appender.partitions(topic_of(RecordKind.PREDICTIONS))

    def _append(self, decoded: Decoded, posted: Posted) -> None:
        if not decoded.accepted:
            return
        topic = topic_of(posted.kind, posted.workspace)
        split = self._appender.partitions(topic) > 1
        packing = Packing(posted.workspace, self._settings.buckets, split, self._settings.message_bytes)
        messages = outgoing(decoded, packing)
        with self._metrics.appending():
            self._appender.append(topic, messages, self._settings.append_timeout_s)


def _request_key(key: str) -> str:
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise ContractError("Idempotency-Key", f"must have at most {_LONGEST_KEY} printable characters")
    return key or uuid4().hex


def _check_readable(decoded: Decoded) -> None:
    """A body of which nothing is a record is no body: 400, and no letters."""
    if decoded.accepted or not decoded.refusals:
        return
    if all(refusal.row == WHOLE_MESSAGE or not refusal.field for refusal in decoded.refusals):
        first = decoded.refusals[0]
        raise ContractError(first.field, f"the body {first.reason}" if not first.field else first.reason)
