"""A made-up stream of predictions of several models, as messages in the buckets of their ids; and the same stream in disorder."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from driftglass_client.wire import CONTENT_ARROW, CONTENT_JSON, HEADER_MODEL, bucket_of
from kernel.clock import SECOND_US, to_rfc3339
from stream.message import Outgoing

START_US = 1_362_096_000_000_000  # 2013-03-01
MODELS = ["delay", "fare", "seats"]
_A_BATCH = 500
_SINGLE_EVERY = 20

Record = dict[str, Any]


def records(count: int, seed: int = 0) -> list[Record]:
    """Flat records, two seconds apart: numbers, categories, booleans, missing values, errors; of one model with weights."""
    rng = np.random.default_rng(seed)
    return [_record(number, rng) for number in range(count)]


def _record(number: int, rng: np.random.Generator) -> Record:
    model = MODELS[int(rng.integers(len(MODELS)))]
    p = float(rng.uniform(0.05, 0.95))
    record: Record = {
        "model": model,
        "version": str(rng.integers(1, 3)),
        "id": f"id-{number}",
        "ts": START_US + 2 * number * SECOND_US,
        "feature.delay": round(float(rng.normal(10, 30)), 2),
        "feature.carrier": str(rng.choice(["AA", "UA", "B6", "DL"])),
        "feature.night": bool(rng.random() < 0.3),
        "prediction": "late" if p > 0.5 else "on_time",
        "score.late": p,
        "latency_ms": round(float(rng.exponential(8)), 3),
    }
    if model == "fare":
        record["weight"] = float(rng.choice([0.5, 1.0, 4.0]))
    for name, share in (("feature.delay", 0.05), ("feature.carrier", 0.02), ("prediction", 0.01)):
        if rng.random() < share:
            del record[name]
    if rng.random() < 0.01:
        record["error"] = "out of memory"
    return record


def in_disorder(stream: Sequence[Record], seed: int = 1) -> list[Record]:
    """The stream with 10% of its records swapped within 1,000 places, and then 1% sent once more within 1,000 places."""
    rng = np.random.default_rng(seed)
    mixed = list(stream)
    for first in rng.choice(len(mixed), len(mixed) // 20, replace=False).tolist():
        second = min(len(mixed) - 1, first + int(rng.integers(1, 1_001)))
        mixed[first], mixed[second] = mixed[second], mixed[first]
    copied = sorted(rng.choice(len(mixed), len(mixed) // 100, replace=False).tolist(), reverse=True)
    for place in copied:
        mixed.insert(min(len(mixed), place + int(rng.integers(1, 1_001))), mixed[place])
    return mixed


def as_messages(stream: Sequence[Record]) -> Iterator[list[Outgoing]]:
    """Batches of messages: every twentieth record by itself as JSON, the others in Arrow batches of one model and bucket."""
    for start in range(0, len(stream), _A_BATCH):
        chunk = list(enumerate(stream[start : start + _A_BATCH], start))
        batches: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for place, record in chunk:
            if place % _SINGLE_EVERY:
                batches[record["model"], _bucket(record)].append(record)
        singles = [record for place, record in chunk if not place % _SINGLE_EVERY]
        yield [
            *(Outgoing(_arrow(rows), CONTENT_ARROW, b, {HEADER_MODEL: model}) for (model, b), rows in batches.items()),
            *(Outgoing(_json(record), CONTENT_JSON, _bucket(record)) for record in singles),
        ]


def flat_table(rows: Sequence[Record]) -> pa.Table:
    """Records of one model in canonical columns."""
    names = sorted({name for row in rows for name in row} - {"model", "ts"})
    columns = {name: pa.array([row.get(name) for row in rows]) for name in names}
    return pa.table({"ts": pa.array([row["ts"] for row in rows], pa.timestamp("us", "UTC")), **columns})


def _bucket(record: Record) -> int:
    return bucket_of("default", record["model"], record["id"])


def _arrow(rows: Sequence[Record]) -> bytes:
    table, sink = flat_table(rows), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _json(record: Record) -> bytes:
    nested: Record = {"ts": to_rfc3339(record["ts"])}
    for name, value in record.items():
        group, dot, rest = name.partition(".")
        if dot:
            nested.setdefault(f"{group}s", {})[rest] = value
        elif name != "ts":
            nested[name] = value
    return json.dumps(nested).encode()
