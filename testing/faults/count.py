"""What is stored, counted without Driftglass's readers: DuckDB over the Delta files, plain SQL, profiles added up here.

Only the format of a profile's bytes is taken from the product (kernel.profile_codec), as there is no other reader of it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from deltalake import DeltaTable

from kernel.profile_codec import decode_profile
from testing.faults.load import Acknowledged
from testing.faults.records import WINDOW_US, Record

Counts = Counter[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class View:
    """One of the places where records are counted, as it should be and as it is.

    >>> View("windows", Counter({("fraud",): 3}), Counter({("fraud",): 2, ("churn",): 1})).lost
    1
    """

    name: str
    expected: Counts
    found: Counts

    @property
    def lost(self) -> int:
        """Records that should be there and are not."""
        return sum((self.expected - self.found).values())

    @property
    def doubled(self) -> int:
        """Records that are there and should not be."""
        return sum((self.found - self.expected).values())

    def difference(self, most: int = 5) -> str:
        """For people: some of what differs."""
        keys = [key for key in {*self.expected, *self.found} if self.expected[key] != self.found[key]]
        shown = ", ".join(f"{key}: {self.found[key]} for {self.expected[key]}" for key in sorted(keys)[:most])
        return f"{self.name}: {len(keys)} differ, {shown}" if keys else ""


def views(database: str, workspace: str, records: Path, sent: Acknowledged) -> list[View]:
    """Every place that counts records, against what was acknowledged."""
    known = [Record(number) for number in sent.predictions]
    rows, labels = _record_log(records / workspace / "predictions"), _record_log(records / workspace / "labels")
    engine = sa.create_engine(database)
    try:
        with engine.connect() as connection:
            profiles = _profiles(connection, workspace)
            windows = _windows(connection, workspace)
    finally:
        engine.dispose()
    by_window = Counter((r.model, r.window_us) for r in known)
    labelled = _once((model, ts_us // WINDOW_US * WINDOW_US) for model, ts_us in _hints(labels))
    return [
        View("record log", Counter((r.model, r.version, r.id) for r in known), Counter(row[:3] for row in rows)),
        View("places in the record log", *_places(rows)),
        View("labels", _once((Record(n).model, Record(n).id) for n in sent.labels), _once(row[:3:2] for row in labels)),
        View("places of labels", *_places(labels)),
        View("profiles", Counter((r.model, r.version, r.window_us) for r in known), profiles.rows),
        View("categories in profiles", Counter((r.model, r.country) for r in known), profiles.countries),
        View("windows", by_window, windows.rows),
        View("windows that labels came for", labelled, windows.labelled),
    ]


@dataclass(frozen=True, slots=True)
class _Profiles:
    rows: Counts
    countries: Counts


@dataclass(frozen=True, slots=True)
class _Windows:
    rows: Counts
    labelled: Counts


def _once(keys: Iterable[tuple[Any, ...]]) -> Counts:
    """A label may lie there several times, as it was sent several times: only whether it is there counts."""
    return Counter(set(keys))


def _places(rows: list[tuple[Any, ...]]) -> tuple[Counts, Counts]:
    """A message's record is there once, whatever its id."""
    found = Counter(row[3:7] for row in rows)
    return Counter(set(found)), found


def _hints(labels: list[tuple[Any, ...]]) -> list[tuple[str, int]]:
    return [(row[0], row[7]) for row in labels]


def _record_log(table: Path) -> list[tuple[Any, ...]]:
    """model, version ("" of a label), id, topic, partition, offset, row and the moment of the prediction of every row."""
    if not (table / "_delta_log").is_dir():
        return []
    files = [uri.removeprefix("file://") for uri in DeltaTable(str(table)).file_uris()]
    if not files:
        return []
    version, moment = ("version", "ts") if table.name == "predictions" else ("''", "prediction_ts")
    query = (
        f'select model, {version}, id, topic, "partition", "offset", row, epoch_us({moment}) '
        "from read_parquet(?, hive_partitioning = false)"
    )
    return duckdb.execute(query, [files]).fetchall()


def _profiles(connection: sa.Connection, workspace: str) -> _Profiles:
    codes = {
        (model, code): value
        for model, code, value in connection.execute(
            sa.text('select model, code, value from categories where workspace = :w and "column" = :c'),
            {"w": workspace, "c": "feature.country"},
        )
    }
    rows, countries = Counts(), Counts()
    stored = sa.text(
        "select model, version, window_start_us, rows, blob from profiles where workspace = :w and segment = ''"
    )
    for model, version, start_us, stated, blob in connection.execute(stored, {"w": workspace}):
        profile = decode_profile(blob)
        if profile.rows != stated:
            raise AssertionError(f"a profile of {model} says {profile.rows} rows, and its row {stated}")
        rows[model, version, start_us] += profile.rows
        cells = profile.columns["feature.country"].cells
        for code, count in zip(cells.index.tolist(), cells.rows.tolist(), strict=True):
            countries[model, codes.get((model, code), "other")] += count
    return _Profiles(rows, countries)


def _windows(connection: sa.Connection, workspace: str) -> _Windows:
    found = connection.execute(
        sa.text("select model, start_us, rows, label_revision from windows where workspace = :w and size = '1d'"),
        {"w": workspace},
    ).all()
    return _Windows(
        Counter({(model, start_us): rows for model, start_us, rows, _ in found if rows}),
        _once((model, start_us) for model, start_us, _, label_revision in found if label_revision),
    )
