"""A fleet measured once: models of 100 columns, each with one closed hourly window and a reference, by one worker on SQLite.

All is the detector's own step: claims, reads and decodes, measures, writes measurements and decisions. Wall time, because that is
what an hour has; the last hour's windows are closed before the clock starts.
"""

import sys
import tempfile

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from bench.probe import once, report
from bench.size import sized
from detectors.evaluate import Evaluator
from detectors.settings import DetectorSettings
from kernel.clock import HOUR_US, ManualClock
from kernel.column_spec import FEATURE, ColumnSpec
from kernel.grid import Grid
from kernel.profile import Kind, WindowProfile
from kernel.profile_codec import encode_profile
from kernel.profiling import profile_rows
from store import tables
from store.database import Database
from store.migrate import migrate
from store.record_reads import RecordReader
from store.records import RecordLog

COLUMNS, ROWS, REFERENCE_ROWS = sized(100, 2), 10_000, 100_000
START_US = 1_767_225_600_000_000  # 2026-01-01
PLACE = {"topic": "driftglass.predictions", "partition": 0}


def main() -> None:
    models = sized(int(sys.argv[1]), 3)
    before, now = _profiles()
    clock = ManualClock(START_US + 3 * HOUR_US)
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/state.db")
        migrate(db)
        _seed(db, models, encode_profile(before), encode_profile(now))
        reader = RecordReader(RecordLog(f"{folder}/records"), "default")
        settings = DetectorSettings()
        evaluator = Evaluator(db, reader, "default", clock, settings, "bench")
        measured: list[int] = []
        figures = once(lambda: measured.append(evaluator.step().measured))
        assert measured == [models]
        with db.read() as connection:
            decided = connection.scalar(sa.select(sa.func.count()).select_from(tables.decisions))
        db.close()
    report(figures | {"models": models, "decisions": decided, "hour_share": figures["seconds"] / 3_600})


def _profiles() -> tuple[WindowProfile, WindowProfile]:
    rng = np.random.default_rng(3)
    columns = {f"{FEATURE}x{i}": rng.standard_normal(REFERENCE_ROWS) for i in range(COLUMNS)}
    specs = {name: ColumnSpec(Kind.NUMERIC, 1, Grid.fit(values)) for name, values in columns.items()}
    now = pa.table({name: rng.normal(0.05, 1.0, ROWS) for name in specs})
    return profile_rows(pa.table(columns), specs), profile_rows(now, specs)


def _seed(db: Database, models: int, before: bytes, now: bytes) -> None:
    """What collector and people leave: a model, its reference, the profile of an hour, its window and its watermark."""
    end_us = START_US + HOUR_US
    for first in range(0, models, 500):
        keys = [{"workspace": "default", "model": f"m{i:05}"} for i in range(first, min(models, first + 500))]
        declared = {"window": "1h", "lateness": "60s", "rollups": [], "segments": [], "min_rows": 500}
        reference = {"reference": "r", "rows": REFERENCE_ROWS, "blob": before, "performance": {}, "provenance": {}}
        profile = {"version": "1", "segment": "", "window_start_us": START_US, "rows": ROWS, "blob": now, **PLACE}
        window = {"size": "1h", "start_us": START_US, "end_us": end_us, "data_revision": 1, "rows": ROWS}
        mark = {**PLACE, "max_ts_us": end_us + HOUR_US // 2}
        with db.write() as connection:
            for table, values in (
                (tables.models, declared),
                (tables.references, reference | {"active": True}),
                (tables.profiles, profile),
                (tables.windows, window),
                (tables.watermarks, mark),
            ):
                connection.execute(sa.insert(table), [key | values for key in keys])


main()
