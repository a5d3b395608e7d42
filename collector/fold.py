"""Folding: the records of a batch become rows of the record log and profiles of windows.

A fold is a function of the records alone, so what is folded from the log of messages and what is folded again from the record log
after a crash come out the same.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from collector.gather import Records
from collector.service import count_service
from kernel.profiling import Limits, ModelRows, profile_models
from store.commit import Flush, KeyedProfiles, ProfileKey, WindowKey
from store.models import Model
from store.registry import ModelColumns, Registry
from store.service_counts import CountKey, Counts
from stream.codecs.batch import Decoded
from stream.codecs.declared import check_declared
from stream.codecs.topics import RecordKind
from stream.message import Partition


class Folder:
    """Turns records into what a flush changes. Not thread-safe.

    Args:
        max_segments: values of a segment feature that are told apart.
        max_versions: versions of a model that are told apart.
        threads: columns of a large batch that are counted at once.
        duplicates: whether rows are sampled by all their features.
    """

    def __init__(
        self,
        registry: Registry,
        max_segments: int,
        max_versions: int = 50,
        threads: int = 1,
        *,
        duplicates: bool = True,
    ) -> None:
        self._registry = registry
        self._limits = Limits(max_segments, max_versions)
        self._threads = threads
        self._duplicates = duplicates

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
        models = self._registry.refresh({place.model for r in records for place in r.places})
        known = [mine for r in records if (mine := r.only(_of_models(r, models)))]
        if kind is RecordKind.LABELS:
            return self._labels(known, models, spans)
        return self._predictions(known, models, spans)

    def _predictions(
        self,
        known: Sequence[Records],
        models: Mapping[str, Model],
        spans: Mapping[Partition, tuple[int | None, int]],
    ) -> Flush:
        profiles: list[KeyedProfiles] = []
        watermarks: dict[tuple[Partition, str], int] = {}
        data: dict[WindowKey, int] = defaultdict(int)
        behind: set[WindowKey] = set()
        counts: dict[CountKey, Counts] = {}
        for records in known:
            mine = [models[place.model] for place in records.places]
            profiles.extend(self._profiles(records, mine))
            ts_us = _micros(records.table, "ts")
            reached = np.maximum.reduceat(ts_us, records.starts)
            spread = reached - np.minimum.reduceat(ts_us, records.starts)
            watermarks |= {(p.partition, p.model): top for p, top in zip(records.places, reached.tolist(), strict=True)}
            spans_us = zip(mine, records.starts.tolist(), records.rows.tolist(), spread.tolist(), strict=True)
            for model, start, rows, spread_us in spans_us:
                for window, count in _by_window(model, ts_us[start : start + rows]):
                    data[window] += count
                if spread_us > model.lateness_us:
                    behind.update(_behind(model, ts_us[start : start + rows]))
            promised = {m.name: m.objectives for m in mine if m.objectives}
            counts |= count_service(records, promised) if promised else {}
        return Flush(spans, profiles, watermarks, data, behind=behind, lateness_us=_lateness(models), counts=counts)

    def _profiles(self, records: Records, models: Sequence[Model]) -> Iterator[KeyedProfiles]:
        """What the records add to the profile of each model, version, segment and window."""
        asked = [ModelColumns(m.name, r, m.segments) for m, r in zip(models, records.rows.tolist(), strict=True)]
        specs = self._registry.specs_of(records.table, asked)
        rows = [ModelRows(a.rows, s, m.window, m.segments) for a, s, m in zip(asked, specs, models, strict=True)]
        for keys, batch in profile_models(
            records.table, rows, self._limits, self._threads, duplicates=self._duplicates
        ):
            places = [(records.places[at], group) for at, group in keys]
            yield KeyedProfiles([ProfileKey(p.partition, p.model, group) for p, group in places], batch)

    def _labels(
        self,
        known: Sequence[Records],
        models: Mapping[str, Model],
        spans: Mapping[Partition, tuple[int | None, int]],
    ) -> Flush:
        touched: set[WindowKey] = set()
        reached: dict[tuple[Partition, str], int] = {}
        searches: dict[Partition, tuple[int, int]] = {}
        for place, table in (part for records in known for part in records):
            reached[place.partition, place.model] = int(_micros(table, "ts").max())
            hinted, rest = _by_hint(table)
            touched.update(window for window, _ in _by_window(models[place.model], hinted))
            if len(rest):
                first, end = searches.get(place.partition, (int(rest.min()), 0))
                searches[place.partition] = (min(first, int(rest.min())), max(end, int(rest.max()) + 1))
        found = [(p, *span) for p, span in sorted(searches.items())]
        return Flush(spans, watermarks=reached, labels=touched, lateness_us=_lateness(models), searches=found)


def _of_models(records: Records, models: Mapping[str, Model]) -> NDArray[np.bool_]:
    """Which rows are of one of these models."""
    return np.repeat([place.model in models for place in records.places], records.rows)


def _by_hint(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """When the predictions were made, of the labels that say so; and the offsets of the rest."""
    if "prediction_ts" not in table.column_names:
        return np.empty(0, np.int64), table["offset"].to_numpy()
    hinted = table["prediction_ts"].is_valid()
    return _micros(table.filter(hinted), "prediction_ts"), table.filter(pa.compute.invert(hinted))["offset"].to_numpy()


def _micros(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].cast(pa.int64()).to_numpy(), np.int64)


def _lateness(models: Mapping[str, Model]) -> dict[str, int]:
    return {name: model.lateness_us for name, model in models.items()}


def _behind(model: Model, ts_us: np.ndarray) -> Iterator[WindowKey]:
    """The windows whose first moment, in the order of the log, comes after one that closes them."""
    before = np.maximum.accumulate(ts_us) - model.lateness_us
    for size in model.sizes:
        starts, first = np.unique(size.starts(ts_us), return_index=True)
        for start_us, reached_us in zip(starts.tolist(), before[first].tolist(), strict=True):
            if size.end(start_us) <= reached_us:
                yield WindowKey(model.name, size.text, start_us)


def _by_window(model: Model, ts_us: np.ndarray) -> Iterator[tuple[WindowKey, int]]:
    """The windows of every size that the moments lie in, and how many lie in each."""
    for size in model.sizes:
        for start, rows in zip(*np.unique(size.starts(ts_us), return_counts=True), strict=True):
            yield WindowKey(model.name, size.text, int(start)), int(rows)
