"""Profiles as bytes: msgpack around little-endian arrays over the cells of all columns, compressed; never pickle.

Rows keep every bit. Sums of x - centre are stored as float32, an error far under a cell's width.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernel.errors import ContractError
from kernel.profile import Cells, ColumnProfile, Kind, Moments, WindowProfile

FORMAT = 2
_CODEC = "zstd"
_SIZE_BYTES = 4  # how long the body is, which the decompressor wants to know


def encode_profile(profile: WindowProfile) -> bytes:
    """The bytes of a profile; `decode_profile` gives it back."""
    columns = [[name, *_described(column)] for name, column in profile.columns.items()]
    cells = _pack_cells([column.cells for column in profile.columns.values()])
    head = [FORMAT, profile.rows, profile.errors, profile.weight, profile.weight2]
    body = msgspec.msgpack.encode([*head, columns, cells])
    compressed: bytes = pa.compress(body, codec=_CODEC, asbytes=True)
    return len(body).to_bytes(_SIZE_BYTES, "little") + compressed


def decode_profile(blob: bytes) -> WindowProfile:
    """The profile in these bytes.

    Raises:
        ContractError: when they are no profile of a known format.
    """
    try:
        size = int.from_bytes(blob[:_SIZE_BYTES], "little")
        body = pa.decompress(blob[_SIZE_BYTES:], decompressed_size=size, codec=_CODEC, asbytes=True)
        form, rows, errors, weight, weight2, columns, cells = msgspec.msgpack.decode(body)
    except (pa.ArrowException, OSError, msgspec.DecodeError, ValueError, TypeError) as error:
        raise ContractError("profile", "these bytes are no profile") from error
    if form != FORMAT:
        raise ContractError("profile", f"format {form} is unknown here; this version reads format {FORMAT}")
    each = zip(columns, _unpack_cells(cells), strict=True)
    return WindowProfile(
        rows, errors, weight, weight2, {name: _column(described, held) for (name, *described), held in each}
    )


def _described(column: ColumnProfile) -> list[Any]:
    counts = [column.missing, column.missing_weight, column.missing_weight2]
    counts += [column.nan, column.pos_inf, column.neg_inf, column.misfit]
    moments = [column.moments.count, column.moments.mean, column.moments.squares, column.low, column.high]
    return [column.kind.value, column.grid, counts, moments]


def _column(described: list[Any], cells: Cells) -> ColumnProfile:
    kind, grid, counts, (count, mean, squares, low, high) = described
    missing, missing_weight, missing_weight2, nan, pos_inf, neg_inf, misfit = counts
    return ColumnProfile(
        Kind(kind), grid, cells, missing, missing_weight, missing_weight2, nan, pos_inf, neg_inf, misfit,
        Moments(count, mean, squares), low, high,
    )  # fmt: skip


def _pack_cells(columns: Sequence[Cells]) -> list[Any]:
    """How many cells each column holds, how many of each optional array, and all columns' arrays end to end."""
    lengths = [[len(c.index), len(c.sums), len(c.weight)] for c in columns]
    steps = [np.diff(c.index, prepend=0) for c in columns]
    arrays = [_pack_ints(_joined(steps, np.int64)), _pack_ints(_joined([c.rows for c in columns], np.int64))]
    arrays.append(_joined([c.sums for c in columns], np.float64).astype("<f4").tobytes())
    arrays.append(_joined([c.weight for c in columns], np.float64).astype("<f8").tobytes())
    arrays.append(_joined([c.weight2 for c in columns], np.float64).astype("<f8").tobytes())
    return [lengths, arrays]


def _unpack_cells(packed: list[Any]) -> Iterator[Cells]:
    lengths, (steps, rows, sums, weight, weight2) = packed
    in_all = [itertools.accumulate(n, initial=0) for n in zip(*lengths, strict=True)]
    index, counts = _unpack_ints(steps), _unpack_ints(rows)
    totals = np.frombuffer(sums, "<f4").astype(np.float64)
    weighed, squared = (np.frombuffer(a, "<f8").astype(np.float64) for a in (weight, weight2))
    for cells, summed, weights in zip(*(itertools.pairwise(ends) for ends in in_all), strict=True):
        at, at_sums, at_weights = slice(*cells), slice(*summed), slice(*weights)
        yield Cells(np.cumsum(index[at]), counts[at], totals[at_sums], weighed[at_weights], squared[at_weights])


def _joined(arrays: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *arrays])


def _pack_ints(values: NDArray[np.int64]) -> bytes:
    """The narrowest unsigned type that holds all values: its width in one byte, then the values."""
    top = int(values.max(initial=0))
    width = next(w for w in (1, 2, 4, 8) if top < 1 << (8 * w))
    return bytes([width]) + values.astype(f"<u{width}").tobytes()


def _unpack_ints(packed: bytes) -> NDArray[np.int64]:
    return np.frombuffer(packed[1:], f"<u{packed[0]}").astype(np.int64)
