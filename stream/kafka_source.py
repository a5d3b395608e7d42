"""Reading Kafka as one of a consumer group; our offsets are in our own store, never in Kafka."""

import time
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from kernel.errors import UnavailableError
from kernel.settings import KafkaSettings
from stream.kafka_client import check_topics, connect, translated
from stream.kafka_headers import our_headers
from stream.kafka_join import finish_join, forget_hung_coordinator, forget_lost_coordinator
from stream.kafka_offsets import list_offsets
from stream.message import POLL_BYTES, Assignment, Message, Partition

_SLICE_S = 0.2  # how long one wait may be before changes of the assignment are looked after
_RECORDS = 2_000  # a step of reading; its bytes are counted after it
_CLOSE_TIMEOUT_MS = 3_000
_HEARTBEATS_PER_SESSION = 3


class KafkaSource:
    """The source of Kafka.

    The group hands partitions over one by one (cooperative): an owner is told that a partition is taken, here and now,
    while it still is nobody else's; the new owner gets it only after the old one polls again. An owner that was silent
    for longer than the session is told late, when another may have it: what it writes then must be fenced.

    While no broker answers, `poll` finds nothing and `ends` raises.

    Raises:
        UnavailableError: Kafka does not answer, or a topic does not exist.
    """

    def __init__(self, settings: KafkaSettings, topics: Sequence[str], listener: Assignment) -> None:
        self._settings = settings
        self._listener = listener
        check_topics(settings, topics)
        self._consumer = connect(
            KafkaConsumer,
            settings,
            group_id=settings.group,
            enable_auto_commit=False,
            auto_offset_reset="none",  # never jump: a place that Kafka has dropped is an error
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // _HEARTBEATS_PER_SESSION,
            partition_assignment_strategy=(CooperativeStickyAssignor,),
            fetch_max_bytes=settings.fetch_max_bytes,
            max_partition_fetch_bytes=settings.fetch_max_bytes,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        self._changes = _Changes(self._consumer)
        self._assigned: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._sought: set[Partition] = set()
        self._closed = False
        # A group that forms before the consumer knows its topics is assigned nothing until the metadata ages, for minutes.
        for topic in topics:
            self._consumer.partitions_for_topic(topic)
        self._consumer.subscribe(list(topics), listener=self._changes)

    def poll(self, timeout_s: float, max_bytes: int = POLL_BYTES) -> dict[Partition, list[Message]]:
        """Messages of the assigned partitions; see Source. It brings at most one fetch more than `max_bytes`."""
        deadline = time.monotonic() + timeout_s
        found: dict[Partition, list[Message]] = {}
        try:
            while True:
                left_s = max(0.0, deadline - time.monotonic())
                read = self._read(0.0 if found else min(left_s, _SLICE_S))
                for partition, messages in read.items():
                    found.setdefault(partition, []).extend(messages)
                    max_bytes -= sum(len(message.value) for message in messages)
                self._settle(found)
                if max_bytes <= 0 or (found and not read) or (not found and not left_s):
                    return found
        except BaseException:
            for partition, messages in found.items():  # what is not delivered now is delivered by the next poll
                self._move(partition, messages[0].offset)
            raise

    def seek(self, partition: Partition, offset: int) -> None:
        """Deliver this offset next, or the first message after it.

        Raises:
            UnavailableError: Kafka does not hold it, and it is not the next to be written; or not assigned.
        """
        if partition not in self._assigned:
            raise UnavailableError(f"{partition} is not assigned to this reader")
        first, end = self._beginnings([partition])[partition], self.ends([partition])[partition]
        if not first <= offset <= end:
            raise UnavailableError(
                f"{partition} cannot be read from offset {offset}: Kafka at {self._settings.bootstrap} holds {first} to "
                f"{end}; its retention has dropped the rest, or it is not the one these offsets belong to"
            )
        self._move(partition, offset)

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Deliver nothing of these until `resume`."""
        self._paused.update(partitions)
        self._consumer.pause(*(_theirs(p) for p in self._held(partitions)))

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Deliver these again."""
        self._paused.difference_update(partitions)
        self._consumer.resume(*(_theirs(p) for p in self._held(partitions)))

    def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The offset that the next message of each will get.

        Raises:
            UnavailableError: Kafka does not answer.
        """
        with translated(self._settings):
            ends = list_offsets(self._consumer, self._consumer.end_offsets, [_theirs(p) for p in partitions])
        return {partition: ends[_theirs(partition)] for partition in partitions}

    def trim(self, partition: Partition, before_offset: int) -> None:
        """Kafka keeps messages for its own retention: nothing to do."""

    def close(self) -> None:
        """Give the partitions up, then leave the group."""
        if self._closed:
            return
        self._closed = True
        try:
            self._revoke(self._assigned, {})
        finally:
            with translated(self._settings):
                self._consumer.close(autocommit=False, timeout_ms=_CLOSE_TIMEOUT_MS)

    def _read(self, timeout_s: float) -> dict[Partition, list[Message]]:
        with translated(self._settings):
            finish_join(self._consumer)
            forget_lost_coordinator(self._consumer)
            forget_hung_coordinator(self._consumer, self._settings.session_timeout_ms / 1_000)
            records = self._consumer.poll(timeout_ms=timeout_s * 1_000, max_records=_RECORDS)
        return {(p := Partition(*key)): [_message(p, record) for record in batch] for key, batch in records.items()}

    def _settle(self, found: dict[Partition, list[Message]]) -> None:
        """Tell the listener what changed. What it raises leaves the change unsettled: the next poll tells it again."""
        while self._changes.queue:
            assigned, partitions = self._changes.queue[0]
            if assigned:
                self._assign(partitions)
            else:
                self._revoke(partitions, found)
            self._changes.queue.popleft()

    def _assign(self, partitions: Collection[Partition]) -> None:
        self._assigned.update(partitions)
        self._sought.clear()
        self._listener.on_assigned(sorted(partitions))
        for partition, first in self._beginnings(sorted(set(partitions) - self._sought)).items():
            self._move(partition, first)
        self.resume([p for p in partitions if p not in self._paused])

    def _revoke(self, partitions: Collection[Partition], found: dict[Partition, list[Message]]) -> None:
        lost = sorted(self._assigned.intersection(partitions))
        for partition in lost:
            found.pop(partition, None)
        if lost:
            self._listener.on_revoked(lost)
        self._assigned.difference_update(lost)
        self._paused.difference_update(lost)

    def _move(self, partition: Partition, offset: int) -> None:
        self._sought.add(partition)
        if self._held([partition]):
            self._consumer.seek(_theirs(partition), offset)

    def _held(self, partitions: Sequence[Partition]) -> list[Partition]:
        """Those that the consumer still has: it may have lost some, with the revocation waiting to be told."""
        held = self._consumer.assignment()
        return [p for p in partitions if p in self._assigned and _theirs(p) in held]

    def _beginnings(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        if not partitions:
            return {}
        with translated(self._settings):
            firsts = list_offsets(self._consumer, self._consumer.beginning_offsets, [_theirs(p) for p in partitions])
        return {partition: firsts[_theirs(partition)] for partition in partitions}


class _Changes(ConsumerRebalanceListener):  # type: ignore[misc]
    """Changes of the assignment, from kafka-python's thread to the caller's.

    kafka-python calls it in the midst of a rebalance, on the thread that the network needs: nothing may wait there. So a
    new partition is only held, at a place that needs no look-up, until its change has been settled.
    """

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer
        self.queue: deque[tuple[bool, list[Partition]]] = deque()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        for partition in assigned:
            self._consumer.pause(partition)
            self._consumer.seek(partition, 0)
        self.queue.append((True, [Partition(*p) for p in assigned]))

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self.queue.append((False, [Partition(*p) for p in revoked]))

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        self.on_partitions_revoked(lost)


def _theirs(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)


def _message(partition: Partition, record: Any) -> Message:
    content_type, headers = our_headers(tuple(record.headers))
    return Message(partition, record.offset, record.value or b"", content_type, headers, record.timestamp * 1_000)
