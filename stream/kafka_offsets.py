"""Where partitions of Kafka begin and end, asked of the brokers that lead them now.

kafka-python 3.0 asks a broker that leads a partition no longer again and again (`Fetcher._fetch_offsets_by_times_async`), and
nobody who leads it now, until its list of leaders is five minutes old. A reader finds out when it fetches; one whose partitions
are paused fetches nothing.
"""

from collections.abc import Callable, Sequence

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

Ask = Callable[[Sequence[TopicPartition], int], dict[TopicPartition, int]]

_FIRST_MS = 1_000
_THEN_MS = 4_000  # a broker may be slow to answer, too


def list_offsets(consumer: KafkaConsumer, ask: Ask, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """What the consumer's `beginning_offsets` or `end_offsets` answers; where that takes long, once more, of the new leaders.

    Raises:
        kafka.errors.KafkaError: as `ask` does; KafkaTimeoutError after five seconds.
    """
    try:
        return ask(partitions, _FIRST_MS)
    except KafkaTimeoutError:
        consumer._cluster.request_update()
        return ask(partitions, _THEN_MS)
