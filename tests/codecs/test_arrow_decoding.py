"""Arrow messages: casts, refusals of single rows and of whole messages, several models, and round trips."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftglass_client.wire import CONTENT_ARROW
from stream.codecs.batch import WHOLE_MESSAGE, Batch
from stream.codecs.decode import decode
from stream.codecs.encode import encode
from stream.codecs.rows import rows_as_json
from stream.codecs.topics import RecordKind
from stream.message import Message, Partition

PREDICTIONS, LABELS = RecordKind.PREDICTIONS, RecordKind.LABELS
Make = Callable[..., Any]
MOMENT = datetime.datetime(2013, 3, 1, 10, tzinfo=datetime.UTC)


def stream(columns: dict[str, Any], **types: pa.DataType) -> bytes:
    table = pa.table({n: pa.array(v, types[n]) if n in types else v for n, v in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def arrow(message: Make, columns: dict[str, Any], offset: int = 0, **types: pa.DataType) -> Message:
    return message(stream(columns, **types), offset, CONTENT_ARROW, {"model": "m"})


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, None], pa.int32()), [1.0, None]),
        (pa.array([1.5, None], pa.float32()), [1.5, None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (pa.array([True, None]), [True, None]),
        (pa.array([[1, 2], None], pa.list_(pa.float32())), [[1.0, 2.0], None]),
        (pa.array([[1, 2], None], pa.list_(pa.float32(), 2)), [[1.0, 2.0], None]),
        (pa.array([[1, 2], None], pa.large_list(pa.int8())), [[1.0, 2.0], None]),
    ],
)
def test_features_of_other_widths_are_cast(message: Make, column: pa.Array, expected: list[Any]) -> None:
    decoded = decode([arrow(message, {"ts": [MOMENT] * 2, "feature.x": column})], PREDICTIONS)
    assert decoded.batches[0].table["feature.x"].to_pylist() == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_every_unit_and_as_text(message: Make, unit: str) -> None:
    moments = arrow(message, {"ts": [MOMENT]}, ts=pa.timestamp(unit, "Europe/Berlin"))
    texts = arrow(message, {"ts": ["2013-03-01T11:00:00+01:00"]}, 1)
    assert [b.table["ts"].to_pylist() for b in decode([moments, texts], PREDICTIONS).batches] == [[MOMENT, MOMENT]]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"ts": [1362132000]}, "ts"),
        ({"ts": pa.array([0], pa.timestamp("us"))}, "ts"),
        ({"ts": [MOMENT], "feature.day": [datetime.date(2013, 3, 1)]}, "features.day"),
        ({"ts": [MOMENT], "feature.list": [["a"]]}, "features.list"),
        ({"ts": [MOMENT], "feature.": [1]}, "features."),
        ({"ts": [MOMENT], "score.late": ["high"]}, "scores.late"),
        ({"ts": [MOMENT], "tag.region": [1]}, "tags.region"),
        ({"ts": [MOMENT], "latency_ms": ["fast"]}, "latency_ms"),
        ({"ts": [MOMENT], "batch_size": [1.5]}, "batch_size"),
        ({"ts": [MOMENT], "prediction": [1]}, "prediction"),
        ({"ts": [MOMENT], "model": [1]}, "model"),
    ],
)
def test_a_wrong_column_type_refuses_the_message(message: Make, columns: dict[str, Any], field: str) -> None:
    bad, good = arrow(message, columns, 5), arrow(message, {"ts": [MOMENT]}, 6)
    decoded = decode([bad, good], PREDICTIONS)
    (refusal,) = decoded.refusals
    assert (refusal.offset, refusal.row, refusal.field, refusal.body) == (5, WHOLE_MESSAGE, field, bad.value)
    assert decoded.accepted == 1


def test_one_bad_row_is_refused_as_json_that_can_be_mended_and_sent_again(message: Make) -> None:
    columns = {
        "ts": [MOMENT] * 3, "id": ["a", "b", "c"], "weight": [1.0, 0.0, float("nan")], "feature.x": [1.0, 2.0, None],
        "prediction_value": [0.5, 1.5, None], "score.late": [0.1, None, None], "tag.region": ["eu", "us", None],
    }  # fmt: skip
    decoded = decode([arrow(message, columns)], PREDICTIONS)
    assert [(r.row, r.field) for r in decoded.refusals] == [(1, "weight"), (2, "weight")]
    letter = json.loads(decoded.refusals[0].body)
    assert letter == {
        "model": "m", "ts": "2013-03-01T10:00:00.000000Z", "id": "b", "weight": 0.0, "features": {"x": 2.0},
        "prediction": 1.5, "tags": {"region": "us"},
    }  # fmt: skip
    again = decode([message({**letter, "weight": 1.0})], PREDICTIONS)
    assert again.batches[0].table["feature.x"].to_pylist() == [2.0]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"ts": [None]}, "ts"), ({"ts": [MOMENT.replace(year=2024)]}, "ts"), ({"ts": [-(2**61)]}, "ts"),
        ({"id": ["x" * 256]}, "id"),
        ({"id": ["a\0"]}, "id"), ({"feature.x": ["a\0"]}, "features.x"), ({"feature.x": [[1.0, None]]}, "features.x"),
        ({"score.late": [float("inf")]}, "scores.late"), ({"latency_ms": [float("nan")]}, "latency_ms"),
        ({"queue_ms": [-1]}, "queue_ms"),
        ({"cost": [float("nan")]}, "cost"), ({"batch_size": [0]}, "batch_size"),
        ({"model": [""]}, "model"), ({"model": [None]}, "model"),
    ],
)  # fmt: skip
def test_bad_values_refuse_their_row(message: Make, columns: dict[str, Any], field: str) -> None:
    whole = {"model": ["m", *columns.pop("model", ["m"])], "ts": [MOMENT, *columns.pop("ts", [MOMENT])]}
    whole["ts"] = pa.array(whole["ts"], pa.timestamp("us", "UTC"))
    whole["model"] = pa.array(whole["model"], pa.string())
    decoded = decode([arrow(message, {**whole, **{n: [None, *v] for n, v in columns.items()}})], PREDICTIONS)
    assert [(r.row, r.field) for r in decoded.refusals] == [(1, field)]
    assert decoded.batches[0].table["row"].to_pylist() == [0]


def test_nan_features_and_predictions_are_values(message: Make) -> None:
    nan = float("nan")
    table = (
        decode([arrow(message, {"ts": [MOMENT], "feature.x": [nan], "prediction_value": [nan]})], PREDICTIONS)
        .batches[0]
        .table
    )
    assert table["feature.x"].null_count == table["prediction_value"].null_count == 0


def test_several_models_and_messages(message: Make) -> None:
    first = arrow(message, {"model": ["a", "b", "a"], "ts": [MOMENT] * 3, "feature.x": [1, 2, 3]}, 4)
    second = arrow(message, {"model": ["b"], "ts": [MOMENT], "feature.x": ["text"], "feature.y": [True]}, 5)
    a, b = decode([first, second], PREDICTIONS).batches
    assert (a.model, a.table["row"].to_pylist(), a.table["feature.x"].to_pylist()) == ("a", [0, 2], [1.0, 3.0])
    assert b.table["offset"].to_pylist() == [4, 5]
    assert b.table["feature.x"].to_pylist() == ["2", "text"]
    assert b.table["feature.y"].to_pylist() == [None, True]
    assert b.table["id"].to_pylist() == ["driftglass.predictions/2/4/1", "driftglass.predictions/2/5/0"]


@pytest.mark.parametrize("cut", [0, 4, 100, -9])
def test_a_broken_stream_is_refused_whole(message: Make, cut: int) -> None:
    body = stream({"ts": [MOMENT] * 50, "feature.x": ["abc"] * 50})[:cut]
    decoded = decode([message(body, 0, CONTENT_ARROW, {"model": "m"})], PREDICTIONS)
    assert decoded.accepted + len(decoded.refusals) in (1, 50)
    assert all(r.row == WHOLE_MESSAGE and r.field == "" for r in decoded.refusals)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**31), st.binary(min_size=1, max_size=4))
def test_bytes_changed_by_a_stranger_never_break_the_decoder(at: int, change: bytes) -> None:
    body = bytearray(stream({"ts": [MOMENT] * 3, "feature.x": ["é", "bc", None], "feature.v": [[1.0], [], None]}))
    at %= len(body)
    body[at : at + len(change)] = change
    sent = Message(Partition("t", 0), 0, bytes(body), CONTENT_ARROW, {"model": "m"}, 1_700_000_000_000_000)
    decoded = decode([sent], PREDICTIONS)
    for batch in decoded.batches:
        batch.table.to_pylist()


def test_rows_that_only_the_header_claims_are_refused(message: Make) -> None:
    sent = arrow(message, {"nothing": pa.nulls(1_000_001)})
    assert len(sent.value) < 1_000
    (refusal,) = decode([sent], PREDICTIONS).refusals
    assert (refusal.row, refusal.field) == (WHOLE_MESSAGE, "")


_NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
_WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.one_of(st.none(), _FLOATS, st.booleans(), _WORDS, st.lists(_FLOATS, max_size=3))
_MOMENTS = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(2023, 1, 1), timezones=st.just(datetime.UTC))  # noqa: DTZ001
_RECORDS = st.fixed_dictionaries(
    {"model": st.just("m"), "ts": _MOMENTS.map(lambda m: m.isoformat())},
    optional={
        "version": _WORDS, "id": st.one_of(st.integers(), _WORDS.filter(bool)),
        "features": st.dictionaries(_NAMES, _VALUES, max_size=3),
        "prediction": st.one_of(_WORDS, _FLOATS, st.booleans()), "scores": st.dictionaries(_NAMES, _FLOATS, max_size=2),
        "latency_ms": st.floats(0, 1e9), "batch_size": st.integers(1, 2**40), "weight": st.floats(1, 1e6), "error": _WORDS,
        "tags": st.dictionaries(_NAMES, _WORDS, max_size=2),
    },
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(_RECORDS, min_size=1, max_size=25))
def test_json_to_canonical_to_arrow_and_back_is_the_same(records: list[dict[str, Any]]) -> None:
    place = Partition("driftglass.predictions", 0)
    sent = Message(place, 0, msgspec.json.encode(records), "application/json", {}, 1_700_000_000_000_000)
    (batch,) = decode([sent], PREDICTIONS).batches
    assert batch.table.num_rows == len(records)
    again = Message(place, 0, encode(batch), CONTENT_ARROW, {"model": "m"}, 1_700_000_000_000_000)
    (same,) = decode([again], PREDICTIONS).batches
    assert same.table.equals(batch.table)


@settings(max_examples=60, deadline=None)
@given(st.lists(_RECORDS, min_size=1, max_size=5))
def test_rows_as_json_decode_to_the_same_rows(records: list[dict[str, Any]]) -> None:
    place = Partition("driftglass.predictions", 0)
    sent = Message(place, 0, msgspec.json.encode(records), "application/json", {}, 1_700_000_000_000_000)
    (batch,) = decode([sent], PREDICTIONS).batches
    body = b"[" + b",".join(rows_as_json(batch.table, batch.model)) + b"]"
    (same,) = decode([Message(place, 0, body, "application/json", {}, 1_700_000_000_000_000)], PREDICTIONS).batches
    kept = [n for n in batch.table.column_names if batch.table[n].type == same.table[n].type]
    assert same.table.select(kept).equals(batch.table.select(kept))
    assert set(batch.table.column_names) == set(same.table.column_names)


def test_an_encoded_slice_holds_its_own_rows_only(message: Make) -> None:
    (batch,) = decode(
        [arrow(message, {"ts": [MOMENT] * 1_000, "feature.x": ["abcdefgh"] * 1_000})], PREDICTIONS
    ).batches
    part = encode(Batch(batch.partition, batch.model, batch.table.slice(990, 10)))
    assert len(part) < len(encode(batch)) / 10
    again = decode([message(part, 0, CONTENT_ARROW, {"model": "m"})], PREDICTIONS).batches[0].table
    assert again["id"].to_pylist() == [f"driftglass.predictions/2/0/{i}" for i in range(990, 1_000)]


def test_arrow_labels(message: Make) -> None:
    sent = arrow(message, {"ts": [MOMENT] * 2, "id": ["a", None], "label": ["x", "y"], "feature.ignored": [1, 2]})
    decoded = decode([sent], LABELS)
    assert decoded.batches[0].table.column_names == ["id", "ts", "offset", "row", "label"]
    assert [(r.row, r.field) for r in decoded.refusals] == [(1, "id")]


def test_what_lies_under_a_null_view_is_never_followed(message: Make) -> None:
    texts = ["a", None, "a text too long to lie within its view", None]
    body = stream({"ts": [MOMENT] * 4, "feature.x": pa.array(texts, pa.string_view())})
    view = b"\1\0\0\0a" + bytes(11)
    at = body.index(view) + 16
    broken = body[:at] + b"\x80\0\1\xff" * 4 + body[at + 16 :]
    for sent in (body, broken):
        (batch,) = decode([message(sent, 0, CONTENT_ARROW, {"model": "m"})], PREDICTIONS).batches
        assert batch.table["feature.x"].to_pylist() == texts


def test_values_hidden_under_a_null_list_are_no_fault(message: Make) -> None:
    values = pa.array([1.0, None, None, 4.0, None])
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 3, 4, 5]), values, mask=pa.array([False, True, False, False]))
    decoded = decode([arrow(message, {"ts": [MOMENT] * 4, "feature.x": lists})], PREDICTIONS)
    assert [(r.row, r.field) for r in decoded.refusals] == [(3, "features.x")]
    assert decoded.batches[0].table["feature.x"].to_pylist() == [[1.0], None, [4.0]]


def test_one_message_of_a_wrong_type_does_not_refuse_its_like(message: Make) -> None:
    sizes = [16.0, 1.5, 8.0]
    messages = [arrow(message, {"ts": [MOMENT], "batch_size": [size]}, i) for i, size in enumerate(sizes)]
    decoded = decode(messages, PREDICTIONS)
    assert [(r.offset, r.row, r.field) for r in decoded.refusals] == [(1, WHOLE_MESSAGE, "batch_size")]
    assert decoded.batches[0].table["batch_size"].to_pylist() == [16, 8]
    assert decoded.batches[0].table["offset"].to_pylist() == [0, 2]


def test_models_that_are_brought_in_together_are_what_each_is_alone(message: Make) -> None:
    rows: dict[str, dict[str, Any]] = {
        "a": {"ts": [MOMENT, None, MOMENT], "feature.x": [1.0, 2.0, 3.0], "feature.c": ["p", None, "q"]},
        "b": {"ts": [None], "feature.x": [4.0], "feature.c": ["r"]},
        "c": {"ts": [MOMENT, MOMENT], "feature.x": [5.0, 6.0], "feature.c": [None, None]},
    }
    types = {"ts": pa.timestamp("us", "UTC"), "feature.c": pa.string()}
    sent = [
        message(stream(columns, **types), offset, CONTENT_ARROW, {"model": model})
        for offset, (model, columns) in enumerate(rows.items())
    ]
    together, alone = decode(sent, PREDICTIONS), [decode([one], PREDICTIONS) for one in sent]
    found = {batch.model: batch.table for batch in together.batches}
    assert {model: table.to_pydict() for model, table in found.items()} == {
        batch.model: batch.table.to_pydict() for one in alone for batch in one.batches
    }
    assert list(found) == ["a", "c"]
    assert "feature.c" not in found["c"].column_names
    assert together.refusals == [refusal for one in alone for refusal in one.refusals]


@pytest.mark.parametrize("models", [["a"], ["a", "b"]])
def test_a_stream_without_rows_holds_no_record(message: Make, models: list[str]) -> None:
    body = stream({"ts": [], "feature.x": []}, ts=pa.timestamp("us", "UTC"))
    decoded = decode([message(body, i, CONTENT_ARROW, {"model": m}) for i, m in enumerate(models)], PREDICTIONS)
    assert (decoded.batches, decoded.refusals) == ([], [])
