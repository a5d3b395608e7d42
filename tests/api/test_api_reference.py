"""Putting a reference: the same profile from every format, performance as scikit-learn has it, windows of the record log."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
from sklearn import metrics

from driftglass_client.wire import CONTENT_ARROW, CONTENT_JSON, CONTENT_NDJSON
from kernel.clock import DAY_US, to_datetime, to_rfc3339
from kernel.moving import Moving
from kernel.profile import WindowProfile
from kernel.profile_codec import encode_profile
from kernel.profiling import profile_rows
from store import columns, models, references
from store.models import Model
from store.records import RecordLog
from store.registry import Registry
from stream.codecs.decode import decode
from stream.codecs.topics import RecordKind
from stream.message import Message, Partition

ROWS = 3_000
FIRST_US = 1_362_096_000_000_000  # 2013-03-01
PATH = "/v1/models/flights/reference"


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    """Three days of predictions with most of their labels, in the columns of the wire."""
    rng = np.random.default_rng(7)
    score = rng.beta(2, 3, ROWS)
    delay = np.round(rng.lognormal(1, 1, ROWS), 3)
    late = rng.random(ROWS) < score
    labels = np.where(late, "late", "on_time").tolist()
    for i in range(0, ROWS, 10):
        labels[i] = None
    ts_us = FIRST_US + np.sort(rng.integers(0, 3 * DAY_US, ROWS))
    return pa.table(
        {
            "model": ["flights"] * ROWS,
            "version": ["1"] * ROWS,
            "id": [str(i) for i in range(ROWS)],
            "ts": pa.array(ts_us).cast(pa.timestamp("us", "UTC")),
            "feature.delay": pa.array(delay, mask=rng.random(ROWS) < 0.02),
            "feature.carrier": rng.choice(["UA", "AA", "B6"], ROWS).tolist(),
            "feature.night": rng.random(ROWS) < 0.2,
            "prediction": np.where(score > 0.5, "late", "on_time").tolist(),
            "score.late": score,
            "score.on_time": 1 - score,
            "latency_ms": rng.gamma(2, 3, ROWS),
            "label": pa.array(labels, pa.string()),
        }
    )


def arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def as_records(table: pa.Table) -> list[dict[str, Any]]:
    return [record(row) for row in table.to_pylist()]


def record(row: dict[str, Any]) -> dict[str, Any]:
    sent: dict[str, Any] = {"ts": row.pop("ts").isoformat().replace("+00:00", "Z")}
    for name, value in row.items():
        group, _, inner = name.partition(".")
        if value is None:
            continue
        if inner:
            sent.setdefault(f"{group}s", {})[inner] = value
        else:
            sent[name] = value
    return sent


def put(api: Any, body: bytes, content_type: str) -> Any:
    answer = api.http.put(PATH, content=body, headers={"content-type": content_type})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_format_makes_the_same_profile(serve: Callable[..., Any], flights: pa.Table) -> None:
    sent = as_records(flights)
    bodies = {
        CONTENT_ARROW: arrow(flights),
        CONTENT_NDJSON: "\n".join(map(json.dumps, sent)).encode(),
        CONTENT_JSON: json.dumps(sent).encode(),
    }
    blobs, performances = set(), []
    for content_type, body in bodies.items():
        api = serve()
        answer = put(api, body, content_type)
        assert answer | {"reference": "", "provenance": {}} == {
            "reference": "", "rows": ROWS, "labels": ROWS - ROWS // 10, "rejected": 0, "errors": [],
            "provenance": {}, "estimated_by": "cbpe", "new_grids": [], "warnings": [],
        }  # fmt: skip
        stored = references.active(api.db, "default", "flights")
        assert stored is not None
        assert (stored.name, stored.provisional) == (answer["reference"], False)
        assert set(stored.profile.columns) == {
            "feature.delay", "feature.carrier", "feature.night", "prediction", "score.late", "score.on_time", "latency_ms",
            "confidence.entropy", "confidence.margin", "rows.distinct",
        }  # fmt: skip
        blobs.add(encode_profile(stored.profile))
        performances.append(stored.performance)
        assert sum(stored.labels["classes"].values()) == stored.labels["size"] == ROWS - ROWS // 10
    assert len(blobs) == 1
    assert performances[0] == performances[1] == performances[2]


def test_performance_is_what_scikit_learn_says(api: Any, flights: pa.Table) -> None:
    api.http.put("/v1/models/flights", json={"task": "binary", "positive_class": "late"})
    put(api, arrow(flights), CONTENT_ARROW)
    rows = flights.filter(flights["label"].is_valid())
    actual = np.array(rows["label"].to_pylist()) == "late"
    predicted = np.array(rows["prediction"].to_pylist()) == "late"
    scores = rows["score.late"].to_numpy()
    said = api.get("/v1/models/flights").json()["reference"]["performance"]
    expected = {
        "accuracy": metrics.accuracy_score(actual, predicted),
        "precision": metrics.precision_score(actual, predicted),
        "recall": metrics.recall_score(actual, predicted),
        "f1": metrics.f1_score(actual, predicted),
        "roc_auc": metrics.roc_auc_score(actual, scores),
        "log_loss": metrics.log_loss(actual, scores),
    }
    assert {name: said[name]["value"] for name in expected} == pytest.approx(expected, rel=1e-9)
    assert {found["rows"] for found in said.values()} == {len(actual)}
    assert all(said[name]["lower"] < said[name]["value"] < said[name]["upper"] for name in expected)


def test_a_regression_is_measured_as_one(api: Any) -> None:
    rng = np.random.default_rng(3)
    actual = rng.normal(0, 1, 500)
    predicted = actual + rng.normal(0.1, 0.5, 500)
    sent = [
        {"model": "flights", "ts": "2013-03-01T10:00:00Z", "prediction": p, "label": a}
        for p, a in zip(predicted, actual, strict=True)
    ]
    put(api, json.dumps(sent).encode(), CONTENT_JSON)
    said = api.get("/v1/models/flights").json()["reference"]["performance"]
    assert said["mae"]["value"] == pytest.approx(metrics.mean_absolute_error(actual, predicted))
    assert said["rmse"]["value"] == pytest.approx(metrics.root_mean_squared_error(actual, predicted))


def test_columns_that_get_a_new_grid_are_named_once(api: Any, flights: pa.Table) -> None:
    seconds = put(api, arrow(flights), CONTENT_ARROW)
    delay = flights.column_names.index("feature.delay")
    millions = pa.compute.add(1e6, flights["feature.delay"])  # all of them in one octave of the old grid
    moved = arrow(flights.set_column(delay, "feature.delay", millions))
    answers = [put(api, moved, CONTENT_ARROW) for _ in range(2)]
    assert [answer["new_grids"] for answer in (seconds, *answers)] == [[], ["delay"], []]
    assert columns.newest_grids(api.db, "default", "flights")["feature.delay"][0] == 2
    stored = references.active(api.db, "default", "flights")
    assert stored is not None
    assert stored.profile.columns["feature.delay"].cells.rows.max() < 0.05 * ROWS


def test_features_of_another_name_are_told_of_the_reference_and_of_what_is_declared(
    api: Any, flights: pa.Table
) -> None:
    assert put(api, arrow(flights), CONTENT_ARROW)["warnings"] == []
    names = [{"feature.delay": "feature.dealy"}.get(name, name) for name in flights.column_names]
    assert put(api, arrow(flights.rename_columns(names)), CONTENT_ARROW)["warnings"] == [
        "features that the model has not had before: dealy",
        "features that the reference lacks: delay",
    ]
    put(api, arrow(flights), CONTENT_ARROW)
    schema = [{"name": "delay", "type": "numeric"}, {"name": "nihgt", "type": "boolean"}]
    declared = api.http.put("/v1/models/flights", json={"segments": ["carrier", "carier"], "schema": schema})
    assert declared.json()["warnings"] == [
        "segments: 'carier' is no feature of the reference; check its spelling",
        "schema: 'nihgt' is no feature of the reference; check its spelling",
    ]


def test_grids_fitted_on_a_reference_are_final_and_shared(api: Any, flights: pa.Table) -> None:
    put(api, arrow(flights), CONTENT_ARROW)
    (version, grid) = columns.newest_grids(api.db, "default", "flights")["feature.delay"]
    put(api, arrow(flights.slice(0, 1_000)), CONTENT_ARROW)
    again = columns.newest_grids(api.db, "default", "flights")["feature.delay"]
    assert (again[0], again[1].centre) == (version, grid.centre)
    stored = references.active(api.db, "default", "flights")
    assert stored is not None
    assert stored.profile.rows == 1_000


def test_bad_rows_are_told_apart(api: Any) -> None:
    api.http.put("/v1/models/flights", json={"schema": [{"name": "x", "type": "numeric"}]})
    good = {"model": "flights", "ts": "2013-03-01T10:00:00Z", "features": {"x": 1}, "label": "a", "prediction": "a"}
    bad = [{**good, "ts": "soon"}, {**good, "label": []}, {**good, "features": {"x": "much"}}]
    answer = put(api, json.dumps([good, *bad, good]).encode(), CONTENT_JSON)
    assert (answer["rows"], answer["labels"], answer["rejected"]) == (2, 2, 3)
    assert [(e["index"], e["field"]) for e in answer["errors"]] == [(1, "ts"), (2, "label"), (3, "features.x")]


@pytest.mark.parametrize(
    ("status", "content_type", "body", "said"),
    [
        (400, CONTENT_JSON, b"{", "no JSON"),
        (400, CONTENT_JSON, b"[]", "no rows"),
        (400, CONTENT_JSON, b"[1]", "JSON object"),
        (400, CONTENT_ARROW, b"nonsense", "Arrow"),
        (400, "text/html", b"a,b", "content type"),
        (400, CONTENT_JSON, b'{"from": 1, "to": 2}', "from"),
        (400, CONTENT_JSON, b'{"from": "2013-03-01T00:00:00Z"}', "to"),
        (422, CONTENT_JSON, b'{"from": "monday", "to": "2013-03-01T00:00:00Z"}', "from: is 'monday'"),
        (422, CONTENT_JSON, b'{"from": "2013-03-02T00:00:00Z", "to": "2013-03-01T00:00:00Z"}', "later than from"),
        (422, CONTENT_JSON, b'[{"model": "flights", "ts": 1}]', "ts"),
        (422, CONTENT_JSON, b'[{"model": "boats", "ts": "2013-03-01T00:00:00Z"}]', "'boats'"),
        (404, CONTENT_JSON, b'{"from": "2013-03-01T00:00:00Z", "to": "2013-03-02T00:00:00Z"}', "no model 'flights'"),
        (404, CONTENT_JSON, b'{"rolling": "28d"}', "no model 'flights'"),
        (422, CONTENT_JSON, b'{"rolling": 28}', "rolling: '28' is no duration"),
        (422, CONTENT_JSON, b'{"lag": "7d", "from": "2013-03-01T00:00:00Z", "to": "2013-03-02T00:00:00Z"}', "lag"),
    ],
)
def test_what_is_no_reference_says_why(api: Any, status: int, content_type: str, body: bytes, said: str) -> None:
    answer = api.http.put(PATH, content=body, headers={"content-type": content_type})
    assert said in api.refused(status, answer)
    assert models.known(api.db, "default") == {}


def test_the_size_of_a_reference_is_limited(serve: Callable[..., Any], flights: pa.Table) -> None:
    api = serve(max_body_bytes=10_000)
    answer = api.http.put(PATH, content=arrow(flights), headers={"content-type": CONTENT_ARROW})
    assert "10000 bytes" in api.refused(413, answer)


def test_a_window_of_the_record_log_is_a_reference(api: Any, flights: pa.Table) -> None:
    """Two days of three, recorded twice under the same ids: each counts once, and its label is found."""
    log = RecordLog(api.records)
    predictions = record_all(log, RecordKind.PREDICTIONS, flights.drop_columns(["label"]), twice=True)
    labelled = flights.filter(flights["label"].is_valid()).select(["model", "id", "ts", "label"])
    record_all(log, RecordKind.LABELS, labelled)
    Registry(api.db, "default", api.clock).refresh({"flights"})
    window = {"from": to_rfc3339(FIRST_US), "to": to_rfc3339(FIRST_US + 2 * DAY_US)}
    answer = put(api, json.dumps(window).encode(), CONTENT_JSON)
    chosen = flights.filter(pa.compute.less(flights["ts"], pa.scalar(to_datetime(FIRST_US + 2 * DAY_US))))
    assert (answer["rows"], answer["labels"]) == (chosen.num_rows, len(chosen["label"].drop_null()))
    stored = references.active(api.db, "default", "flights")
    assert stored is not None
    assert stored.provenance == {"source": "record log", **window}
    registry = Registry(api.db, "default", api.clock)
    registry.refresh({"flights"})
    expected = profile_rows(predictions.slice(0, chosen.num_rows), registry.specs("flights", predictions))
    assert counts(stored.profile) == counts(expected)
    rows = chosen.filter(chosen["label"].is_valid())
    right = np.array(rows["label"].to_pylist()) == np.array(rows["prediction"].to_pylist())
    assert stored.performance["accuracy"]["value"] == pytest.approx(right.mean())


@pytest.mark.parametrize("source", ["rows", "record log"])
def test_a_reference_knows_the_rows_of_each_segment(api: Any, flights: pa.Table, source: str) -> None:
    models.declare(api.db, "default", Model("flights", segments=("carrier", "night")), 0)
    if source == "rows":
        put(api, arrow(flights), CONTENT_ARROW)
    else:
        recorded = record_all(RecordLog(api.records), RecordKind.PREDICTIONS, flights.drop_columns(["label"]))
        registry = Registry(api.db, "default", api.clock)
        registry.refresh({"flights"})
        registry.specs("flights", recorded)  # as when they came: the record log keeps booleans as numbers
        window = {"from": to_rfc3339(FIRST_US), "to": to_rfc3339(FIRST_US + 3 * DAY_US)}
        put(api, json.dumps(window).encode(), CONTENT_JSON)
    stored = references.active(api.db, "default", "flights")
    assert stored is not None
    wanted = ["carrier=UA", "carrier=AA", "carrier=B6", "night=true", "night=false", "carrier=other"]
    found = references.of_segments(api.db, "default", "flights", stored.name, wanted)
    carriers, night = Counter(flights["feature.carrier"].to_pylist()), Counter(flights["feature.night"].to_pylist())
    expected = {f"carrier={name}": rows for name, rows in carriers.items()}
    assert {name: p.rows for name, p in found.items()} == expected | {
        "night=true": night[True],
        "night=false": night[False],
    }
    delays = flights.filter(pa.compute.equal(flights["feature.carrier"], "UA"))["feature.delay"]
    assert found["carrier=UA"].columns["feature.delay"].values == len(delays) - delays.null_count


def record_all(log: RecordLog, kind: RecordKind, table: pa.Table, *, twice: bool = False) -> pa.Table:
    """Decode rows and append them to the record log as the collector does; returns what was decoded."""
    partition = Partition(f"driftglass.{kind}", 0)
    message = Message(partition, 0, arrow(table), CONTENT_ARROW, {}, FIRST_US + 90 * DAY_US)
    (batch,) = decode([message], kind).batches
    rows = batch.table.num_rows
    for offset in range(2 if twice else 1):
        records = batch.table.append_column("model", pa.array(["flights"] * rows))
        records = records.append_column("topic", pa.array([partition.topic] * rows))
        records = records.append_column("partition", pa.array([0] * rows))
        records = records.append_column(
            "ingested_at", pa.array([FIRST_US + offset] * rows).cast(pa.timestamp("us", "UTC"))
        )
        log.append("default", kind, [records], {partition: (offset, offset + 1)})
    return batch.table


def counts(profile: WindowProfile) -> Any:
    """What merging adds exactly."""
    columns = {
        n: (c.kind, c.cells.index.tolist(), c.cells.rows.tolist(), c.missing) for n, c in profile.columns.items()
    }
    return profile.rows, columns


def test_a_reference_that_moves_is_put_and_listed(api: Any) -> None:
    Registry(api.db, "default", api.clock).refresh({"flights"})
    answer = put(api, b'{"rolling": "28d"}', CONTENT_JSON)
    assert (answer["rows"], answer["provenance"]) == (0, {"source": "rolling", "length": "28d"})
    (entry,) = api.http.get("/v1/models/flights/references").json()["items"]
    assert (entry["active"], entry["provenance"]) == (True, {"source": "rolling", "length": "28d"})
    stored = references.active(api.db, "default", "flights")
    assert stored is not None
    assert stored.moving == Moving("rolling", "28d")
