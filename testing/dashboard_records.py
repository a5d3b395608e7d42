"""The record log beside the made-up rows: predictions of one model, of two versions in its last days, and their labels."""

import numpy as np
import pyarrow as pa

from kernel.clock import DAY_US, HOUR_US
from kernel.profile import Kind
from store import columns
from store.columns import Column
from store.database import Database
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from testing.dashboard_rows import AIRPORTS, DAYS, START_US, VERSION, WORKSPACE
from testing.record_log import append_rows

MODEL, CANARY = "flight-delay", "4"
_DAYS, _CANARY_DAYS, _WORSE_DAYS, _DIFFERENT_DAYS, _ROWS = 90, 30, 45, 10, 60


def write_records(root: str, db: Database) -> None:
    """Put them into a record log, and what is known of their columns into its database.

    In the second half of 90 days more flights are from JFK, where more are wrong; in the last ten days the two versions, which
    predict the same rows, differ in one of four and no longer in one of twelve.
    """
    kinds = {"feature.origin": Kind.CATEGORICAL, "feature.dep_delay": Kind.NUMERIC}
    columns.add(db, WORKSPACE, {MODEL: [Column(name, kind, fixed=True) for name, kind in kinds.items()]})
    log = RecordLog(root)
    days = [_day(day) for day in range(DAYS - _DAYS, DAYS)]
    append_rows(log, RecordKind.PREDICTIONS, pa.concat_tables(made for made, _ in days))
    append_rows(log, RecordKind.LABELS, pa.concat_tables(labels for _, labels in days))


def _day(day: int) -> tuple[pa.Table, pa.Table]:
    rng = np.random.default_rng((day, 6))
    worse = day >= DAYS - _WORSE_DAYS
    origin = rng.choice(AIRPORTS, _ROWS, p=[0.3, 0.5, 0.2] if worse else [0.5, 0.2, 0.3])
    said = np.where(rng.random(_ROWS) < 0.4, "late", "on_time")
    missed = rng.random(_ROWS) < np.where(origin == "JFK", 0.3, 0.1)
    common = {
        "id": np.char.add(f"{day}-", np.arange(_ROWS).astype(str)),
        "ts": START_US + day * DAY_US + np.arange(_ROWS) * 1_000_000,
        "model": np.full(_ROWS, MODEL),
    }
    features = {"feature.origin": origin, "feature.dep_delay": rng.normal(8.0, 20.0, _ROWS)}
    made = [pa.table(common | features | {"version": np.full(_ROWS, VERSION), "prediction": said})]
    if day >= DAYS - _CANARY_DAYS:
        differs = rng.random(_ROWS) < (0.25 if day >= DAYS - _DIFFERENT_DAYS else 0.08)
        made.append(
            pa.table(common | features | {"version": np.full(_ROWS, CANARY), "prediction": _other(said, differs)})
        )
    labels = common | {"ts": common["ts"] + HOUR_US, "label": _other(said, missed)}
    return pa.concat_tables(made), pa.table(labels)


def _other(said: np.ndarray, differs: np.ndarray) -> np.ndarray:
    """The other of the two classes in some rows."""
    return np.where(differs, np.where(said == "late", "on_time", "late"), said)
