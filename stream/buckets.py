"""The bucket of many ids at once: `driftglass_client.wire.bucket_of` over Arrow's own buffers, compiled."""

import zlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftglass_client.wire import BUCKETS
from kernel.compiled import compiled

_POLYNOMIAL = 0xEDB88320


def _crc_table() -> NDArray[np.uint32]:
    """The 256 steps of CRC-32 (ISO 3309), reflected, as zlib computes it."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _crc_table()


def buckets(workspace: str, model: str, ids: pa.Array | pa.ChunkedArray, n_buckets: int = BUCKETS) -> NDArray[np.int64]:
    """The bucket, 0 to n_buckets - 1, of every record of one model, shape (len(ids),).

    Args:
        ids: text of any Arrow type; a missing id counts as the empty one.

    >>> buckets("default", "flight-delay", pa.array(["a-1", None])).tolist()
    [7, 4]
    """
    if not len(ids):
        return np.empty(0, np.int64)
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    if not pa.types.is_large_string(ids.type):
        ids = ids.cast(pa.large_string())
    if ids.null_count:
        ids = ids.fill_null("")
    _, offsets, data = ids.buffers()
    starts = np.frombuffer(offsets, np.int64)[ids.offset : ids.offset + len(ids) + 1]
    text = np.frombuffer(data or b"\0", np.uint8)
    prefix = zlib.crc32(f"{workspace}\0{model}\0".encode())
    sums: NDArray[np.uint32] = _crc32(text, starts, np.uint32(prefix), _TABLE)
    return sums.astype(np.int64) % n_buckets


@compiled
def _crc32(
    text: NDArray[np.uint8], starts: NDArray[np.int64], prefix: np.uint32, table: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """The CRC-32 of prefix and text[starts[i]:starts[i + 1]] for every i; the prefix is given by its own CRC-32."""
    sums = np.empty(starts.size - 1, np.uint32)
    for i in range(sums.size):
        crc = ~prefix
        for at in range(starts[i], starts[i + 1]):
            crc = table[(crc ^ text[at]) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
        sums[i] = ~crc
    return sums
