"""Profiles as bytes: msgpack around little-endian arrays over the columns and their cells, compressed; never pickle.

Rows keep every bit. Sums of x - centre are stored as float32, an error far under a cell's width.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernel.cells import Cells, Int64Array
from kernel.errors import ContractError
from kernel.grid import Float64Array
from kernel.profile import WindowProfile, batch_of, profiles_of
from kernel.profile_batch import COLUMN, PROFILE, ProfileBatch
from kernel.samples import kept

FORMAT = 4
_READ = (3, FORMAT)  # before format 4 there were no samples
_CODEC = "zstd"
_SIZE_BYTES = 4  # how long the body is, which the decompressor wants to know


def encode_profile(profile: WindowProfile) -> bytes:
    """The bytes of a profile; `decode_profile` gives it back."""
    return encode_profiles(batch_of([profile]))[0]


def decode_profile(blob: bytes) -> WindowProfile:
    """The profile in these bytes.

    Raises:
        ContractError: when they are no profile of a known format.
    """
    return profiles_of(decode_profiles([blob]))[0]


def encode_profiles(batch: ProfileBatch) -> list[bytes]:
    """The bytes of each profile of a batch whose columns lie together by profile, in their order."""
    columns = np.searchsorted(batch.owner, np.arange(len(batch) + 1))
    in_all = np.cumsum([0, *batch.columns["cells"]])
    cells = in_all[columns]
    apart = _of_samples(batch.columns)  # hashes are far apart: beside them every step would be as wide
    index, rows = _steps(batch.cells.index, in_all), batch.cells.rows
    narrow = [
        _narrow(values[chosen], np.append(0, np.cumsum(chosen))[cells])
        for chosen in (~apart, apart)
        for values in (index, rows)
    ]
    with np.errstate(over="ignore"):  # a sum beyond float32 is stored as infinite
        sums = _cut(batch.cells.sums.astype("<f4"), cells)
    weights = [_weights_cut(batch, values, columns, cells) for values in (batch.cells.weight, batch.cells.weight2)]
    names = (batch.names[start:end] for start, end in pairwise(columns.tolist()))
    heads = (_cut(batch.profiles, np.arange(len(batch) + 1)), names, _cut(batch.columns, columns))
    return [_packed([FORMAT, *parts]) for parts in zip(*heads, *narrow[:2], sums, *weights, *narrow[2:], strict=True)]


def decode_profiles(blobs: Sequence[bytes]) -> ProfileBatch:
    """The profiles in these bytes, in their order.

    Raises:
        ContractError: when some are no profile of a known format.
    """
    return ProfileBatch.join([_decoded(blob) for blob in blobs]) if blobs else batch_of([])


def _packed(parts: list[Any]) -> bytes:
    body = msgspec.msgpack.encode(parts)
    compressed: bytes = pa.compress(body, codec=_CODEC, asbytes=True)
    return len(body).to_bytes(_SIZE_BYTES, "little") + compressed


def _decoded(blob: bytes) -> ProfileBatch:
    try:
        size = int.from_bytes(blob[:_SIZE_BYTES], "little")
        body = pa.decompress(blob[_SIZE_BYTES:], decompressed_size=size, codec=_CODEC, asbytes=True)
        form, *parts = msgspec.msgpack.decode(body)
    except (pa.ArrowException, OSError, msgspec.DecodeError, ValueError, TypeError) as error:
        raise ContractError("profile", "these bytes are no profile") from error
    if form not in _READ:
        raise ContractError("profile", f"format {form} is unknown here; this version reads format {FORMAT}")
    head, names, described, steps, rows, sums, weight, weight2, *of_samples = parts
    columns = np.frombuffer(described, COLUMN)
    apart = _of_samples(columns)
    step, row = np.empty((2, len(apart)), np.int64)
    step[~apart], row[~apart] = _widened(steps), _widened(rows)
    if of_samples:
        step[apart], row[apart] = (_widened(packed) for packed in of_samples)
    cells = Cells(
        _indices(step, columns["cells"]),
        row,
        np.frombuffer(sums, "<f4").astype(np.float64),
        np.frombuffer(weight, "<f8"),
        np.frombuffer(weight2, "<f8"),
    )
    return ProfileBatch(np.frombuffer(head, PROFILE), np.zeros(len(columns), np.int64), names, columns, cells)


def _of_samples(columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Which cells are those of samples."""
    return np.repeat(kept(columns["kind"]) > 0, columns["cells"])


def _steps(index: Int64Array, ends: Int64Array) -> Int64Array:
    """From each cell of a column to its next, and to its first from 0; never negative."""
    steps = np.diff(index, prepend=0)
    first = ends[:-1][np.diff(ends) > 0]
    steps[first] = index[first]
    return steps


def _indices(steps: Int64Array, lengths: NDArray[np.int32]) -> Int64Array:
    """The other way round."""
    index = np.cumsum(steps)
    first = np.cumsum(lengths) - lengths
    full = lengths > 0
    index -= np.repeat(index[first[full]] - steps[first[full]], lengths[full])
    return index


def _cut(values: NDArray[Any], ends: Int64Array) -> Iterator[bytes]:
    """The bytes of the values between each two ends."""
    return (values[start:end].tobytes() for start, end in pairwise(ends.tolist()))


def _weights_cut(batch: ProfileBatch, values: Float64Array, columns: Int64Array, cells: Int64Array) -> Iterator[bytes]:
    """Those of the profiles that have any."""
    spans = zip(pairwise(columns.tolist()), pairwise(cells.tolist()), strict=True)
    return (
        values[slice(*at)].astype("<f8").tobytes() if batch.columns["weighed"][slice(*of)].any() else b""
        for of, at in spans
    )


def _narrow(values: Int64Array, ends: Int64Array) -> Iterator[bytes]:
    """The values between each two ends in the narrowest unsigned type that holds them: its width in one byte, then they."""
    for start, end in pairwise(ends.tolist()):
        top = int(values[start:end].max(initial=0))
        width = next(w for w in (1, 2, 4, 8) if top < 1 << (8 * w))
        yield bytes([width]) + values[start:end].astype(f"<u{width}").tobytes()


def _widened(packed: bytes) -> Int64Array:
    return np.frombuffer(packed, f"<u{packed[0]}", offset=1).astype(np.int64)
