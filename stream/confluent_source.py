"""Reading Kafka with confluent-kafka: the same source as stream/kafka_source.py, for messages too small for kafka-python."""

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from kernel.errors import DriftglassError, UnavailableError
from kernel.settings import KafkaSettings
from stream.confluent_client import as_ours, consumer, lacks_leader, translated
from stream.kafka_client import check_topics
from stream.kafka_headers import our_headers
from stream.message import POLL_BYTES, Assignment, Message, Partition

_SLICE_S = 0.2  # how long one wait may be: signals and changes of the assignment are looked after in between
_MESSAGES = 10_000  # a step of reading, at most
_FIRST_SIZE = 64 << 10  # what a message is taken to hold before one has come
_LIST_TIMEOUT_S = 5.0
_LEADER_WAIT_S = 0.1  # for one to be chosen
_PASSING = (KafkaError._MAX_POLL_EXCEEDED,)  # what follows from it is told by the assignment


class ConfluentSource:
    """The source of Kafka whose client is confluent-kafka.

    It keeps what KafkaSource promises: partitions are handed over one by one (cooperative), and an owner is told that a
    partition is taken before any other member can have it, unless it was silent for longer than the session: what it
    writes then must be fenced.

    While no broker answers, `poll` finds nothing and `ends` raises.

    Raises:
        UnavailableError: Kafka does not answer, or a topic does not exist.
        SettingsError: the client refuses the configuration.
    """

    def __init__(self, settings: KafkaSettings, topics: Sequence[str], listener: Assignment) -> None:
        self._settings = settings
        self._listener = listener
        check_topics(settings, topics)
        self._consumer = consumer(settings)
        self._held: set[Partition] = set()  # the client's assignment
        self._assigned: set[Partition] = set()  # what the listener was told is ours
        self._new: set[Partition] = set()  # held, and the listener's answer is to come
        self._gone: set[Partition] = set()  # not held any more, and the listener does not know yet
        self._paused: set[Partition] = set()
        self._sought: set[Partition] = set()
        self._faults: dict[Partition | None, DriftglassError] = {}  # None: of no partition, raised once
        self._found: dict[Partition, list[Message]] = {}  # read and not delivered
        self._size = float(_FIRST_SIZE)  # of a message, lately
        self._closed = False
        self._topics: Sequence[str] | None = topics  # to be subscribed to

    def poll(self, timeout_s: float, max_bytes: int = POLL_BYTES) -> dict[Partition, list[Message]]:
        """Messages of the assigned partitions; see Source. It brings at most what was read ahead more than `max_bytes`.

        What an error holds back is delivered by a later poll.
        """
        deadline = time.monotonic() + timeout_s
        if self._topics is not None:
            self._join(self._topics)
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            read = self._read(0.0 if self._ready() else min(left_s, _SLICE_S), max_bytes)
            max_bytes -= read
            self._settle()
            self._fail()
            ready = self._ready()
            if max_bytes <= 0 or (ready and not read) or (not ready and not left_s):
                return {partition: self._found.pop(partition) for partition in ready}

    def seek(self, partition: Partition, offset: int) -> None:
        """Deliver this offset next, or the first message after it.

        Raises:
            UnavailableError: Kafka does not hold it, and it is not the next to be written; or not assigned.
        """
        if partition not in self._assigned:
            raise UnavailableError(f"{partition} is not assigned to this reader")
        with translated(self._settings):
            first, end = self._consumer.get_watermark_offsets(_theirs(partition), _LIST_TIMEOUT_S)
        if not first <= offset <= end:
            raise UnavailableError(
                f"{partition} cannot be read from offset {offset}: Kafka at {self._settings.bootstrap} holds {first} to "
                f"{end}; its retention has dropped the rest, or it is not the one these offsets belong to"
            )
        self._move(partition, offset)

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Deliver nothing of these until `resume`."""
        self._paused.update(partitions)
        with translated(self._settings):
            self._consumer.pause([_theirs(p) for p in self._held.intersection(partitions)])

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Deliver these again."""
        self._paused.difference_update(partitions)
        with translated(self._settings):
            self._consumer.resume([_theirs(p) for p in self._held.intersection(partitions)])

    def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The offset that the next message of each will get.

        Raises:
            UnavailableError: Kafka does not answer.
        """
        return self._offsets(partitions, OFFSET_END)

    def trim(self, partition: Partition, before_offset: int) -> None:
        """Kafka keeps messages for its own retention: nothing to do."""

    def close(self) -> None:
        """Give the partitions up, then leave the group."""
        if self._closed:
            return
        self._closed = True
        try:
            self._gone |= self._assigned
            self._tell_gone()
        finally:
            self._assigned.clear()
            self._gone.clear()
            with translated(self._settings):
                self._consumer.close()

    def _join(self, topics: Sequence[str]) -> None:
        """With the first poll: the client joins on a thread of its own, and who never polls would hold partitions idle."""
        with translated(self._settings):
            self._consumer.subscribe(list(topics), on_assign=self._on_assigned, on_revoke=self._on_revoked)
        self._topics = None

    def _read(self, timeout_s: float, max_bytes: int) -> int:
        """Wait for a first message, then take what the client holds; returns about how many bytes came."""
        # The client's own wait lasts until it has as many as are asked for: never wait for more than one.
        size = self._take(1, timeout_s) if timeout_s else 0
        if size or not timeout_s:
            size += self._take(max(1, min(_MESSAGES, int(max_bytes / self._size))), 0.0)
        return size

    def _take(self, count: int, timeout_s: float) -> int:
        with translated(self._settings):
            batch = self._consumer.consume(count, timeout_s)
        size = self._keep(batch)
        if batch:
            self._size = max(1.0, size / len(batch))
        if (error := self._faults.pop(None, None)) is not None:
            raise error
        return size

    def _keep(self, batch: Sequence[Any]) -> int:
        """Every message passes through here. What is not ours any more, or follows on an error, is left out."""
        size = 0
        live = {(p.topic, p.number): (p, self._found.setdefault(p, [])) for p in self._live()}
        for message in batch:
            place = live.get((message.topic(), message.partition()))
            if (error := message.error()) is not None:
                self._note(message, error)
                live.pop((message.topic(), message.partition()), None)
            elif place is not None:
                partition, found = place
                value, pairs = message.value() or b"", message.headers()
                content_type, headers = our_headers(tuple(pairs) if pairs else ())
                timestamp_us = message.timestamp()[1] * 1_000
                found.append(Message(partition, message.offset(), value, content_type, headers, timestamp_us))
                size += len(value) or 1
        return size

    def _note(self, message: Any, error: KafkaError) -> None:
        """A partition stops where it failed, until it is sought; what concerns no partition is raised once."""
        partition = Partition(message.topic(), message.partition())
        if partition in self._live():
            self._faults[partition] = as_ours(self._settings, error)
        elif partition not in self._new and error.code() not in _PASSING:
            self._faults[None] = as_ours(self._settings, error)

    def _fail(self) -> None:
        for partition, error in self._faults.items():
            if partition not in self._paused:
                raise error

    def _live(self) -> set[Partition]:
        """What is delivered: ours in the listener's eyes and in the client's, and whole."""
        return (self._held & self._assigned) - self._new - self._faults.keys()

    def _ready(self) -> list[Partition]:
        return [partition for partition, messages in self._found.items() if messages and partition not in self._paused]

    def _settle(self) -> None:
        """Tell the listener what changed. What it raises leaves the change unsettled: the next poll tells it again."""
        self._tell_gone()
        new = sorted(self._new)
        if not new:
            return
        self._assigned.update(new)
        self._sought.clear()
        self._listener.on_assigned(new)
        for partition, first in self._offsets(sorted(self._new - self._sought), OFFSET_BEGINNING).items():
            self._move(partition, first)
        self._new.clear()
        self.resume([p for p in new if p not in self._paused])  # the client remembers a pause of long ago

    def _tell_gone(self) -> None:
        gone = sorted(self._gone)
        for partition in gone:
            self._found.pop(partition, None)
            self._faults.pop(partition, None)
        if gone:
            self._listener.on_revoked(gone)
        self._gone.clear()
        self._assigned.difference_update(gone)
        self._paused.difference_update(gone)

    def _on_assigned(self, client: Consumer, theirs: Sequence[TopicPartition]) -> None:
        """Within `consume`: take them. They wait at their ends, and what comes of them is left out, until they are settled.

        They are not paused: it takes the client a second to read on after a pause.
        """
        partitions = _ours(theirs)
        self._held |= partitions
        self._new |= partitions
        client.incremental_assign([_theirs(p, OFFSET_END) for p in partitions])

    def _on_revoked(self, client: Consumer, theirs: Sequence[TopicPartition]) -> None:
        """Within `consume`: the listener is told first, because nobody else can have them before they are let go."""
        partitions = _ours(theirs)
        self._held -= partitions
        self._new -= partitions
        self._gone |= partitions & self._assigned
        try:
            self._tell_gone()
        except DriftglassError as error:  # not raised here: that would cost the messages that `consume` has in hand
            self._faults[None] = error
        finally:
            client.incremental_unassign(list(theirs))

    def _move(self, partition: Partition, offset: int) -> None:
        self._sought.add(partition)
        self._found.pop(partition, None)
        self._faults.pop(partition, None)
        if partition in self._held:
            with translated(self._settings):
                self._place(partition, offset)

    def _place(self, partition: Partition, offset: int) -> None:
        place = [_theirs(partition, offset)]
        try:
            self._consumer.seek(place[0])
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:
                raise
            self._consumer.incremental_unassign(place)  # the client does not read it, since an error: it begins anew
            self._consumer.incremental_assign(place)
            if partition in self._paused:
                self._consumer.pause(place)

    def _offsets(self, partitions: Sequence[Partition], which: int) -> dict[Partition, int]:
        """The first offsets or the ends, in one request: asked for as if by time, these two are Kafka's own "times"."""
        if not partitions:
            return {}
        deadline = time.monotonic() + _LIST_TIMEOUT_S
        while True:
            try:
                return self._ask(partitions, which)
            except KafkaException as error:
                if not lacks_leader(error.args[0]) or time.monotonic() > deadline:
                    raise as_ours(self._settings, error.args[0]) from error
            time.sleep(_LEADER_WAIT_S)  # the client looks for the leader meanwhile, and leaves it to us to ask again

    def _ask(self, partitions: Sequence[Partition], which: int) -> dict[Partition, int]:
        answers = self._consumer.offsets_for_times([_theirs(p, which) for p in partitions], _LIST_TIMEOUT_S)
        for answer in answers:
            if answer.error is not None:
                raise KafkaException(answer.error)
        return {Partition(answer.topic, answer.partition): answer.offset for answer in answers}


def _theirs(partition: Partition, offset: int = OFFSET_INVALID) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number, offset)


def _ours(partitions: Sequence[TopicPartition]) -> set[Partition]:
    return {Partition(p.topic, p.partition) for p in partitions}
