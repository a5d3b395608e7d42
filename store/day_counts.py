"""What the record log holds of a model on one day, counted again: by profile, as bytes, so that it can be done anywhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from kernel.arrays import whole
from kernel.clock import DAY_US
from kernel.column_spec import ColumnSpec
from kernel.profile import WindowProfile, batch_of, profiles_of
from kernel.profile_codec import encode_profiles
from kernel.profiling import GroupKey, Limits, ModelRows, profile_models
from kernel.windows import WindowSize
from store.commit import ProfileKey
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.message import Partition

_KEY_PARTS = 5


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Counts a model's rows of a day, as they lie before some offsets; the same bytes wherever it is done.

    Attributes:
        ends: of each source partition the offset before which its rows lie.
        specs: how columns are counted and told apart; `counted` are the names of those that are kept.
    """

    log: RecordLog
    workspace: str
    model: str
    ends: Mapping[Partition, int]
    specs: Mapping[str, ColumnSpec]
    counted: frozenset[str]
    size: WindowSize
    segments: Sequence[str]

    def __call__(self, day_us: int) -> bytes:
        """The profiles of the rows of a day, each by its version, segment, window and source partition; see `unpacked`.

        Raises:
            UnavailableError: the record log is away.
        """
        reader = RecordReader(self.log, self.workspace)
        found = self.profiles(reader.as_folded(self.model, (day_us, day_us + DAY_US), self.ends))
        keys, profiles = zip(*found, strict=True) if found else ((), ())
        return packed(
            [(*key_parts(key), blob) for key, blob in zip(keys, encode_profiles(batch_of(profiles)), strict=True)]
        )

    def profiles(self, table: pa.Table | None) -> list[tuple[ProfileKey, WindowProfile]]:
        """The profiles of flat rows, those of a source partition together."""
        if table is None:
            return []
        partitions, rows = _by_partition(table)
        models = [ModelRows(n, self.specs, self.size, self.segments) for n in rows]
        return [
            (ProfileKey(partitions[at], self.model, group), self._kept(profile))
            for keys, batch in profile_models(table, models, Limits(segments=1, versions=1))
            for (at, group), profile in zip(keys, profiles_of(batch), strict=True)
        ]

    def _kept(self, profile: WindowProfile) -> WindowProfile:
        return replace(profile, columns={name: of for name, of in profile.columns.items() if name in self.counted})


def packed(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Rows that each begin with the parts of a key."""
    return msgspec.msgpack.encode(rows)


def unpacked(block: bytes, model: str) -> Iterator[tuple[ProfileKey, list[Any]]]:
    """The key and the rest of each row."""
    for row in msgspec.msgpack.decode(block):
        topic, number, *group = row[:_KEY_PARTS]
        yield ProfileKey(Partition(topic, number), model, GroupKey(*group)), row[_KEY_PARTS:]


def key_parts(key: ProfileKey) -> tuple[Any, ...]:
    """What tells a model's profiles apart."""
    return *astuple(key.partition), *astuple(key.group)


def _by_partition(table: pa.Table) -> tuple[list[Partition], list[int]]:
    """The source partitions of rows that lie together by them, and how many rows each has."""
    topics, numbers = whole(table["topic"]).dictionary_encode(), table["partition"].to_numpy()
    codes = topics.indices.to_numpy()
    starts = np.flatnonzero(np.append(True, (np.diff(codes) != 0) | (np.diff(numbers) != 0)))
    names = topics.dictionary.take(pa.array(codes[starts])).to_pylist()
    partitions = [Partition(name, number) for name, number in zip(names, numbers[starts].tolist(), strict=True)]
    return partitions, np.diff(starts, append=len(table)).tolist()
