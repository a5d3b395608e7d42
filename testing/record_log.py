"""Rows put into a record log without a collector."""

import numpy as np
import pyarrow as pa

from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition

_MOMENT = pa.timestamp("us", "UTC")


def append_rows(log: RecordLog, kind: RecordKind, rows: pa.Table, offset: int = 0, taken_in_us: int = 0) -> None:
    """Commit flat rows as one message of a model, "m" where they do not say; `row` is their place where they do not."""
    partition, count = Partition(f"driftglass.{kind.value}", 0), rows.num_rows
    provenance = {
        "model": pa.repeat("m", count),
        "topic": pa.repeat(partition.topic, count),
        "partition": pa.repeat(pa.scalar(0, pa.int32()), count),
        "offset": pa.repeat(pa.scalar(offset, pa.int64()), count),
        "row": pa.array(np.arange(count, dtype=np.int32)),
        "ingested_at": pa.repeat(pa.scalar(taken_in_us, _MOMENT), count),
    }
    for name in ("ts", "prediction_ts"):
        if name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(_MOMENT))
    for name, column in provenance.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, column)
    log.append("default", kind, [rows], {partition: (offset, offset + 1)})
