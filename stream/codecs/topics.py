"""Which topic carries what. A topic holds one kind of record of one workspace; its name ends with the kind."""

from enum import StrEnum

from driftglass_client.wire import DEFAULT_WORKSPACE, topic_in


class RecordKind(StrEnum):
    """What a topic's records are."""

    PREDICTIONS = "predictions"
    LABELS = "labels"
    EVENTS = "events"
    BUSINESS = "business"


def topic_of(kind: RecordKind, workspace: str = DEFAULT_WORKSPACE) -> str:
    """The topic that the gateway writes and the collector reads.

    >>> topic_of(RecordKind.PREDICTIONS), topic_of(RecordKind.LABELS, "fraud")
    ('driftglass.predictions', 'driftglass.fraud.labels')
    """
    return topic_in(f"driftglass.{kind}", workspace)


def kind_of(topic: str) -> RecordKind:
    """The kind that a topic's name ends with.

    Raises:
        ValueError: when it ends with none.

    >>> kind_of("mirror.driftglass.events").value
    'events'
    """
    try:
        return RecordKind(topic.rsplit(".", 1)[-1])
    except ValueError as error:
        raise ValueError(f"the topic {topic!r} must end with .{', .'.join(RecordKind)}") from error
