"""Messages as all sorts of producers send them, good and bad, each with the single records that it holds: hypothesis strategies."""

import io
import json
from collections.abc import Callable, Mapping
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
    ways: list[st.SearchStrategy[Sent]] = [
        _records(kind, st.lists(_MAKERS[kind], max_size=4)).flatmap(_as_json),
        _records(kind, st.lists(_MAKERS[kind], min_size=_LONG, max_size=_LONG)).flatmap(_as_json),
        st.sampled_from(_UNREADABLE),
    ]
    if kind is not RecordKind.EVENTS:
        ways.insert(0, _records(kind, st.lists(_MAKERS[kind], max_size=6)).map(_as_arrow))
    return st.one_of(ways)


def _moment() -> st.SearchStrategy[str]:
    return st.sampled_from(MOMENTS_US).map(to_rfc3339)


def _features() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "delay": st.sampled_from([-2.5, 0.0, 1.0, 3.0, 70.0]),
            "x": st.sampled_from([0.5, 2.0, 9.0, "n/a", "7", None]),
            "carrier": st.sampled_from(["AA", "UA", "B6"]),
            "night": st.booleans(),
        },
    )


_MAKERS: dict[RecordKind, st.SearchStrategy[dict[str, Any]]] = {
    RecordKind.PREDICTIONS: st.fixed_dictionaries(
        {"model": st.sampled_from([PLAIN, HOURLY]), "ts": _moment()},
        optional={
            "version": st.sampled_from(["1", "2", 2]),
            "id": st.sampled_from(IDS),
            "features": _features(),
            "prediction": st.sampled_from(["late", "on_time", 7.0]),
            "scores": st.sampled_from([{"late": 0.3}, {"late": 0.9, "on_time": 0.1}]),
            "latency_ms": st.sampled_from([0.0, 3.0, 250.0]),
            "error": st.just("out of memory"),
            "weight": st.sampled_from([0.5, 2.0, 4.0]),
        },
    ),
    RecordKind.LABELS: st.fixed_dictionaries(
        {
            "model": st.sampled_from([PLAIN, HOURLY]),
            "id": st.sampled_from(IDS),
            "ts": _moment(),
            "label": st.sampled_from(["late", "on_time", 1.5]),
        },
        optional={"prediction_ts": _moment()},
    ),
    RecordKind.EVENTS: st.fixed_dictionaries(
        {"kind": st.sampled_from(["deploy", "incident"]), "ts": _moment(), "title": st.just("a change")},
        optional={"model": st.sampled_from([PLAIN, HOURLY])},
    ),
}

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
}  # fmt: skip

_UNREADABLE = [
    Sent(b"", CONTENT_JSON, (Held(0, {}, ""),)),
    Sent(b"[]", CONTENT_JSON, ()),
    Sent(b"", CONTENT_NDJSON, ()),
    Sent(b"no json", CONTENT_JSON, (Held(0, {}, ""),)),
    Sent(b'[{"model": ', CONTENT_JSON, (Held(WHOLE_MESSAGE, {}, ""),)),
    Sent(b"a,b,c", "text/csv", (Held(WHOLE_MESSAGE, {}, ""),)),
]


def _records(kind: RecordKind, good: st.SearchStrategy[list[dict[str, Any]]]) -> st.SearchStrategy[list[Held]]:
    """Records, some of them spoiled."""
    fault = st.sampled_from([None, None, None, *_SPOILED[kind]])

    @st.composite
    def draw_all(draw: Callable[..., Any]) -> list[Held]:
        return [_spoil(row, record, draw(fault)) for row, record in enumerate(draw(good))]

    return draw_all()


def _spoil(row: int, record: dict[str, Any], spoil: _Spoil | None) -> Held:
    if spoil is None:
        return Held(row, record)
    changes, field = spoil
    return Held(row, {k: v for k, v in (record | changes).items() if v is not None}, field)


def _as_json(held: list[Held]) -> st.SearchStrategy[Sent]:
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
