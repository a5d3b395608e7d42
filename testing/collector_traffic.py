"""Messages as all sorts of producers send them, good and bad, each with the single records that it holds: hypothesis strategies."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from driftglass_client.wire import CONTENT_ARROW, CONTENT_JSON, CONTENT_NDJSON
from kernel.clock import HOUR_US, MINUTE_US, to_rfc3339
from stream.codecs.topics import RecordKind

START_US = 1_362_096_000_000_000  # 2013-03-01
PLAIN, HOURLY = "plain", "hourly"  # the second has windows of an hour, a roll-up, segments and a declared column
WHOLE_MESSAGE = -1
IDS = ["a", "b", "c", "d", 5]
MOMENTS_US = [START_US + n * 5 * HOUR_US + n * n * MINUTE_US for n in range(10)]
_FAR_AHEAD = "2100-01-01T00:00:00Z"
_LONG = 12  # records; so many JSON records of one shape are read in columns, few one by one

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Held:
    """One record of a message.

    Attributes:
        row: its index, or WHOLE_MESSAGE.
        fault: the field for which it is refused; None of a good one.
    """

    row: int
    record: Record
    fault: str | None = None


@dataclass(frozen=True)
class Sent:
    """A message and what it holds."""

    value: bytes
    content_type: str
    held: tuple[Held, ...]


def messages(kind: RecordKind) -> st.SearchStrategy[Sent]:
    """Messages of a topic of this kind."""
    few = st.lists(_held(kind), max_size=3)
    ways = [few.flatmap(_as_json), st.lists(_held(kind), min_size=1, max_size=2).map(_many).flatmap(_as_json)]
    if kind is not RecordKind.EVENTS:
        ways.append(few.map(_as_arrow))
    return st.one_of(*ways, st.sampled_from(_UNREADABLE))


def _joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})


def _one_of(name: str, *values: object) -> st.SearchStrategy[dict[str, Any]]:
    """A field with one of these values; of None it is absent."""
    return st.sampled_from(values).map(lambda value: {} if value is None else {name: value})


_MODEL, _TS = _one_of("model", PLAIN, HOURLY), _one_of("ts", *map(to_rfc3339, MOMENTS_US))
_FEATURES = _joined(
    _one_of("delay", None, -2.5, 0.0, 3.0, 70.0),
    _one_of("x", None, 0.5, 2.0, 9.0, "n/a", "7"),
    _one_of("carrier", None, "AA", "UA"),
    _one_of("night", None, True, False),
).map(lambda values: {"features": values} if values else {})
_OUTCOMES: list[dict[str, Any]] = [
    {},
    {"prediction": "late", "scores": {"late": 0.9, "on_time": 0.1}},
    {"prediction": "on_time", "scores": {"late": 0.3}},
    {"prediction": 7.0},
]
_COSTS: list[dict[str, Any]] = [
    {},
    {"latency_ms": 3.0},
    {"latency_ms": 250.0, "weight": 4.0},
    {"weight": 0.5},
    {"error": "out of memory"},
]
# Few choices a record: hypothesis gives up programs that take too many.
_MAKERS: dict[RecordKind, st.SearchStrategy[dict[str, Any]]] = {
    RecordKind.PREDICTIONS: _joined(
        _MODEL, _TS, _one_of("id", *IDS, None), _one_of("version", None, "1", 2), _FEATURES,
        st.sampled_from(_OUTCOMES), st.sampled_from(_COSTS),
    ),
    RecordKind.LABELS: _joined(
        _MODEL, _TS, _one_of("id", *IDS), _one_of("label", "late", "on_time", 1.5),
        _one_of("prediction_ts", None, *map(to_rfc3339, MOMENTS_US[:3])),
    ),
    RecordKind.EVENTS: _joined(
        _TS, _one_of("kind", "deploy", "incident"), _one_of("model", PLAIN, None), st.just({"title": "a change"})
    ),
    RecordKind.BUSINESS: _joined(
        _MODEL, _one_of("ts", *map(to_rfc3339, MOMENTS_US[:2])), _one_of("name", "revenue", "handling time"),
        _one_of("value", 1.5, 2.5, -7.0),
    ),
}  # fmt: skip

_Spoil = tuple[dict[str, Any], str]
# What makes a record bad, and the field that is then named; None stands for a field that is left out.
_SPOILED: dict[RecordKind, list[_Spoil]] = {
    RecordKind.PREDICTIONS: [
        ({"ts": None}, "ts"),
        ({"ts": _FAR_AHEAD}, "ts"),
        ({"model": None}, "model"),
        ({"id": ""}, "id"),
        ({"weight": 0.0}, "weight"),
        ({"latency_ms": -1.0}, "latency_ms"),
        ({"model": HOURLY, "features": {"delay": "late"}}, "features.delay"),
    ],
    RecordKind.LABELS: [({"id": None}, "id"), ({"label": None}, "label"), ({"prediction_ts": _FAR_AHEAD}, "prediction_ts")],
    RecordKind.EVENTS: [({"kind": "party"}, "kind"), ({"ts": "yesterday"}, "ts")],
    RecordKind.BUSINESS: [({"ts": _FAR_AHEAD}, "ts"), ({"name": ""}, "name"), ({"value": None}, "value")],
}  # fmt: skip

_UNREADABLE = [
    Sent(b"", CONTENT_JSON, (Held(0, {}, ""),)),
    Sent(b"[]", CONTENT_JSON, ()),
    Sent(b"", CONTENT_NDJSON, ()),
    Sent(b"no json", CONTENT_JSON, (Held(0, {}, ""),)),
    Sent(b'[{"model": ', CONTENT_JSON, (Held(WHOLE_MESSAGE, {}, ""),)),
    Sent(b"a,b,c", "text/csv", (Held(WHOLE_MESSAGE, {}, ""),)),
]


def _held(kind: RecordKind) -> st.SearchStrategy[Held]:
    """A record, sometimes spoiled."""
    faults = st.sampled_from([None, None, None, None, *_SPOILED[kind]])
    return st.builds(lambda record, fault: _spoil(0, record, fault), _MAKERS[kind], faults)


def _many(held: list[Held]) -> list[Held]:
    """So many that they are read in columns."""
    return (held * _LONG)[:_LONG]


def _spoil(row: int, record: dict[str, Any], spoil: _Spoil | None) -> Held:
    if spoil is None:
        return Held(row, record)
    changes, field = spoil
    return Held(row, {k: v for k, v in (record | changes).items() if v is not None}, field)


def _numbered(held: list[Held]) -> list[Held]:
    return [Held(row, one.record, one.fault) for row, one in enumerate(held)]


def _as_json(held: list[Held]) -> st.SearchStrategy[Sent]:
    held = _numbered(held)
    bodies = [json.dumps(h.record).encode() for h in held]
    ways = [
        Sent(b"[" + b", ".join(bodies) + b"]", CONTENT_JSON, tuple(held)),
        Sent(b"\n".join([*bodies, b""]), CONTENT_NDJSON, tuple(held)),
    ]
    if len(held) == 1:
        ways.insert(0, Sent(bodies[0], CONTENT_JSON, tuple(held)))
    return st.sampled_from(ways)


def _as_arrow(held: list[Held]) -> Sent:
    """One column a field, of one type; values of several types become the texts that they are then sent as."""
    held = _numbered(held)
    flat = [_flat(h.record) for h in held]
    columns = {}
    for name in sorted({name for row in flat for name in row}):
        values = [row.get(name) for row in flat]
        if len({type(v) for v in values if v is not None}) > 1:
            values = [None if v is None else as_text(v) for v in values]
        columns[name] = values
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    body = io.BytesIO()
    with pa.ipc.new_stream(body, table.schema) as stream:
        stream.write_table(table)
    sent = [
        Held(h.row, _nested({n: c[i] for n, c in columns.items() if c[i] is not None}), h.fault)
        for i, h in enumerate(held)
    ]
    return Sent(body.getvalue(), CONTENT_ARROW, tuple(sent))


def as_text(value: object) -> str:
    """A value as text: whole numbers without a point.

    >>> as_text(2.0), as_text(0.5), as_text("2"), as_text(True)
    ('2', '0.5', '2', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _flat(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in record.items():
        if name == "features":
            row |= {f"feature.{n}": v for n, v in value.items()}
        elif name == "scores":
            row |= {f"score.{n}": v for n, v in value.items()}
        elif name in ("prediction", "label") and isinstance(value, float):
            row[f"{name}_value"] = value
        else:
            row[name] = value
    return row


def _nested(row: Record) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, value in row.items():
        group, dot, rest = name.partition(".")
        if dot:
            record.setdefault(f"{group}s", {})[rest] = value
        else:
            record[name.removesuffix("_value")] = value
    return record
