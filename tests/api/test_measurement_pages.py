"""Pages of measurements on both databases."""

from pathlib import Path
from typing import Any

from kernel.clock import DAY_US
from store.measurements import Wanted, page
from store.tables import measurements
from testing.migrated import open_migrated

FIRST_US = 1_362_096_000_000_000  # 2013-03-01


def walk(url: str) -> list[tuple[str, int, str]]:
    db = open_migrated(url)
    rows = [row(day, column, segment) for day in range(3) for column in ("", "b", "É") for segment in ("", "a=1")]
    with db.write() as connection:
        connection.execute(measurements.insert(), rows)
    found, cursor = [], None
    while True:
        items, cursor = page(db, "w", Wanted(model="m"), 4, cursor)
        found += [(item.column, item.window_start_us, item.segment) for item in items]
        if cursor is None:
            break
    db.close()
    assert len(found) == len(set(found)) == len(rows)
    return found


def row(day: int, column: str, segment: str) -> dict[str, Any]:
    start_us = FIRST_US + day * DAY_US
    key = {"workspace": "w", "model": "m", "version": "1", "segment": segment, "size": "1d", "metric": "psi"}
    spans = {"window_start_us": start_us, "window_end_us": start_us + DAY_US, "span_start_us": start_us}
    return {**key, **spans, "column": column, "value": 0.5, "status": "ok"}


def test_a_walk_on_sqlite(tmp_path: Path) -> None:
    found = walk(f"sqlite:///{tmp_path / 'pages.db'}")
    assert found == sorted(found)


def test_a_walk_on_postgresql(migrated_postgres_url: str) -> None:
    found = walk(migrated_postgres_url)
    for column in ("", "b", "É"):
        series = [(start, segment) for name, start, segment in found if name == column]
        assert series == sorted(series)
