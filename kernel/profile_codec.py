"""Profiles as bytes: msgpack around little-endian arrays, compressed; never pickle.

Rows keep every bit. Sums of x - centre are stored as float32, an error far under a cell's width.
"""

import zlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernel.errors import ContractError
from kernel.profile import Cells, ColumnProfile, Kind, Moments, WindowProfile

FORMAT = 1
_COMPRESSION = 4


def encode_profile(profile: WindowProfile) -> bytes:
    """The bytes of a profile; `decode_profile` gives it back."""
    columns = {name: _encode_column(column) for name, column in profile.columns.items()}
    body = [FORMAT, profile.rows, profile.errors, profile.weight, profile.weight2, columns]
    return zlib.compress(msgspec.msgpack.encode(body), _COMPRESSION)


def decode_profile(blob: bytes) -> WindowProfile:
    """The profile in these bytes.

    Raises:
        ContractError: when they are no profile of a known format.
    """
    try:
        form, rows, errors, weight, weight2, columns = msgspec.msgpack.decode(zlib.decompress(blob))
    except (zlib.error, msgspec.DecodeError, ValueError, TypeError) as error:
        raise ContractError("profile", "these bytes are no profile") from error
    if form != FORMAT:
        raise ContractError("profile", f"format {form} is unknown here; this version reads format {FORMAT}")
    return WindowProfile(rows, errors, weight, weight2, {n: _decode_column(c) for n, c in columns.items()})


def _encode_column(column: ColumnProfile) -> list[Any]:
    cells = column.cells
    arrays = [_pack_ints(np.diff(cells.index, prepend=0)), _pack_ints(cells.rows)]
    arrays += [
        a.astype("<f4" if a is cells.sums else "<f8").tobytes() for a in (cells.sums, cells.weight, cells.weight2)
    ]
    counts = [column.missing, column.missing_weight, column.missing_weight2]
    counts += [column.nan, column.pos_inf, column.neg_inf, column.misfit]
    moments = [column.moments.count, column.moments.mean, column.moments.squares, column.low, column.high]
    return [column.kind.value, column.grid, arrays, counts, moments]


def _decode_column(packed: list[Any]) -> ColumnProfile:
    kind, grid, arrays, counts, (count, mean, squares, low, high) = packed
    index, rows = np.cumsum(_unpack_ints(arrays[0])), _unpack_ints(arrays[1])
    sums = np.frombuffer(arrays[2], "<f4").astype(np.float64)
    weight, weight2 = (np.frombuffer(a, "<f8").astype(np.float64) for a in arrays[3:])
    cells = Cells(index, rows, sums, weight, weight2)
    missing, missing_weight, missing_weight2, nan, pos_inf, neg_inf, misfit = counts
    return ColumnProfile(
        Kind(kind), grid, cells, missing, missing_weight, missing_weight2, nan, pos_inf, neg_inf, misfit,
        Moments(count, mean, squares), low, high,
    )  # fmt: skip


def _pack_ints(values: NDArray[np.int64]) -> bytes:
    """The narrowest unsigned type that holds all values: its width in one byte, then the values."""
    top = int(values.max(initial=0))
    width = next(w for w in (1, 2, 4, 8) if top < 1 << (8 * w))
    return bytes([width]) + values.astype(f"<u{width}").tobytes()


def _unpack_ints(packed: bytes) -> NDArray[np.int64]:
    return np.frombuffer(packed[1:], f"<u{packed[0]}").astype(np.int64)
