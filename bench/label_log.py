"""A record log of one model's month, and labels that came late for some of it, spread over all of the month."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.size import sized
from kernel.clock import DAY_US, HOUR_US
from kernel.windows import Span
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from testing.record_log import append_rows

MODEL = "m"
DAYS = sized(30, 2)
PREDICTIONS = sized(10_000_000, 2_000) // DAYS * DAYS
LABELS = sized(500_000, 200) // DAYS * DAYS
START_US = 1_767_225_600_000_000  # 2026-01-01
WINDOWS: Sequence[Span] = [(START_US + day * DAY_US, START_US + (day + 1) * DAY_US) for day in range(DAYS)]
_MOMENT = pa.timestamp("us", "UTC")
_DELAY_US = 20 * DAY_US


def log_in(folder: Path) -> RecordLog:
    """The record log in a folder."""
    return RecordLog(str(folder / "records"))


def fill(folder: Path) -> None:
    """Write the predictions, a commit a day, and the labels, in one."""
    log = log_in(folder)
    labels = []
    for day, (table, of_it) in enumerate(month(PREDICTIONS // DAYS, LABELS // DAYS)):
        append_rows(log, RecordKind.PREDICTIONS, table, day, START_US + day)
        labels.append(of_it)
    append_rows(log, RecordKind.LABELS, pa.concat_tables(labels), 0, START_US)


def month(rows: int, labels: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """So many predictions a day, as flat columns, and so many labels that some of them get late."""
    rng = np.random.default_rng(7)
    for table in _days(rng, rows):
        yield table, _labels(table, labels, rng)


def _days(rng: np.random.Generator, rows: int) -> Iterator[pa.Table]:
    for day in range(DAYS):
        ts_us = START_US + day * DAY_US + np.sort(rng.integers(0, DAY_US, rows))
        late = rng.random(rows)
        yield pa.table(
            {
                "model": pa.repeat(MODEL, rows),
                "version": pa.repeat("1", rows),
                "id": pa.array(rng.integers(2**60, 2**62, rows)).cast(pa.string()),
                "ts": pa.array(ts_us, _MOMENT),
                "prediction": pc.if_else(pa.array(late > 0.5), "late", "on_time"),
                "score.late": late,
                "feature.x": rng.standard_normal(rows),
            }
        )


def _labels(table: pa.Table, count: int, rng: np.random.Generator) -> pa.Table:
    chosen = table.take(pa.array(np.sort(rng.choice(len(table), count, replace=False))))
    happened = rng.random(len(chosen)) < chosen["score.late"].to_numpy()
    delays = rng.integers(HOUR_US, _DELAY_US, len(chosen))
    return pa.table(
        {
            "model": chosen["model"],
            "id": chosen["id"],
            "ts": pa.array(chosen["ts"].cast(pa.int64()).to_numpy() + delays, _MOMENT),
            "label": pc.if_else(pa.array(happened), "late", "on_time"),
            "prediction_ts": chosen["ts"],
        }
    )
