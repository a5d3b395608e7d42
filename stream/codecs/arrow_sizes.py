"""How large an Arrow stream becomes when it is unpacked, told before that is done: a few bytes may claim any size.

Compressed buffers begin with their unpacked size, which Arrow reserves and fills without asking; where they lie is in each
message's metadata, a FlatBuffer (format/Message.fbs of Apache Arrow), of which just these numbers are read here.
"""

import struct
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from kernel.errors import ContractError

MAX_BYTES = 256 << 20
"""Bytes of one message, unpacked, at most."""
_TOO_LARGE = f"holds more than {MAX_BYTES >> 20} MiB when it is unpacked: send it in several messages"
_HEADER_TYPE, _HEADER = 1, 2  # fields of a Message
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # types of its header
_DATA = 1  # field of a DictionaryBatch
_BUFFERS, _COMPRESSION = 2, 3  # fields of a RecordBatch
_BUFFER_BYTES = 16


def require_bounded(body: bytes) -> None:
    """Make sure that the buffers of a stream are no larger than MAX_BYTES together.

    Raises:
        ContractError: they would be; or the metadata cannot be read.
        pyarrow.ArrowException, OSError: it is no stream.
    """
    try:
        total = _total(body)
    except (struct.error, IndexError) as error:
        raise ContractError("", "is no Arrow IPC stream: the metadata of a batch cannot be read") from error
    if total > MAX_BYTES:
        raise ContractError("", _TOO_LARGE)


def unpacked_bytes(body: bytes) -> int:
    """About how many bytes a stream holds when it is unpacked; of what is no stream, how many it has.

    >>> unpacked_bytes(b"no stream")
    9
    """
    try:
        return max(len(body), _total(body))
    except (struct.error, IndexError, pa.ArrowException, OSError):
        return len(body)


def require_small(column: pa.ChunkedArray) -> None:
    """Make sure that a column with a dictionary is no larger than MAX_BYTES when each row has its own value.

    Raises:
        ContractError: it would be.
    """
    total = sum(_written_out(chunk) for chunk in column.chunks)
    if total > MAX_BYTES:
        raise ContractError("", _TOO_LARGE)


def _written_out(chunk: pa.DictionaryArray) -> int:
    values = chunk.dictionary
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return 0  # all of one size, and a small one
    sizes = pc.binary_length(values).cast(pa.int64()).take(chunk.indices)
    return int(pc.sum(sizes).as_py() or 0)


def _total(body: bytes) -> int:
    return sum(map(_unpacked, pa.ipc.MessageReader.open_stream(pa.py_buffer(body))))


def _unpacked(message: pa.ipc.Message) -> int:
    """Bytes of a message's buffers when they are unpacked."""
    metadata, body = bytes(message.metadata), message.body
    header = _record_batch(metadata)
    if header is None or body is None:
        return 0
    batch = _Table(metadata, header)
    if batch.field(_COMPRESSION) is None:
        return int(body.size)  # what is not compressed is no larger than it is
    return sum(_sizes(batch, memoryview(body)))


def _sizes(batch: "_Table", body: memoryview) -> Iterator[int]:
    for offset, length in batch.buffers():
        unpacked = struct.unpack_from("<q", body, offset)[0] if length else -1
        yield length if unpacked < 0 else unpacked  # -1: this one is not


def _record_batch(metadata: bytes) -> int | None:
    """Where the RecordBatch of a Message stands; None where it holds none, such as a schema."""
    message = _Table(metadata, struct.unpack_from("<I", metadata)[0])
    kind_at, header_at = message.field(_HEADER_TYPE), message.field(_HEADER)
    kind = None if kind_at is None else metadata[kind_at]
    if header_at is None or kind not in (_DICTIONARY_BATCH, _RECORD_BATCH):
        return None
    header = _followed(metadata, header_at)
    if kind == _RECORD_BATCH:
        return header
    data_at = _Table(metadata, header).field(_DATA)
    return None if data_at is None else _followed(metadata, data_at)


def _followed(metadata: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", metadata, at)[0])


class _Table:
    """A table of a FlatBuffer."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._directory = at - struct.unpack_from("<i", data, at)[0]

    def field(self, number: int) -> int | None:
        """Where a field stands; None where it was left out."""
        entry = 4 + 2 * number
        if entry + 2 > struct.unpack_from("<H", self._data, self._directory)[0]:
            return None
        offset = struct.unpack_from("<H", self._data, self._directory + entry)[0]
        return self._at + offset if offset else None

    def buffers(self) -> Iterator[tuple[int, int]]:
        """Offset and length of each buffer of a RecordBatch, within the message's body."""
        at = self.field(_BUFFERS)
        if at is None:
            return
        start = _followed(self._data, at)
        for number in range(struct.unpack_from("<I", self._data, start)[0]):
            yield struct.unpack_from("<qq", self._data, start + 4 + number * _BUFFER_BYTES)
