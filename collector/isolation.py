"""Which message it is that cannot be brought in: found by halves, buried as a dead letter, so that all the others get past it.

What is wrong with a record is said by the codecs. This is for what nobody has foreseen: a message whose records are good by every
rule and that the database, or a library, refuses nevertheless, each time it is tried.
"""

import logging
from collections.abc import Sequence

from collector.sink import Flushed, Sink
from kernel.errors import ContractError, RefusedError
from stream.message import Message, Partition

_log = logging.getLogger("driftglass.collector")

DATA_ERRORS = (
    ContractError,
    RefusedError,
    ArithmeticError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What data alone can cause: ours, and what Python, NumPy and Arrow raise for a value that they cannot take. Never among them: what
says that a service is away, or that a partition is another's."""
_LONGEST_REASON = 300


def flush_apart(sink: Sink, error: Exception) -> Flushed:
    """Commit what a flush could not, partition by partition; a message that alone cannot be committed becomes a dead letter.

    Args:
        sink: as the flush that failed has left it.
        error: why it failed.

    Raises:
        FencedError, UnavailableError: as `Sink.flush` does.
    """
    held = sink.held()
    _log.warning("%d messages cannot be brought in together: %s", sum(map(len, held.values())), _reason(error))
    sink.recover(sorted(held))
    done = [_bring_in(sink, partition, messages) for partition, messages in sorted(held.items())]
    return Flushed(*(sum(getattr(f, name) for f in done) for name in ("accepted", "refused", "doubled")))


def _bring_in(sink: Sink, partition: Partition, messages: Sequence[Message]) -> Flushed:
    """Halves of halves, until the guilty stand alone."""
    standing = sink.committed().get(partition, 0)
    messages = [message for message in messages if message.offset >= standing]
    if not messages:
        return Flushed()
    sink.take({partition: messages})
    try:
        return sink.flush()
    except DATA_ERRORS as error:
        sink.recover([partition])  # the ids that the failed flush has seen count as unseen again
        if len(messages) == 1:
            return _give_up(sink, messages[0], error)
    middle = len(messages) // 2
    first = _bring_in(sink, partition, messages[:middle])
    return first.plus(_bring_in(sink, partition, messages[middle:]))


def _give_up(sink: Sink, message: Message, error: Exception) -> Flushed:
    if sink.committed().get(message.partition, 0) > message.offset:  # all but the last step was done, and now that too
        return Flushed()
    reason = f"cannot be brought in: {_reason(error)}"
    _log.warning("%s at offset %d %s; it is a dead letter now", message.partition, message.offset, reason)
    return sink.give_up(message, reason)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:_LONGEST_REASON]}"
