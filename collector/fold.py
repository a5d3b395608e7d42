"""Folding: the records of a batch become rows of the record log and profiles of windows.

A fold is a function of the records alone, so what is folded from the log of messages and what is folded again from the record log
after a crash come out the same.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from collector.identity import IdentityFilter, identities
from kernel.clock import SECOND_US, Clock
from kernel.profile import WindowProfile
from kernel.profiling import profile_windows
from store.commit import Flush, ProfileKey, WindowKey
from store.models import Model
from store.registry import Registry
from stream.codecs.batch import Batch, Decoded
from stream.codecs.declared import check_declared
from stream.codecs.texts import concat
from stream.codecs.topics import RecordKind
from stream.message import Partition

_MOMENT = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class Records:
    """Rows of one model from one partition, as they go into the record log.

    Attributes:
        table: canonical columns with provenance (model, topic, partition, offset, row, ingested_at).
    """

    partition: Partition
    model: str
    table: pa.Table


def gather(
    kind: RecordKind, batches: Sequence[Batch], filters: Mapping[Partition, IdentityFilter], clock: Clock
) -> tuple[list[Records], int]:
    """The rows of some batches that are to be kept, one table a partition and model, and how many were sent twice.

    Identities age by the clock that never jumps: set to another time of day, a collector forgets none of them.

    Labels are never doubles: of several the latest counts, by (ts, value), whenever they come.
    """
    by_place: dict[tuple[Partition, str], list[pa.Table]] = defaultdict(list)
    for batch in batches:
        by_place[batch.partition, batch.model].append(batch.table)
    kept, doubled = [], 0
    now_us, passed_us = clock.now_us(), round(clock.monotonic_s() * SECOND_US)
    for (partition, model), tables in by_place.items():
        table = _in_order(concat(tables).combine_chunks())
        if kind is RecordKind.PREDICTIONS:
            fresh = filters[partition].admit(identities(model, table["version"], table["id"]), passed_us, now_us)
            doubled += int(len(fresh) - fresh.sum())
            table = table if fresh.all() else table.filter(pa.array(fresh))
        if table.num_rows:
            kept.append(Records(partition, model, _with_provenance(table, partition, model, now_us)))
    return kept, doubled


def _in_order(table: pa.Table) -> pa.Table:
    """The rows in the order of the log: decoding takes a partition's JSON first, and of equal ids the first row counts."""
    offsets = table["offset"].to_numpy()
    in_order = (offsets[1:] >= offsets[:-1]).all()
    return table if in_order else table.sort_by([("offset", "ascending"), ("row", "ascending")])


def _with_provenance(table: pa.Table, partition: Partition, model: str, now_us: int) -> pa.Table:
    rows = table.num_rows
    more: dict[str, pa.Scalar] = {
        "model": pa.scalar(model),
        "topic": pa.scalar(partition.topic),
        "partition": pa.scalar(partition.number, pa.int32()),
        "ingested_at": pa.scalar(now_us, pa.int64()).cast(_MOMENT),
    }
    for name, value in more.items():
        table = table.append_column(name, pa.repeat(value, rows))
    return table


class Folder:
    """Turns records into what a flush changes. Not thread-safe.

    Args:
        max_segments: values of a segment feature that are told apart.
        max_versions: versions of a model that are told apart.
        threads: columns of a large batch that are counted at once.
    """

    def __init__(
        self, registry: Registry, clock: Clock, max_segments: int, max_versions: int = 50, threads: int = 1
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._max_segments = max_segments
        self._max_versions = max_versions
        self._threads = threads

    def check(self, decoded: Decoded) -> Decoded:
        """Refuse the records in which a value is not of its column's declared type; an inferred type never refuses."""
        declared = self._registry.declared({batch.model for batch in decoded.batches})
        checked = [check_declared(b, declared[b.model]) if declared.get(b.model) else (b, []) for b in decoded.batches]
        batches = [batch for batch, _ in checked if batch.table.num_rows]
        refusals = [refusal for _, found in checked for refusal in found]
        return replace(decoded, batches=batches, refusals=[*decoded.refusals, *refusals])

    def fold(
        self, kind: RecordKind, records: Sequence[Records], spans: Mapping[Partition, tuple[int | None, int]]
    ) -> Flush:
        """What these records change; a model past the workspace's limit changes nothing but the offset."""
        models = self._registry.refresh({r.model for r in records})
        known = [(r, models[r.model]) for r in records if r.model in models]
        if kind is RecordKind.LABELS:
            return self._labels(known, spans)
        return self._predictions(known, spans)

    def _predictions(
        self, known: Sequence[tuple[Records, Model]], spans: Mapping[Partition, tuple[int | None, int]]
    ) -> Flush:
        profiles: dict[ProfileKey, WindowProfile] = {}
        watermarks: dict[tuple[Partition, str], int] = {}
        data: dict[WindowKey, int] = defaultdict(int)
        for records, model in known:
            specs = self._registry.specs(records.model, records.table, segments=model.segments)
            groups = profile_windows(
                records.table,
                specs,
                model.window,
                model.segments,
                self._max_segments,
                self._max_versions,
                self._threads,
            )
            profiles |= {ProfileKey(records.partition, records.model, group): p for group, p in groups.items()}
            ts_us = _micros(records.table, "ts")
            watermarks[records.partition, records.model] = int(ts_us.max())
            for window, rows in _by_window(model, ts_us):
                data[window] += rows
        return Flush(spans, profiles, watermarks, data)

    def _labels(
        self, known: Sequence[tuple[Records, Model]], spans: Mapping[Partition, tuple[int | None, int]]
    ) -> Flush:
        touched: set[WindowKey] = set()
        searches: dict[Partition, tuple[int, int]] = {}
        for records, model in known:
            hinted, rest = _by_hint(records.table)
            touched.update(window for window, _ in _by_window(model, hinted))
            if len(rest):
                first, end = searches.get(records.partition, (int(rest.min()), 0))
                searches[records.partition] = (min(first, int(rest.min())), max(end, int(rest.max()) + 1))
        return Flush(spans, labels=touched, searches=[(p, *span) for p, span in sorted(searches.items())])


def _by_hint(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """When the predictions were made, of the labels that say so; and the offsets of the rest."""
    if "prediction_ts" not in table.column_names:
        return np.empty(0, np.int64), table["offset"].to_numpy()
    hinted = table["prediction_ts"].is_valid()
    return _micros(table.filter(hinted), "prediction_ts"), table.filter(pa.compute.invert(hinted))["offset"].to_numpy()


def _micros(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].cast(pa.int64()).to_numpy(), np.int64)


def _by_window(model: Model, ts_us: np.ndarray) -> Iterator[tuple[WindowKey, int]]:
    """The windows of every size that the moments lie in, and how many lie in each."""
    for size in model.sizes:
        for start, rows in zip(*np.unique(size.starts(ts_us), return_counts=True), strict=True):
            yield WindowKey(model.name, size.text, int(start)), int(rows)
