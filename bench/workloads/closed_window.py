"""Measuring a closed window of 100 columns: the same shares at 10,000 rows and at 100,000,000.

"measure" is the arithmetic alone; "step" is the detector's whole step on SQLite: lease, read and decode the profile and the
reference, measure, write measurements and decisions. Both in CPU time, which on a free core is the time it takes.
"""

import statistics
import tempfile
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa

from bench.probe import once, report
from bench.size import sized
from detectors.column_drift import Test, measure_column
from detectors.evaluate import Evaluator, drift_columns
from detectors.settings import DetectorSettings
from kernel.clock import DAY_US, HOUR_US, ManualClock
from kernel.column_spec import FEATURE, ColumnSpec
from kernel.grid import Grid
from kernel.profile import ColumnProfile, Kind, Moments, WindowProfile, batch_of
from kernel.profiling import GroupKey, profile_rows
from store import models, references
from store.commit import Flush, KeyedProfiles, ProfileKey, WindowKey, commit
from store.database import Database
from store.migrate import migrate
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.message import Partition

COLUMNS, ROWS, REFERENCE_ROWS = sized(100, 2), 10_000, sized(100_000, 10_000)
SCALES = {"1e4": 1, "1e8": 10_000}
TURNS, STEPS = sized(20, 1), sized(5, 1)
START_US = 1_767_225_600_000_000  # 2026-01-01
PARTITION = Partition("driftglass.predictions", 0)
TEST = Test(alpha=1e-4)


def main() -> None:
    rng = np.random.default_rng(3)
    columns = {f"{FEATURE}x{i}": rng.standard_normal(REFERENCE_ROWS) for i in range(COLUMNS)}
    specs = {name: ColumnSpec(Kind.NUMERIC, 1, Grid.fit(values)) for name, values in columns.items()}
    before = profile_rows(pa.table(columns), specs)
    window = profile_rows(pa.table({name: rng.normal(0.05, 1.0, ROWS) for name in specs}), specs)
    windows = {name: _scaled(window, times) for name, times in SCALES.items()}
    turns = [
        {name: once(partial(_measure, now, before))["cpu_seconds"] for name, now in windows.items()}
        for _ in range(TURNS)
    ]
    figures = {f"measure_{name}_ms": 1_000 * statistics.median(turn[name] for turn in turns) for name in windows}
    report(figures | {f"step_{name}_ms": _step(now, before) for name, now in windows.items()})


def _measure(now: WindowProfile, before: WindowProfile) -> None:
    for name in drift_columns(before).values():
        found = [m.metric for m in measure_column(name, name, now, before, TEST)]
        assert found == ["missing_share", "misfit_share", "psi", "js_distance", "out_of_range_share"]


def _scaled(window: WindowProfile, times: int) -> WindowProfile:
    """As many rows times over, in the same cells."""
    columns = {name: _scaled_column(column, times) for name, column in window.columns.items()}
    return WindowProfile(window.rows * times, 0, window.weight * times, window.weight2 * times, columns)


def _scaled_column(column: ColumnProfile, times: int) -> ColumnProfile:
    moments = Moments(column.moments.count * times, column.moments.mean, column.moments.squares * times)
    cells = replace(column.cells, rows=column.cells.rows * times, sums=column.cells.sums * times)
    return replace(column, cells=cells, moments=moments)


def _step(now: WindowProfile, before: WindowProfile) -> float:
    """CPU milliseconds of a detector's step with one window due, the median of some; the window is raised again before each."""
    clock = ManualClock(START_US + 30 * DAY_US)
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/state.db")
        migrate(db)
        models.declare(db, "default", Model("m"), clock.now_us())
        reader = RecordReader(RecordLog(f"{folder}/records"), "default")
        evaluator = Evaluator(db, reader, "default", clock, DetectorSettings(), "bench")
        commit(db, "default", _flush(now, None), clock.now_us())
        seconds = []
        for _ in range(STEPS + 1):
            references.put(db, "default", "m", before, {}, {}, clock.now_us())  # makes the window due again
            seconds.append(once(lambda: _expect_one(evaluator))["cpu_seconds"])
        db.close()
    return 1_000 * statistics.median(seconds[1:])


def _expect_one(evaluator: Evaluator) -> None:
    assert evaluator.step().measured == 1


def _flush(now: WindowProfile, offset: int | None) -> Flush:
    key = ProfileKey(PARTITION, "m", GroupKey("1", "", START_US))
    data = {WindowKey("m", "1d", START_US): now.rows}
    return Flush(
        {PARTITION: (offset, 1)},
        [KeyedProfiles([key], batch_of([now]))],
        {(PARTITION, "m"): START_US + DAY_US + HOUR_US},
        data,
    )


main()
