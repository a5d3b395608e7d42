"""What a collector has stored, read past its own readers: the record log's files by DuckDB, the tables by plain queries."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from kernel.profile import Kind, WindowProfile
from kernel.profile_codec import decode_profile
from store import columns, tables
from store.database import Database
from stream.codecs.topics import RecordKind, kind_of
from stream.message import Partition
from testing.collector_counts import Known, Place, WindowCounts, counts_of
from testing.collector_traffic import as_text

WORKSPACE = "default"
_COLUMNS = {
    RecordKind.PREDICTIONS: """topic || '/' || "partition", "offset", row, model, version, id, epoch_us(ts), prediction,
        prediction_value, latency_ms, weight, error, numbers, texts, scores""",
    RecordKind.LABELS: """topic || '/' || "partition", "offset", row, model, id, epoch_us(ts), label, label_value,
        epoch_us(prediction_ts)""",
}


_DERIVED = {"confidence.entropy": Kind.SCORE, "confidence.margin": Kind.SCORE}
"""What is counted of scores beside them."""


@dataclass(frozen=True)
class Storage:
    """The record log and the database of one workspace."""

    records: Path
    db: Database

    def log_rows(self, kind: RecordKind) -> list[tuple[Any, ...]]:
        """Every row of the record log, sorted by its place; of predictions the last two are features, as text, and scores."""
        table = self._table(kind)
        if table is None:
            return []
        query = f"select {_COLUMNS[kind]} from read_parquet(?) order by all"
        with duckdb.connect() as connection:
            files = [uri.removeprefix("file://") for uri in table.file_uris()]
            rows = connection.execute(query, [files]).fetchall() if files else []
        return rows if kind is RecordKind.LABELS else [_with_features(row) for row in rows]

    def reached_in_log(self, partitions: list[Partition]) -> dict[Partition, int]:
        """Up to which offset the record log says to have each partition; 0 where it says nothing."""
        found = dict.fromkeys(partitions, 0)
        for kind in (RecordKind.PREDICTIONS, RecordKind.LABELS):
            table = self._table(kind)
            mine = [p for p in partitions if table is not None and kind_of(p.topic) is kind]
            found |= {p: table.transaction_version(str(p)) or 0 for p in mine if table is not None}
        return found

    def reached_in_sql(self, partitions: list[Partition]) -> dict[Partition, int]:
        """Up to which offset each partition is counted; 0 where nothing is."""
        rows = self._rows(tables.offsets, "topic", "partition", "next_offset")
        standing = {Partition(topic, number): end for topic, number, end in rows}
        return {p: standing.get(p, 0) for p in partitions}

    def profiles(self, known: Mapping[str, Known]) -> dict[Place, WindowCounts]:
        """Every profile."""
        rows = self._rows(
            tables.profiles, "model", "version", "segment", "window_start_us", "topic", "partition", "rows", "blob"
        )
        found = {}
        for model, version, segment, start_us, topic, number, count, blob in rows:
            place = Place(model, version, segment, start_us, f"{topic}/{number}")
            found[place] = counts_of(decode_profile(blob), known[model])
            if found[place].rows != count:
                raise AssertionError(f"{place}: the row says {count}, the profile {found[place].rows}")
        return found

    def merged_profiles(self, known: Mapping[str, Known]) -> dict[Place, WindowCounts]:
        """Every profile, summed over source partitions."""
        parts: dict[Place, list[WindowProfile]] = defaultdict(list)
        rows = self._rows(tables.profiles, "model", "version", "segment", "window_start_us", "blob")
        for model, version, segment, start_us, blob in rows:
            parts[Place(model, version, segment, start_us, "")].append(decode_profile(blob))
        return {place: counts_of(WindowProfile.merge(of), known[place.model]) for place, of in parts.items()}

    def messages_counted(self) -> int:
        """The sum of all offsets that are committed."""
        return sum(end for (end,) in self._rows(tables.offsets, "next_offset"))

    def windows(self) -> dict[tuple[str, str, int], tuple[int, bool]]:
        """By (model, size, start): the rows, and whether labels came for it."""
        rows = self._rows(tables.windows, "model", "size", "start_us", "rows", "label_revision")
        return {(model, size, start): (count, revision > 0) for model, size, start, count, revision in rows}

    def watermarks(self) -> dict[tuple[str, str], int]:
        """The largest ts by (model, partition)."""
        rows = self._rows(tables.watermarks, "model", "topic", "partition", "max_ts_us")
        return {(model, f"{topic}/{number}"): ts_us for model, topic, number, ts_us in rows}

    def letters(self) -> set[tuple[str, int, int, str]]:
        """The dead letters as (source, offset, row, field)."""
        return {tuple(row) for row in self._rows(tables.dead_letters, "source", "offset", "row", "field")}

    def events(self) -> set[tuple[str, int, int, str, str]]:
        """The events as (partition, offset, row, model, kind)."""
        rows = self._rows(tables.events, "topic", "partition", "offset", "row", "model", "kind")
        return {(f"{topic}/{number}", *rest) for topic, number, *rest in rows}

    def figures(self) -> dict[tuple[str, str, int], float]:
        """The figures of the business by (model, name, ts_us)."""
        rows = self._rows(tables.business, "model", "name", "ts_us", "value")
        return {(model, name, ts_us): value for model, name, ts_us, value in rows}

    def searches(self) -> set[tuple[str, int]]:
        """Every offset at which labels without prediction_ts are looked for, as (partition, offset)."""
        rows = self._rows(tables.label_searches, "topic", "partition", "first_offset", "end_offset")
        return {(f"{topic}/{number}", offset) for topic, number, first, end in rows for offset in range(first, end)}

    def known(self) -> dict[str, Known]:
        """How the columns of each model are counted."""
        with self.db.read() as connection:
            models = list(connection.scalars(sa.select(tables.models.c.model)))
        found = {}
        for model, of in columns.of_models(self.db, WORKSPACE, models).items():
            grids = {name: grid for name, (_, grid) in columns.newest_grids(self.db, WORKSPACE, model).items()}
            kinds = {name: column.kind for name, column in of.items()} | _DERIVED
            found[model] = Known(kinds, grids, columns.dictionaries(self.db, WORKSPACE, model))
        return found

    def _rows(self, table: sa.Table, *names: str) -> list[Any]:
        with self.db.read() as connection:
            chosen = sa.select(*(table.c[name] for name in names)).where(table.c.workspace == WORKSPACE)
            return list(connection.execute(chosen))

    def _table(self, kind: RecordKind) -> DeltaTable | None:
        try:
            return DeltaTable(str(self.records / WORKSPACE / kind.value))
        except TableNotFoundError:
            return None


def _with_features(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A number is kept as such or, where it came beside texts, as its text; a boolean as 0 or 1."""
    *plain, numbers, texts, scores = row
    features = {name: as_text(value) for name, value in (numbers or {}).items()} | (texts or {})
    return (*plain, features, scores or {})
