"""What the gateway receives is what the service logged, as Arrow and as NDJSON."""

import json
import math
import subprocess
import sys
from collections import UserDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from driftglass_client import Client, wire

TEN = datetime(2013, 3, 1, 10, tzinfo=UTC)
FULL: dict[str, Any] = {
    "scores": {"late": 0.73, "on_time": 0.27},
    "latency_ms": 12.5,
    "queue_ms": 1,
    "batch_size": 16,
    "cost": 2e-5,
    "weight": 2.0,
    "tags": {"region": "eu", "gpu": 5},
    "trace_id": "4bf9",
}
TYPES = {
    "model": "string", "version": "string", "id": "string", "ts": "timestamp[us, tz=UTC]",
    "feature.dep_delay": "double", "feature.carrier": "string", "feature.night": "bool",
    "feature.embedding": "list<item: float>", "prediction": "string", "score.late": "double",
    "score.on_time": "double", "latency_ms": "double", "queue_ms": "double", "batch_size": "double",
    "error": "string", "cost": "double", "weight": "double", "tag.region": "string", "tag.gpu": "string",
    "trace_id": "string",
}  # fmt: skip


def test_a_whole_prediction_as_arrow(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=300)
    features = {"dep_delay": 3, "carrier": "UA", "night": False, "embedding": [0.5, 0.25], "gone": None}
    client.log_prediction(features, "late", id="a", ts=TEN, **FULL)
    client.log_prediction({"dep_delay": math.nan, "carrier": "Ünï"}, "on_time", id="b", ts=TEN, error="slow")
    assert client.flush(10)
    [request] = gateway.requests
    assert request.headers["content-type"] == wire.CONTENT_ARROW
    table = pa.ipc.open_stream(request.body).read_all()
    table.validate(full=True)
    assert {field.name: str(field.type) for field in table.schema} == TYPES
    first, second = table.to_pylist()
    assert first == {
        "model": "flight-delay", "version": "3", "id": "a", "ts": TEN, "feature.dep_delay": 3.0,
        "feature.carrier": "UA", "feature.night": False, "feature.embedding": [0.5, 0.25], "prediction": "late",
        "score.late": 0.73, "score.on_time": 0.27, "latency_ms": 12.5, "queue_ms": 1.0, "batch_size": 16.0,
        "error": None, "cost": 2e-5, "weight": 2.0, "tag.region": "eu", "tag.gpu": "5", "trace_id": "4bf9",
    }  # fmt: skip
    assert math.isnan(second["feature.dep_delay"])
    assert second["feature.carrier"] == "Ünï"
    assert (second["error"], second["prediction"], second["feature.embedding"]) == ("slow", "on_time", None)


def test_a_column_of_two_types_travels_as_ndjson(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=300)
    client.log_prediction({"gate": 7, "x": math.inf}, 0.5, id="a", ts=TEN, **FULL)
    client.log_prediction(UserDict({"gate": "B7"}), True, id="b", ts="2013-03-01T10:00:00.5Z")
    assert client.flush(10)
    [request] = gateway.requests
    assert request.headers["content-type"] == wire.CONTENT_NDJSON
    full = {**FULL, "queue_ms": 1, "tags": {"region": "eu", "gpu": "5"}}
    envelope = {"model": "flight-delay", "version": "3"}
    assert request.rows() == [
        {
            **envelope,
            "id": "a",
            "ts": "2013-03-01T10:00:00Z",
            "features": {"gate": 7, "x": None},
            "prediction": 0.5,
            **full,
        },
        {**envelope, "id": "b", "ts": "2013-03-01T10:00:00.500000Z", "features": {"gate": "B7"}, "prediction": "true"},
    ]


def test_labels_of_both_kinds(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=300)
    client.log_label("a", "late", ts=TEN, prediction_ts="2013-03-01T09:00:00Z")
    client.log_label("b", 3.5, ts=TEN, weight=4)
    client.log_label("c", False, ts=TEN)
    assert client.flush(10)
    rows = gateway.rows("/v1/labels")
    assert [(row["model"], row["id"], row["label"], row["label_value"], row["weight"]) for row in rows] == [
        ("flight-delay", "a", "late", None, None),
        ("flight-delay", "b", None, 3.5, 4.0),
        ("flight-delay", "c", "false", None, None),
    ]
    assert [row["prediction_ts"] for row in rows] == [TEN.replace(hour=9), None, None]


def test_made_ids_and_times_are_unique_ordered_and_now(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(batch_records=100)
    before = datetime.now(UTC)
    made = [client.log_prediction({"i": i}) for i in range(1_000)]
    assert client.flush(10)
    rows = gateway.rows()
    assert [row["id"] for row in rows] == made
    assert len(set(made)) == 1_000
    times = [row["ts"] for row in rows]
    assert times == sorted(times)
    assert before.replace(microsecond=0) <= times[0] <= times[-1] <= datetime.now(UTC)
    assert max(len(request.rows()) for request in gateway.requests) == 100


def test_rows_that_share_no_names_make_no_table_of_holes(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=300)
    for i in range(300):
        client.log_prediction({f"only-{i}-{j}": 1.0 for j in range(10)}, id=str(i))
    assert client.flush(20)
    assert client.stats()["sent"] == 300
    assert all(len(request.body) < 2_000_000 for request in gateway.requests)
    assert sorted(int(row["id"]) for row in gateway.rows()) == list(range(300))


@pytest.mark.parametrize("rate", [0.25])
def test_sampling_keeps_whole_ids_and_weighs_them(gateway: Any, client_of: Callable[..., Client], rate: float) -> None:
    client = client_of(sample_rate=rate)
    for i in range(2_000):
        client.log_prediction({"x": 1.0}, id=f"id-{i}", weight=2.0 if i % 2 else None)
        client.log_label(f"id-{i}", 1.0)
    assert client.flush(10)
    kept = {row["id"]: row["weight"] for row in gateway.rows()}
    assert kept.keys() == {row["id"] for row in gateway.rows("/v1/labels")}
    assert 400 < len(kept) < 600
    assert all(weight == (8.0 if int(id_[3:]) % 2 else 4.0) for id_, weight in kept.items())
    assert client.stats()["sampled_out"] == 2 * (2_000 - len(kept))


BARE = """
import sys
sys.modules["pyarrow"] = sys.modules["kafka"] = None
from driftglass_client import Client, ClientConfigError
client = Client("m", "1", url=sys.argv[1])
client.log_prediction({"x": float("nan"), "v": [1, float("inf")], "c": "é"}, "late", id="a", ts=1362132000)
assert client.flush(10)
client.close()
try:
    Client("m", "1", kafka="127.0.0.1:1")
except ClientConfigError as error:
    assert "driftglass-client[kafka]" in str(error)
else:
    raise SystemExit("no error")
assert "numpy" not in sys.modules
"""


def test_the_base_install_needs_the_standard_library_only(gateway: Any) -> None:
    subprocess.run([sys.executable, "-c", BARE, gateway.url], check=True, timeout=60)
    [request] = gateway.requests
    assert request.headers["content-type"] == wire.CONTENT_NDJSON
    assert json.loads(request.body) == {
        "model": "m", "version": "1", "id": "a", "ts": "2013-03-01T10:00:00Z", "prediction": "late",
        "features": {"x": None, "v": [1.0, None], "c": "é"},
    }  # fmt: skip


def test_arrow_does_not_bring_pandas_into_the_service(gateway: Any) -> None:
    code = BARE.split("try:")[0].replace('sys.modules["pyarrow"] = sys.modules["kafka"] = None', "")
    code += "assert 'pyarrow' in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, gateway.url], check=True, timeout=60)
    assert gateway.requests[0].headers["content-type"] == wire.CONTENT_ARROW
