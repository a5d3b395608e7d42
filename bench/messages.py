"""The messages of the ingestion benchmarks: 20 numeric and 5 categorical features, as Arrow batches or as single JSON records."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np
import pyarrow as pa

from driftglass_client.wire import CONTENT_ARROW, CONTENT_JSON, HEADER_MODEL
from stream.message import Outgoing

MODEL = "flight-delay"
NUMERIC = [f"n{i}" for i in range(20)]
CATEGORICAL = [f"c{i}" for i in range(5)]
CATEGORIES = np.array(["AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN", "other"])
ROWS_A_BATCH = 1_000
START_US = 1_767_268_800_000_000  # 2026-01-01T12:00Z; a record a millisecond from here on


def arrow_messages(rows: int, seed: int) -> Iterator[Outgoing]:
    """Batches of 1,000 rows, uncompressed, as our own client sends them."""
    rng = np.random.default_rng(seed)
    for first in range(0, rows, ROWS_A_BATCH):
        table = rows_of(rng, first)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        yield Outgoing(sink.getvalue().to_pybytes(), CONTENT_ARROW, 0, {HEADER_MODEL: MODEL})


def json_messages(rows: int, seed: int) -> Iterator[Outgoing]:
    """One record a message."""
    rng = np.random.default_rng(seed)
    for first in range(0, rows, ROWS_A_BATCH):
        for row in rows_of(rng, first).to_pylist():
            yield Outgoing(msgspec.json.encode(_nested(row)), CONTENT_JSON, 0)


def rows_of(rng: np.random.Generator, first: int, n: int = ROWS_A_BATCH) -> pa.Table:
    """So many records, a millisecond apart, the first one the `first` since START_US."""
    ids = rng.bytes(16 * n).hex()
    late = rng.random(n)
    columns = {
        "version": pa.array(["3"] * n),
        "id": pa.array([ids[i : i + 32] for i in range(0, 32 * n, 32)]),
        "ts": pa.array(START_US + 1_000 * np.arange(first, first + n), pa.timestamp("us", "UTC")),
        "prediction": pa.array(np.where(late > 0.5, "late", "on_time")),
        "score.late": pa.array(late),
        "latency_ms": pa.array(rng.lognormal(2.0, 0.5, n)),
    }
    columns |= {f"feature.{name}": pa.array(rng.standard_normal(n)) for name in NUMERIC}
    columns |= {f"feature.{name}": pa.array(rng.choice(CATEGORIES, n)) for name in CATEGORICAL}
    return pa.table(columns)


def _nested(row: dict[str, object]) -> dict[str, object]:
    ts = row["ts"]
    assert isinstance(ts, datetime)
    plain = {name: row[name] for name in ("version", "id", "prediction", "latency_ms")}
    return {
        "model": MODEL,
        "ts": ts.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        **plain,
        "features": {name: row[f"feature.{name}"] for name in (*NUMERIC, *CATEGORICAL)},
        "scores": {"late": row["score.late"]},
    }
