"""JSON and NDJSON messages: what is taken, what is refused and why, and that both ways of reading agree."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftglass_client.wire import CONTENT_NDJSON
from stream.codecs.decode import decode
from stream.codecs.json_careful import read_rows
from stream.codecs.json_columns import IrregularError, read_columns
from stream.codecs.topics import RecordKind

PREDICTIONS, LABELS = RecordKind.PREDICTIONS, RecordKind.LABELS
Make = Callable[..., Any]
FULL = {
    "model": "flight-delay", "version": "3", "id": "a", "ts": "2013-03-01T11:00:00.25+01:00",
    "features": {"dep_delay": 3, "carrier": "UA", "night": True, "embedding": [1, 2.5]},
    "prediction": "late", "scores": {"late": 0.75, "on_time": 0.25}, "latency_ms": 12.5, "queue_ms": 1, "batch_size": 16,
    "error": None, "cost": 0.5, "weight": 2.0, "tags": {"region": "eu"}, "trace_id": "4b",
}  # fmt: skip


@pytest.mark.parametrize("copies", [1, 40])
def test_every_field_lands_in_its_canonical_column(message: Make, copies: int) -> None:
    decoded = decode([message(FULL, offset) for offset in range(copies)], PREDICTIONS)
    (batch,) = decoded.batches
    assert batch.model == "flight-delay"
    assert batch.table.column("ts").type == pa.timestamp("us", tz="UTC")
    assert batch.table.schema.field("feature.embedding").type == pa.list_(pa.float64())
    row = batch.table.to_pylist()[-1]
    assert row.pop("ts").isoformat() == "2013-03-01T10:00:00.250000+00:00"
    assert row == {
        "version": "3", "id": "a", "offset": copies - 1, "row": 0, "prediction": "late", "latency_ms": 12.5, "queue_ms": 1.0,
        "batch_size": 16, "cost": 0.5, "weight": 2.0, "trace_id": "4b", "feature.carrier": "UA", "feature.dep_delay": 3.0,
        "feature.embedding": [1.0, 2.5], "feature.night": True, "score.late": 0.75, "score.on_time": 0.25,
        "tag.region": "eu",
    }  # fmt: skip
    assert list(batch.table.column_names)[:5] == ["version", "id", "ts", "offset", "row"]


def test_what_is_missing_is_derived_from_the_place_in_the_log(message: Make, record: Make) -> None:
    body = msgspec.json.encode([record(), record(id=12345678901234567890123), record()])
    table = decode([message(body, 7)], PREDICTIONS).batches[0].table
    assert table["id"].to_pylist() == [
        "driftglass.predictions/2/7/0", "12345678901234567890123", "driftglass.predictions/2/7/2",
    ]  # fmt: skip
    assert table["version"].to_pylist() == ["", "", ""]
    keyed = decode([message(body, 0)], PREDICTIONS, key="k").batches[0].table
    assert keyed["id"].to_pylist()[2] == "k:2"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": ""}, "model"), ({"model": "x" * 256}, "model"), ({"model": 5}, "model"), ({"model": "a\0b"}, "model"),
        ({"ts": None}, "ts"), ({"ts": 1362132000}, "ts"), ({"ts": "2013-03-01T10:00:00"}, "ts"),
        ({"ts": "2013-02-30T10:00:00Z"}, "ts"),
        ({"ts": "2013-03-01"}, "ts"), ({"ts": "0000-01-01T00:00:00Z"}, "ts"), ({"ts": "2023-11-14T22:18:21Z"}, "ts"),
        ({"id": ""}, "id"), ({"id": "x" * 256}, "id"), ({"id": 1.5}, "id"), ({"id": True}, "id"), ({"id": ["a"]}, "id"),
        ({"version": "x" * 256}, "version"), ({"version": 1.5}, "version"),
        ({"features": [1]}, "features"), ({"features": {"a": {"b": 1}}}, "features.a"), ({"features": {"a": ["x"]}}, "features.a"),
        ({"features": {"a": [1, None]}}, "features.a"), ({"features": {"a": [True]}}, "features.a"),
        ({"features": {"": 1}}, "features."), ({"features": {"a": "b\0"}}, "features.a"),
        ({"prediction": [1]}, "prediction"), ({"scores": {"late": "high"}}, "scores.late"), ({"scores": 1}, "scores"),
        ({"latency_ms": -1}, "latency_ms"), ({"latency_ms": 1e308}, "latency_ms"), ({"latency_ms": "fast"}, "latency_ms"),
        ({"queue_ms": -0.5}, "queue_ms"),
        ({"weight": 0}, "weight"), ({"weight": -1.0}, "weight"), ({"weight": 1e200}, "weight"), ({"weight": 1e-200}, "weight"),
        ({"batch_size": 0}, "batch_size"), ({"batch_size": 1.5}, "batch_size"),
        ({"tags": {"gpu": 0}}, "tags.gpu"), ({"error": 5}, "error"), ({"trace_id": 5}, "trace_id"), ({"cost": "free"}, "cost"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("others", [0, 30])
def test_a_bad_record_is_refused_by_field_and_the_good_ones_stay(
    message: Make, record: Make, fields: dict[str, Any], field: str, others: int
) -> None:
    bad = record(**{"id": "b", **fields})
    messages = [message(record(id=str(i), features={"a": "x"}), i) for i in range(others)]
    decoded = decode([*messages, message(bad, others)], PREDICTIONS)
    (refusal,) = decoded.refusals
    assert (refusal.offset, refusal.row, refusal.field) == (others, 0, field)
    assert refusal.body == msgspec.json.encode(bad)
    assert decoded.accepted == others


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b'{"model":"m","ts":"2013-03-01T10:00:00Z","features":{"a":NaN}}', b"[" * 100_000,
        b'{"model":"m","ts":"2013-03-01T10:00:00Z","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"model":"m","ts":"2013-03-01T10:00:00Z","tags":{"a":"\xff"}}',
        b'{"model":"m","ts":"2013-03-01T10:00:00Z","tags":{"a":"\\ud800"}}',
        b'{"model":"m","ts":"2013-03-01T10:00:00Z"}{"model":"m","ts":"2013-03-01T10:00:00Z"}', b"3", b"null",
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused_whole(message: Make, record: Make, body: bytes) -> None:
    good = [message(record(), i) for i in range(20)]
    decoded = decode([*good, message(body, 20)], PREDICTIONS)
    assert [(r.offset, r.field, r.body) for r in decoded.refusals] == [(20, "", body)]
    assert decoded.accepted == 20


@pytest.mark.parametrize("n", [1, 20])
def test_a_key_that_comes_twice_is_refused(message: Make, n: int) -> None:
    twice = b'{"model":"m","ts":"2013-03-01T10:00:00Z","features":{"a":1,"a":2}}'
    decoded = decode([message(twice, i) for i in range(n)], PREDICTIONS)
    assert [(r.field, r.reason) for r in decoded.refusals] == [("a", "comes twice in one object")] * n


def test_numbers_beyond_float64_are_refused_and_great_integers_rounded(message: Make) -> None:
    def body(number: bytes) -> bytes:
        return b'{"model":"m","ts":"2013-03-01T10:00:00Z","features":{"a":' + number + b"}}"

    decoded = decode(
        [message(body(n), i) for i, n in enumerate([b"1e400", b"9007199254740993", b"1" * 400])], PREDICTIONS
    )
    assert [r.offset for r in decoded.refusals] == [0, 2]
    assert decoded.batches[0].table["feature.a"].to_pylist() == [9007199254740992.0]


def test_mixed_features_are_kept_as_text(message: Make, record: Make) -> None:
    values = [3, 0.5, "x", True, [1, 2], None, 2**40]
    decoded = decode([message(record(features={"a": v}), i) for i, v in enumerate(values)], PREDICTIONS)
    assert decoded.batches[0].table["feature.a"].to_pylist() == [
        "3",
        "0.5",
        "x",
        "true",
        "[1.0,2.0]",
        None,
        "1099511627776",
    ]


@pytest.mark.parametrize("n", [2, 30])
def test_texts_that_look_like_something_else_stay_texts(message: Make, record: Make, n: int) -> None:
    fields = {"id": "2013-01-01", "prediction": "2013-01-01", "features": {"a": "2013-01-01T00:00:00Z", "b": "5"}}
    table = decode([message(record(**fields), i) for i in range(n)], PREDICTIONS).batches[0].table
    row = table.to_pylist()[-1]
    assert (row["id"], row["prediction"], row["feature.a"], row["feature.b"]) == (
        "2013-01-01", "2013-01-01", "2013-01-01T00:00:00Z", "5",
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 20])
def test_predictions_are_classes_or_numbers(message: Make, record: Make, n: int) -> None:
    values = ["late", 3, 2.5, True, None]
    messages = [message(record(prediction=v), i) for i, v in enumerate(values * n)]
    table = decode(messages, PREDICTIONS).batches[0].table
    assert table["prediction"].to_pylist() == ["late", None, None, "true", None] * n
    assert table["prediction_value"].to_pylist() == [None, 3.0, 2.5, None, None] * n


def test_ndjson_lines_are_rows_and_blank_lines_none(message: Make, record: Make) -> None:
    lines = [msgspec.json.encode(record(id=str(i))) for i in range(12)]
    body = b"\r\n".join([*lines[:6], b"", b"broken", *lines[6:]]) + b"\n"
    decoded = decode([message(body, 3, CONTENT_NDJSON)], PREDICTIONS)
    assert decoded.batches[0].table["row"].to_pylist() == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]
    assert [(r.row, r.body) for r in decoded.refusals] == [(6, b"broken\r")]


def test_records_written_over_several_lines_are_read_fast_too(record: Make) -> None:
    bodies = [json.dumps(record(features={"a": float(i)}), indent=2).encode() for i in range(20)]
    assert read_columns(bodies, PREDICTIONS)["feature.a"].to_pylist() == [float(i) for i in range(20)]


def test_every_model_gets_a_table_of_its_own(message: Make, record: Make) -> None:
    messages = [message(record(model=f"m{i % 3}", features={f"f{i % 3}": 1}), i) for i in range(60)]
    batches = decode(messages, PREDICTIONS).batches
    assert [b.model for b in batches] == ["m0", "m1", "m2"]
    assert [b.table["offset"].to_pylist() for b in batches] == [list(range(m, 60, 3)) for m in range(3)]
    assert all(f"feature.f{i}" in b.table.column_names and b.table.num_columns == 6 for i, b in enumerate(batches))


def test_labels(message: Make, record: Make) -> None:
    good = [
        record(id="a", label="late", weight=2),
        record(id=7, label=3, prediction_ts="2013-02-28T10:00:00Z"),
        record(id="b", label=False),
    ]
    bad = [
        (record(label="x"), "id"),
        (record(id="c"), "label"),
        (record(id="c", label={}), "label"),
        (record(id="c", label=1, prediction_ts="soon"), "prediction_ts"),
        (record(id="c", label=1, prediction_ts="9999-12-31T23:00:00Z"), "prediction_ts"),
        (record(id="c", label=1, weight=0), "weight"),
    ]
    messages = [message(r, i) for i, r in enumerate([*good, *(r for r, _ in bad)])]
    decoded = decode(messages, LABELS)
    table = decoded.batches[0].table
    assert table["id"].to_pylist() == ["a", "7", "b"]
    assert table["label"].to_pylist() == ["late", None, "false"]
    assert table["label_value"].to_pylist() == [None, 3.0, None]
    assert table.column_names == ["id", "ts", "offset", "row", "label", "label_value", "weight", "prediction_ts"]
    assert [r.field for r in decoded.refusals] == [field for _, field in bad]


def test_an_unknown_content_type_is_refused_and_none_means_json(message: Make, record: Make) -> None:
    decoded = decode([message(b"a,b", 0, "text/csv"), message(record(), 1, "")], PREDICTIONS)
    assert [(r.offset, r.row) for r in decoded.refusals] == [(0, -1)]
    assert decoded.accepted == 1


_TEXTS = st.text(max_size=5)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), _TEXTS)
_VALUES = st.one_of(
    _SCALARS, st.lists(_SCALARS, max_size=3), st.dictionaries(_TEXTS, _SCALARS, max_size=2), st.just("2013-01-01")
)
_RECORDS = st.fixed_dictionaries(
    {"model": st.just("m"), "ts": st.one_of(st.just("2013-03-01T10:00:00Z"), _SCALARS)},
    optional={
        "id": _VALUES, "version": _VALUES, "prediction": _VALUES, "latency_ms": _SCALARS, "batch_size": _SCALARS,
        "error": _VALUES, "weight": _SCALARS, "other": _VALUES,
        "features": st.one_of(_SCALARS, st.dictionaries(st.sampled_from(["a", "b", ""]), _VALUES)),
        "scores": st.one_of(st.none(), st.dictionaries(st.sampled_from(["late", "x"]), _SCALARS)),
        "tags": st.one_of(st.none(), st.dictionaries(st.sampled_from(["r", "s"]), _SCALARS)),
    },
)  # fmt: skip
_ALIKE = st.builds(  # records of one shape, which the fast path takes
    lambda kinds, n, draw: [_alike(kinds, draw) for _ in range(n)],
    st.lists(st.sampled_from("fisblnd"), max_size=4), st.integers(1, 4), st.randoms(use_true_random=False),
)  # fmt: skip


def _alike(kinds: list[str], draw: Any) -> dict[str, Any]:
    values = {
        "f": draw.uniform(-1e9, 1e9), "i": draw.randint(-(2**60), 2**60), "s": draw.choice(["é", "", "5", "2013-01-01"]),
        "b": draw.random() < 0.5, "l": [draw.random(), draw.randint(0, 9)], "n": None, "d": draw.choice([[], [1]]),
    }  # fmt: skip
    features = {f"{k}{i}": values[k] for i, k in enumerate(kinds) if draw.random() < 0.8}
    return {"model": "m", "ts": "2013-03-01T10:00:00Z", "features": features, "id": draw.randint(0, 99)}


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.lists(_RECORDS, min_size=1, max_size=4), _ALIKE))
def test_the_fast_path_takes_only_what_the_careful_one_takes_and_alike(records: list[dict[str, Any]]) -> None:
    bodies = [msgspec.json.encode(r) for r in records]
    careful, _, faults = read_rows(bodies, PREDICTIONS)
    try:
        fast = read_columns(bodies, PREDICTIONS)
    except IrregularError:
        return
    assert faults == []
    full = {name: column for name, column in fast.items() if column.null_count < len(column)}
    assert set(full) == set(careful)
    for name, column in full.items():
        assert column.type == careful[name].type
        assert column.to_pylist() == careful[name].to_pylist()


@settings(max_examples=50, deadline=None)
@given(_ALIKE)
def test_records_of_one_shape_take_the_fast_path(records: list[dict[str, Any]]) -> None:
    assert len(read_columns([msgspec.json.encode(r) for r in records], PREDICTIONS)["ts"]) == len(records)
