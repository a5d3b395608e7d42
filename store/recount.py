"""A new grid for columns of a model, and its stored profiles counted again on it from the record log.

count   what the record log holds up to the offsets that SQL has, a day at a time, here or on Ray (store/spread.py), into a file
        that ends with the process; with it lies each profile as it will be, if nothing more comes
swap    in one transaction, beside which no collector commits: what was taken in since is counted too, the grids get a later
        version, and in each stored profile these columns are replaced

Each profile is of one version, segment, window and source partition, and is replaced only where as many rows were found as it has.
Where some have expired, or were told apart otherwise when they came, it keeps the grid that it was counted on. A collector that
counted on the old grids meanwhile is refused when it commits (store/commit.py): it drops its work and recovers it from the record
log.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from kernel.column_spec import FEATURE, VERSION, ColumnSpec, finite_numbers, is_profiled, stored_name
from kernel.errors import FencedError
from kernel.grid import Grid
from kernel.profile import ColumnProfile, Kind, WindowProfile, batch_of, profiles_of
from kernel.profile_codec import decode_profile, decode_profiles, encode_profiles
from kernel.resolution import refitted
from store import columns, models
from store.commit import ProfileKey, profile_row, profile_rows, stored_profiles
from store.database import Database, Transaction, alone, in_parts, upsert
from store.day_counts import DayCounts, key_parts, packed, unpacked
from store.record_reads import RecordReader
from store.tables import offsets, profiles
from stream.codecs.topics import RecordKind, kind_of
from stream.message import Partition

NewGrids = Mapping[str, tuple[int, Grid]]
"""By stored name: a grid, and the version that it is to have."""

_PROFILES_AT_ONCE = 500
_SIZE_BYTES = 8  # how long a block in the file is
_Parts = Mapping[ProfileKey, list[WindowProfile]]


class _Counted(NamedTuple):
    """What was counted of one profile.

    Attributes:
        rows: how many.
        columns: those that have a new grid, as a profile's bytes.
        whole: the stored profile with them in it, as bytes; empty where it did not have these rows.
    """

    rows: int
    columns: bytes
    whole: bytes


def lost(db: Database, workspace: str, model: str, sample: pa.Table) -> dict[str, tuple[int, Grid]]:
    """New grids for the numeric columns whose newest one has lost its resolution for these rows (kernel/resolution.py).

    Args:
        sample: flat rows of a reference.
    """
    kinds = columns.of_models(db, workspace, [model])[model]
    known = columns.newest_grids(db, workspace, model)
    values = defaultdict(list)
    for name in (f.name for f in sample.schema if is_profiled(f.name, f.type)):
        stored = stored_name(name)
        if stored in known and stored in kinds and kinds[stored].kind is Kind.NUMERIC:
            values[stored].append(finite_numbers(sample[name]))
    found = {name: refitted(np.concatenate(of), known[name][1]) for name, of in values.items()}
    return {name: (known[name][0] + 1, grid) for name, grid in found.items() if grid is not None}


class Recount:
    """Brings new grids into force. A context manager; one thread at a time.

    Args:
        reader: of the workspace's record log.
    """

    def __init__(
        self, db: Database, reader: RecordReader, workspace: str, model: str, grids: NewGrids, now_us: int
    ) -> None:
        self._db = db
        self._reader = reader
        self._workspace = workspace
        self._model = models.one(db, workspace, model)
        self._grids = grids
        self._now_us = now_us
        self._renewed: dict[str, int] = {}
        self._reached: dict[Partition, int] = {}
        self._specs: dict[str, ColumnSpec] = {}
        self._late: dict[ProfileKey, list[WindowProfile]] = defaultdict(list)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def count(self, heard: Callable[[float], None] = lambda _: None) -> None:
        """Count what is stored by now; nothing is written to the database.

        Args:
            heard: is told the share of the days that are done.

        Raises:
            UnavailableError: the database or the record log is away.
        """
        with self._db.read() as connection:
            self._renewed = columns.renewed_grids(connection, self._workspace).get(self._model.name, {})
            self._reached = _standing(connection, self._workspace)
            self._specs = self._told_apart(connection)
            first_us, last_us = _reach(connection, self._workspace, self._model.name)
        size = self._model.window
        days = self._reader.days(self._model.name, first_us, size.end(last_us))
        with closing(self._reader.log.spread.map(self._counts(), days)) as counted:
            by_day = enumerate(zip(days, counted, strict=True), 1)
            for _, together in groupby(by_day, lambda of: size.start(of[1][0])):
                blobs: dict[ProfileKey, list[bytes]] = defaultdict(list)
                for done, (_, block) in together:
                    for key, (blob,) in unpacked(block, self._model.name):
                        blobs[key].append(blob)
                    heard(done / len(days))
                self._write(blobs)
        with self._db.read() as connection:
            self._catch_up(connection)

    def swap(self, tx: Transaction) -> None:
        """Put the new grids and what was counted on them in place of the old; call it first in its transaction.

        Raises:
            FencedError: another process has made new grids of this model meanwhile. The transaction must end unwritten.
            UnavailableError: the record log is away; the same.
        """
        alone(tx, offsets)
        if columns.renewed_grids(tx, self._workspace).get(self._model.name, {}) != self._renewed:
            raise FencedError(f"another process has made new grids of {self._model.name}: take those")
        self._catch_up(tx)
        columns.renew_grids(tx, self._workspace, self._model.name, self._grids, self._now_us)
        for block in self._written():
            standing = profile_rows(tx, self._workspace, list(block))
            ready = {key: of.whole for key, of in block.items() if of.whole and standing.get(key) == of.rows}
            parts = {
                key: [decode_profile(of.columns), *self._late.pop(key, ())]
                for key, of in block.items()
                if key not in ready
            }
            self._update(tx, ready | self._replace(tx, _merged(parts)))
        for keys in in_parts(sorted(self._late), _PROFILES_AT_ONCE):
            self._update(tx, self._replace(tx, _merged({key: self._late[key] for key in keys})))

    def _told_apart(self, connection: sa.Connection) -> dict[str, ColumnSpec]:
        """How the columns are counted; versions and segments are told apart as they are stored apart."""
        kinds = columns.of_models(self._db, self._workspace, [self._model.name])[self._model.name]
        apart: dict[str, set[str]] = defaultdict(set)
        for version, segment in _series(connection, self._workspace, self._model.name):
            apart[VERSION].add(version)
            for name in self._model.segments:
                if segment.startswith(f"{name}="):
                    apart[FEATURE + name].add(segment.removeprefix(f"{name}="))
        specs = {VERSION: ColumnSpec(Kind.CATEGORICAL, categories=dict.fromkeys(apart[VERSION], 1))}
        for name in (FEATURE + name for name in self._model.segments):
            boolean = name in kinds and kinds[name].kind is Kind.BOOLEAN
            kind = Kind.BOOLEAN if boolean else Kind.CATEGORICAL
            specs[name] = ColumnSpec(kind, categories=dict.fromkeys(apart[name], 1))
        return specs | {name: ColumnSpec(Kind.NUMERIC, *new) for name, new in self._grids.items()}

    def _catch_up(self, connection: sa.Connection) -> None:
        """Count what was taken in since."""
        standing = _standing(connection, self._workspace)
        moved = [partition for partition, end in standing.items() if self._reached.get(partition, 0) < end]
        if moved:
            self._specs = self._told_apart(connection)  # perhaps of a version that is new
        for partition in moved:
            span = self._reached.get(partition, 0), standing[partition]
            tables = self._reader.span(RecordKind.PREDICTIONS, partition, *span)
            for key, profile in self._counts().profiles(tables.get(self._model.name)):
                self._late[key].append(profile)
        self._reached = standing

    def _counts(self) -> DayCounts:
        return DayCounts(
            self._reader.log,
            self._workspace,
            self._model.name,
            self._reached,
            self._specs,
            frozenset(self._grids),
            self._model.window,
            self._model.segments,
        )

    def _replace(self, tx: Transaction, counted: Mapping[ProfileKey, WindowProfile]) -> dict[ProfileKey, bytes]:
        """The stored profiles with the counted columns in place of the old, of those that have the rows that were counted."""
        stored = stored_profiles(tx, self._workspace, list(counted))
        before = zip(stored, profiles_of(decode_profiles(list(stored.values()))), strict=True)
        done = {
            key: replace(old, columns=self._replaced(old, counted[key]))
            for key, old in before
            if old.rows == counted[key].rows
        }
        return dict(zip(done, encode_profiles(batch_of(list(done.values()))), strict=True))

    def _replaced(self, old: WindowProfile, counted: WindowProfile) -> dict[str, ColumnProfile]:
        return {
            name: column if name not in self._grids else counted.columns.get(name) or self._nowhere(name, counted)
            for name, column in old.columns.items()
        }

    def _nowhere(self, name: str, counted: WindowProfile) -> ColumnProfile:
        """A column that no row has."""
        version, _ = self._grids[name]
        return ColumnProfile(
            Kind.NUMERIC, version, missing=counted.rows, missing_weight=counted.weight, missing_weight2=counted.weight2
        )

    def _write(self, blobs: Mapping[ProfileKey, list[bytes]]) -> None:
        """Keep what is counted of some windows to the end; no later day has rows of them."""
        for keys in in_parts(sorted(blobs), _PROFILES_AT_ONCE):
            counted = _merged({key: profiles_of(decode_profiles(blobs[key])) for key in keys})
            with self._db.read() as connection:
                ready = self._replace(connection, counted)
            merged = zip(counted.items(), encode_profiles(batch_of(list(counted.values()))), strict=True)
            rows = [(*key_parts(key), of.rows, blob, ready.get(key, b"")) for (key, of), blob in merged]
            block = packed(rows)
            self._file.write(len(block).to_bytes(_SIZE_BYTES, "little") + block)

    def _written(self) -> Iterator[dict[ProfileKey, _Counted]]:
        self._file.seek(0)
        while head := self._file.read(_SIZE_BYTES):
            block = self._file.read(int.from_bytes(head, "little"))
            yield {key: _Counted(*rest) for key, rest in unpacked(block, self._model.name)}

    def _update(self, tx: Transaction, blobs: Mapping[ProfileKey, bytes]) -> None:
        rows = [profile_row(self._workspace, key) | {"rows": 0, "blob": blob} for key, blob in blobs.items()]
        upsert(tx, profiles, rows, update=["blob"])


def _merged(parts: _Parts) -> dict[ProfileKey, WindowProfile]:
    return {key: WindowProfile.merge(of) for key, of in parts.items()}


def _standing(connection: sa.Connection, workspace: str) -> dict[Partition, int]:
    """The first offset not yet committed of every partition of predictions."""
    query = sa.select(offsets.c.topic, offsets.c.partition, offsets.c.next_offset)
    found = connection.execute(query.where(offsets.c.workspace == workspace))
    return {Partition(t, n): end for t, n, end in found if kind_of(t) is RecordKind.PREDICTIONS}


def _series(connection: sa.Connection, workspace: str, model: str) -> list[tuple[str, str]]:
    """Every version and segment of which a profile is stored."""
    at = profiles.c
    query = sa.select(at.version, at.segment).where(at.workspace == workspace, at.model == model).distinct()
    return [(version, segment) for version, segment in connection.execute(query)]


def _reach(connection: sa.Connection, workspace: str, model: str) -> tuple[int, int]:
    """The starts of the first and of the last window of which a profile is stored; 0 without any."""
    at = profiles.c
    query = sa.select(sa.func.min(at.window_start_us), sa.func.max(at.window_start_us))
    first, last = connection.execute(query.where(at.workspace == workspace, at.model == model)).one()
    return first or 0, last or 0
