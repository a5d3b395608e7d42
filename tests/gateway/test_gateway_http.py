"""The HTTP contract of the gateway, one test a sentence, over real sockets and the real local log."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from driftglass_client.client import Client
from driftglass_client.wire import CONTENT_ARROW, CONTENT_NDJSON, bucket_of
from store import dead_letters

Start = Callable[..., Any]
TOPIC = "driftglass.predictions"
GOOD = {"model": "m", "ts": "2013-03-01T10:00:00Z", "id": "a", "features": {"x": 1.5}}
BAD = {"model": "m", "ts": "yesterday"}


def test_one_object_and_an_array_are_accepted_and_in_the_log(gateway: Start) -> None:
    served = gateway()
    for body in (GOOD, [GOOD, {**GOOD, "model": "n"}]):
        answer = served.post("/v1/predictions", json=body)
        n = len(body) if isinstance(body, list) else 1
        assert (answer.status_code, answer.json()) == (202, {"accepted": n, "rejected": 0, "errors": []})
    messages = served.messages(TOPIC)
    assert [m.headers["model"] for m in messages] == ["m", "m", "n"]
    assert {m.content_type for m in messages} == {CONTENT_ARROW}
    assert {m.headers["workspace"] for m in messages} == {"default"}
    assert served.decoded(TOPIC).batches[0].table["feature.x"].to_pylist() == [1.5, 1.5]


def test_ndjson_and_arrow_bodies(gateway: Start) -> None:
    served = gateway()
    lines = "\n".join(json.dumps({**GOOD, "id": str(i)}) for i in range(3))
    answer = served.post("/v1/predictions", content=lines, headers={"content-type": f"{CONTENT_NDJSON}; charset=utf-8"})
    assert answer.json()["accepted"] == 3
    table = pa.table({"model": ["m", "n"], "ts": ["2013-03-01T10:00:00Z"] * 2, "id": ["3", "4"], "feature.x": [1, 2]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    answer = served.post(
        "/v1/predictions", content=sink.getvalue().to_pybytes(), headers={"content-type": CONTENT_ARROW}
    )
    assert answer.json()["accepted"] == 2
    found = served.decoded(TOPIC)
    assert {(b.model, i) for b in found.batches for i in b.table["id"].to_pylist()} == {
        ("m", "0"), ("m", "1"), ("m", "2"), ("m", "3"), ("n", "4"),
    }  # fmt: skip


def test_rejected_records_are_dead_letters_and_listed_by_index(gateway: Start) -> None:
    served = gateway()
    answer = served.post("/v1/predictions", json=[GOOD, BAD, GOOD])
    body = answer.json()
    assert (answer.status_code, body["accepted"], body["rejected"]) == (202, 2, 1)
    (error,) = body["errors"]
    assert (error["index"], error["field"]) == (1, "ts")
    (letter,) = dead_letters.listing(served.db, "default")
    assert (letter.row, letter.field, letter.reason, json.loads(letter.body)) == (1, "ts", error["reason"], BAD)
    assert letter.source.startswith("gateway/")


def test_a_body_of_only_bad_records_is_answered_202_with_dead_letters(gateway: Start) -> None:
    served = gateway()
    answer = served.post("/v1/predictions", json=[BAD, BAD])
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (202, 0, 2)
    assert dead_letters.count(served.db, "default") == 2
    assert served.messages(TOPIC) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"), (b"{", "application/json"), (b"[1, 2]", "application/json"), (b"nonsense\nmore", CONTENT_NDJSON),
        (b"ARROW", CONTENT_ARROW), (b"a,b", "text/csv"),
    ],
)  # fmt: skip
def test_400_when_nothing_can_be_read(gateway: Start, body: bytes, kind: str) -> None:
    served = gateway()
    answer = served.post("/v1/predictions", content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]["reason"]
    assert dead_letters.count(served.db, "default") == 0


KEYS = [
    {"key": "k" * 16, "workspace": "fraud", "role": "ingest"},
    {"key": "v" * 16, "workspace": "fraud", "role": "viewer"},
]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401), ({"X-Api-Key": "unknown-unknown-"}, 401), ({"X-Api-Key": "v" * 16}, 403), ({"X-Api-Key": "k" * 16}, 202),
        ({"Authorization": "Bearer " + "k" * 16}, 202),
    ],
)  # fmt: skip
def test_a_key_names_workspace_and_role(gateway: Start, headers: dict[str, str], status: int) -> None:
    served = gateway(keys=KEYS)
    assert served.post("/v1/predictions", json=[GOOD, BAD], headers=headers).status_code == status
    taken = int(status == 202)
    assert len(served.messages("driftglass.fraud.predictions")) == taken
    assert dead_letters.count(served.db, "fraud") == taken
    assert served.messages(TOPIC) == []


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1_000):
        yield b" " * 1_000


def test_413_over_the_limit_declared_chunked_or_compressed(gateway: Start) -> None:
    served = gateway(max_body_bytes=10_000)
    assert served.post("/v1/predictions", content=b" " * 10_001).status_code == 413
    assert served.post("/v1/predictions", content=_chunks(50_000)).status_code == 413
    bomb = gzip.compress(b" " * 5_000_000)
    assert len(bomb) < 10_000
    assert served.post("/v1/predictions", content=bomb, headers={"content-encoding": "gzip"}).status_code == 413
    assert served.post("/v1/predictions", json=GOOD).status_code == 202
    assert "driftglass_gateway_held_bytes 0" in served.http.get("/metrics").text


def test_gzip_bodies_are_read_even_in_several_members(gateway: Start) -> None:
    served = gateway()
    text = json.dumps([GOOD, GOOD]).encode()
    whole, parts = gzip.compress(text), gzip.compress(text[:20]) + gzip.compress(text[20:])
    for body in (whole, parts):
        answer = served.post("/v1/predictions", content=body, headers={"content-encoding": "gzip"})
        assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    for broken in (whole[:-4], b"no gzip", b""):
        assert served.post("/v1/predictions", content=broken, headers={"content-encoding": "gzip"}).status_code == 400
    assert served.post("/v1/predictions", json=GOOD, headers={"content-encoding": "br"}).status_code == 400


def test_429_with_retry_after_when_the_log_is_full(gateway: Start) -> None:
    served = gateway(log_bytes=1 << 20)
    body = [{**GOOD, "tags": {"t": "x" * 1_000}, "id": str(i)} for i in range(300)]
    answers = [served.post("/v1/predictions", json=body) for _ in range(6)]
    assert answers[0].status_code == 202
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_429_when_too_much_is_being_worked_on(gateway: Start) -> None:
    served = gateway(max_held_bytes=2_000)
    answer = served.post("/v1/predictions", content=b" " * 3_000)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert served.post("/v1/predictions", json=GOOD).status_code == 202


def test_503_when_the_log_is_away_and_the_letters_are_stored_first(gateway: Start) -> None:
    served = gateway()
    served.appender.close()
    answer = served.post("/v1/predictions", json=[GOOD, BAD], headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    served.post("/v1/predictions", json=[GOOD, BAD], headers={"Idempotency-Key": "k"})
    assert dead_letters.count(served.db, "default") == 1


def test_503_when_the_database_is_not_ready(gateway: Start) -> None:
    served = gateway(migrated=False)
    assert served.http.get("/readyz").status_code == 503
    assert served.http.get("/healthz").status_code == 200
    assert served.post("/v1/predictions", json=[GOOD, BAD]).status_code == 503
    assert served.messages(TOPIC) == []


def test_missing_ids_derive_from_the_idempotency_key(gateway: Start) -> None:
    served = gateway()
    nameless = {k: v for k, v in GOOD.items() if k != "id"}
    for _ in range(2):
        served.post("/v1/predictions", json=[nameless, GOOD, nameless], headers={"Idempotency-Key": "batch-1"})
    served.post("/v1/predictions", json=[nameless])
    ids = [i for b in served.decoded(TOPIC).batches for i in b.table["id"].to_pylist()]
    assert ids[:6] == ["batch-1:0", "a", "batch-1:2"] * 2
    assert ids[6].endswith(":0")
    assert not ids[6].startswith("batch-1")
    assert served.post("/v1/predictions", json=[GOOD], headers={"Idempotency-Key": "k" * 201}).status_code == 400


def test_records_and_labels_of_an_id_meet_in_one_partition(gateway: Start) -> None:
    served = gateway(partitions=4)
    served.post("/v1/predictions", json=[{**GOOD, "id": str(i)} for i in range(100)])
    served.post("/v1/labels", json=[{"model": "m", "id": str(i), "ts": GOOD["ts"], "label": "x"} for i in range(100)])
    for kind in ("predictions", "labels"):
        batches = served.decoded(f"driftglass.{kind}").batches
        found = {i: b.partition.number for b in batches for i in b.table["id"].to_pylist()}
        assert found == {str(i): bucket_of("default", "m", str(i)) % 4 for i in range(100)}


def test_great_bodies_become_messages_that_the_log_takes(gateway: Start) -> None:
    served = gateway(message_bytes=20_000)
    body = [{**GOOD, "id": str(i), "tags": {"t": "x" * 100}} for i in range(1_000)]
    assert served.post("/v1/predictions", json=body).json()["accepted"] == 1_000
    messages = served.messages(TOPIC)
    assert len(messages) > 5
    assert max(len(m.value) for m in messages) < 25_000
    assert sum(b.table.num_rows for b in served.decoded(TOPIC).batches) == 1_000


def test_events_keep_everything(gateway: Start) -> None:
    served = gateway()
    event = {
        "model": "m",
        "kind": "deploy",
        "ts": "2013-03-01T10:00:00.5Z",
        "title": "v3",
        "url": "https://ci/1",
        "details": {"by": "x"},
    }
    answer = served.post(
        "/v1/events", json=[event, {**event, "kind": "party"}, {**event, "url": "javascript:alert(1)"}]
    )
    assert [(e["index"], e["field"]) for e in answer.json()["errors"]] == [(1, "kind"), (2, "url")]
    (found,) = served.decoded("driftglass.events").events
    assert (found.model, found.kind, found.ts_us, found.title, found.url, found.details) == (
        "m", "deploy", 1362132000500000, "v3", "https://ci/1", {"by": "x"},
    )  # fmt: skip


def test_figures_of_the_business_are_good_or_named_and_those_of_a_series_lie_in_one_place(gateway: Start) -> None:
    served = gateway(partitions=4)
    names = [f"series {n}" for n in range(8)]
    figures = [
        {"model": "m", "name": name, "ts": "2013-03-01T10:00:00Z", "value": value}
        for value in range(5)
        for name in names
    ]
    answer = served.post("/v1/business", json=[*figures, {**figures[0], "value": "much"}])
    assert answer.json()["accepted"] == 40
    assert [(e["index"], e["field"]) for e in answer.json()["errors"]] == [(40, "value")]
    assert all(m.headers["model"] == "m" for m in served.messages("driftglass.business"))
    found: dict[str, list[tuple[int, float]]] = {}
    for batch in served.decoded("driftglass.business").batches:
        for name, value in zip(*(batch.table[column].to_pylist() for column in ("name", "value")), strict=True):
            found.setdefault(name, []).append((batch.partition.number, value))
    assert {name: [value for _, value in of] for name, of in found.items()} == {name: [0, 1, 2, 3, 4] for name in names}
    places = [{place for place, _ in of} for of in found.values()]
    assert all(len(of) == 1 for of in places)
    assert len(set.union(*places)) > 1


def test_concurrent_requests_are_all_durable(gateway: Start) -> None:
    served = gateway()

    def send(i: int) -> None:
        answers.append(httpx.post(f"{served.url}/v1/predictions", json={**GOOD, "id": str(i)}, timeout=30).status_code)

    answers: list[int] = []
    threads = [threading.Thread(target=send, args=(i,)) for i in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [202] * 30
    assert sorted(int(i) for b in served.decoded(TOPIC).batches for i in b.table["id"].to_pylist()) == list(range(30))


def test_metrics_count_requests_and_records(gateway: Start) -> None:
    served = gateway()
    assert served.http.get("/readyz").status_code == 200
    served.post("/v1/predictions", json=[GOOD, BAD])
    served.post("/v1/labels", content=b"{")
    text = served.http.get("/metrics").text
    for line in (
        'driftglass_gateway_requests_total{path="/v1/predictions",status="202"} 1',
        'driftglass_gateway_requests_total{path="/v1/labels",status="400"} 1',
        'driftglass_gateway_accepted_total{kind="predictions"} 1',
        'driftglass_gateway_rejected_total{kind="predictions"} 1',
        'driftglass_gateway_append_seconds_bucket{le="+Inf"} 1',
        "driftglass_gateway_append_seconds_count 1",
    ):
        assert line in text.splitlines()


def test_the_client_and_the_gateway_speak_the_same_wire(gateway: Start) -> None:
    served = gateway()
    moment = "2013-03-01T10:00:00Z"
    with Client("m", "3", url=served.url) as client:
        client.log_prediction({"x": 1.5, "c": "UA"}, "late", id="a", ts=moment, scores={"late": 0.75}, latency_ms=2.0)
        client.log_label("a", "on_time", ts=moment)
        assert client.flush()
    (row,) = served.decoded(TOPIC).batches[0].table.to_pylist()
    assert (row["id"], row["version"], row["prediction"], row["feature.x"], row["feature.c"], row["score.late"]) == (
        "a", "3", "late", 1.5, "UA", 0.75,
    )  # fmt: skip
    (label,) = served.decoded("driftglass.labels").batches[0].table.to_pylist()
    assert (label["id"], label["label"]) == ("a", "on_time")
