"""Predictions that carry their labels: the rows of a reference."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from driftglass_client.wire import CONTENT_ARROW, CONTENT_JSON, CONTENT_NDJSON
from stream.codecs.decode import decode
from stream.codecs.labelled import decode_labelled
from stream.codecs.topics import RecordKind
from stream.message import Message, Partition

TS = "2013-03-01T10:00:00Z"
NOW_US = 1_700_000_000_000_000


def message(body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> Message:
    return Message(Partition("api", 0), 0, body, content_type, headers or {}, NOW_US)


def arrow(table: pa.Table) -> Message:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return message(sink.getvalue().to_pybytes(), CONTENT_ARROW)


def records(n: int) -> list[dict[str, Any]]:
    return [{"model": "m", "ts": TS, "features": {"x": float(i)}, "prediction": "a", "label": "b"} for i in range(n)]


@pytest.mark.parametrize("n", [3, 30])
def test_labels_stay_with_their_rows_and_need_neither_id_nor_label(n: int) -> None:
    sent = records(n)
    del sent[1]["label"]
    ndjson = "\n".join(map(json.dumps, sent)).encode()
    for body, kind in ((json.dumps(sent).encode(), CONTENT_JSON), (ndjson, CONTENT_NDJSON)):
        found = decode_labelled(message(body, kind), "k")
        assert found.refusals == []
        table = found.batches[0].table
        assert table["label"].to_pylist() == ["b", None, *["b"] * (n - 2)]
        assert table["id"].to_pylist()[:2] == ["k:0", "k:1"]
        assert table["label_value"].null_count == n


def test_arrow_labels_by_column() -> None:
    table = pa.table({"model": ["m"] * 3, "ts": [TS] * 3, "feature.x": [1, 2, 3], "label_value": [0.5, None, 2.0]})
    found = decode_labelled(arrow(table), "k")
    assert found.batches[0].table["label_value"].to_pylist() == [0.5, None, 2.0]
    assert found.batches[0].table["label"].null_count == 3


def test_no_label_at_all_is_no_fault() -> None:
    table = pa.table({"model": ["m"] * 3, "ts": [TS] * 3, "feature.x": [1, 2, 3]})
    found = decode_labelled(arrow(table), "k")
    assert (found.batches[0].table.num_rows, found.refusals) == (3, [])


@pytest.mark.parametrize("n", [4, 30])
def test_a_wrong_label_refuses_its_record_and_a_record_is_refused_once(n: int) -> None:
    sent = records(n)
    sent[0]["label"] = {"no": "label"}
    sent[2]["ts"] = "yesterday"
    found = decode_labelled(message(json.dumps(sent).encode(), CONTENT_JSON), "k")
    assert [(r.row, r.field) for r in found.refusals] == [(0, "label"), (2, "ts")]
    assert found.batches[0].table["feature.x"].to_pylist() == [float(i) for i in range(n) if i not in (0, 2)]


def test_a_label_column_of_a_wrong_type_refuses_the_message() -> None:
    table = pa.table({"model": ["m"], "ts": [TS], "feature.x": [1], "label": [[1.0]]})
    found = decode_labelled(arrow(table), "k")
    assert found.batches == []
    assert [(r.row, r.field) for r in found.refusals] == [(-1, "label")]


def test_labels_in_the_log_still_need_id_and_label() -> None:
    sent = [{"model": "m", "ts": TS, "label": "b"}, {"model": "m", "ts": TS, "id": "1"}]
    found = decode([message(json.dumps(sent).encode(), CONTENT_JSON)], RecordKind.LABELS)
    assert [(r.row, r.field) for r in found.refusals] == [(0, "id"), (1, "label")]
