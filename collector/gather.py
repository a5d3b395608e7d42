"""From decoded batches to records: the rows that are to be kept, those of many models in one table where their columns allow it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from collector.identity import IdentityFilter, identities
from kernel.clock import SECOND_US, Clock
from stream.codecs.batch import Batch
from stream.codecs.texts import concat
from stream.codecs.topics import RecordKind
from stream.message import Partition

_MOMENT = pa.timestamp("us", "UTC")


class Place(NamedTuple):
    """Where rows belong; its profiles and watermark have one writer."""

    model: str
    partition: Partition


@dataclass(frozen=True, slots=True)
class Records:
    """Rows of the same columns, as they go into the record log.

    Attributes:
        places: ascending; at least one.
        rows: how many rows of each, at least one, shape (places,).
        table: canonical columns with provenance (model, topic, partition, offset, row, ingested_at), one place after the other.
            Of some places a column may be null throughout.
    """

    places: Sequence[Place]
    rows: NDArray[np.int64]
    table: pa.Table

    @property
    def starts(self) -> NDArray[np.int64]:
        """The first row of each place."""
        return np.cumsum(self.rows) - self.rows

    def __iter__(self) -> Iterator[tuple[Place, pa.Table]]:
        """The rows of each place."""
        spans = zip(self.places, self.starts.tolist(), self.rows.tolist(), strict=True)
        return ((place, self.table.slice(start, rows)) for place, start, rows in spans)

    def only(self, kept: NDArray[np.bool_]) -> "Records | None":
        """Without some rows; None without any."""
        if kept.all():
            return self
        rows = np.add.reduceat(kept, self.starts, dtype=np.int64)
        places = [place for place, left in zip(self.places, rows.tolist(), strict=True) if left]
        return Records(places, rows[rows > 0], self.table.filter(pa.array(kept))) if places else None


def joined(tables: Mapping[Place, pa.Table]) -> list[Records]:
    """The rows of all places, none of which has none, as few tables: one for each set of columns."""
    alike: dict[pa.Schema, list[Place]] = defaultdict(list)
    for place in sorted(tables):
        alike[tables[place].schema].append(place)
    return [
        Records(
            places,
            np.array([tables[place].num_rows for place in places]),
            pa.concat_tables([tables[place] for place in places]).combine_chunks(),
        )
        for places in alike.values()
    ]


def gather(
    kind: RecordKind, batches: Sequence[Batch], filters: Mapping[Partition, IdentityFilter], clock: Clock
) -> tuple[list[Records], int]:
    """The rows of some batches that are to be kept, and how many were sent twice.

    Identities age by the clock that never jumps: set to another time of day, a collector forgets none of them.

    Labels are never doubles: of several the latest counts, by (ts, value), whenever they come.
    """
    by_place: dict[Place, list[pa.Table]] = defaultdict(list)
    for batch in batches:
        by_place[Place(batch.model, batch.partition)].append(batch.table)
    now_us, passed_us = clock.now_us(), round(clock.monotonic_s() * SECOND_US)
    found = []
    for records in joined({place: concat(tables) for place, tables in by_place.items()}):
        whole = _with_provenance(_in_order(records), now_us)
        fresh = (
            _fresh(whole, filters, passed_us, now_us)
            if kind is RecordKind.PREDICTIONS
            else np.ones(len(whole.table), np.bool_)
        )
        found.append((whole.only(fresh), int(len(fresh) - fresh.sum())))
    return [records for records, _ in found if records], sum(doubled for _, doubled in found)


def _in_order(records: Records) -> Records:
    """The rows of each place in the order of the log: decoding takes JSON first, and of equal ids the first row counts."""
    place = np.repeat(np.arange(len(records.places)), records.rows)
    offsets = records.table["offset"].to_numpy()
    if ((offsets[1:] >= offsets[:-1]) | (place[1:] > place[:-1])).all():
        return records
    order = np.lexsort((records.table["row"].to_numpy(), offsets, place))
    return Records(records.places, records.rows, records.table.take(pa.array(order)))


def _fresh(
    records: Records, filters: Mapping[Partition, IdentityFilter], passed_us: int, now_us: int
) -> NDArray[np.bool_]:
    """Which rows have an identity that their partition has not seen."""
    keys = identities(records.table)
    fresh = np.ones(len(records.table), np.bool_)
    for partition in {place.partition for place in records.places}:
        mine = np.repeat([place.partition == partition for place in records.places], records.rows)
        fresh[mine] = filters[partition].admit(keys.of(mine), passed_us, now_us)
    return fresh


def _with_provenance(records: Records, now_us: int) -> Records:
    partitions = [place.partition for place in records.places]
    known = {
        "model": pa.array([place.model for place in records.places], pa.string()),
        "topic": pa.array([partition.topic for partition in partitions], pa.string()),
        "partition": pa.array([partition.number for partition in partitions], pa.int32()),
    }
    of = pa.array(np.repeat(np.arange(len(partitions)), records.rows))
    table = records.table
    for name, values in known.items():
        table = table.append_column(name, values.take(of))
    table = table.append_column("ingested_at", pa.repeat(pa.scalar(now_us, pa.int64()).cast(_MOMENT), len(table)))
    return Records(records.places, records.rows, table)
