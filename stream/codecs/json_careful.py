"""JSON records of one model to columns, one by one: for groups in which some record is irregular.

The good records come out exactly as on the fast path; each bad one becomes a refusal that names its field.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import pyarrow as pa

from driftglass_client.wire import (
    ERROR,
    FEATURE_PREFIX,
    FEATURES,
    ID,
    NAME,
    PREDICTION_TS,
    SCORE_PREFIX,
    SCORES,
    TAG_PREFIX,
    TAGS,
    TRACE_ID,
    TS,
    VALUE,
    VERSION,
    WEIGHT,
)
from kernel.errors import ContractError
from stream.codecs.columns import (
    BATCH_SIZE,
    COST,
    FIXED,
    FLAG,
    LATENCY_MS,
    NUMBER,
    OUTCOME,
    QUEUE_MS,
    TEXT,
    VECTOR,
    is_named,
    name_problem,
)
from stream.codecs.texts import as_text, require_dense
from stream.codecs.topics import RecordKind

Row = dict[str, Any]
Columns = dict[str, pa.Array]
_INTEGERS = 1 << 63
_FEATURE_TYPES = {float: NUMBER, str: TEXT, bool: FLAG, list: VECTOR}


def read_rows(bodies: Sequence[bytes], kind: RecordKind) -> tuple[Columns, list[int], list[tuple[int, ContractError]]]:
    """Columns as `json_columns.read_columns` makes them, the records they hold, and what is wrong with the others.

    Returns:
        The columns; which of `bodies` their rows are, ascending; the index and fault of each of the rest.
    """
    rows: list[Row] = []
    good: list[int] = []
    faults: list[tuple[int, ContractError]] = []
    for i, body in enumerate(bodies):
        try:
            rows.append(_row(parse(body), kind))
            good.append(i)
        except ContractError as fault:
            faults.append((i, fault))
    return _columns(rows, kind), good, faults


def parse(body: bytes) -> dict[str, Any]:
    """One JSON object; refuses what parsers disagree on: keys that come twice, NaN and Infinity.

    Raises:
        ContractError: it is none.

    >>> parse(b'{"a": 1}')
    {'a': 1}
    """
    try:
        found = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        if b"\\u" in body:
            json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise ContractError("", f"is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ContractError("", "must be a JSON object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ContractError(twice, "comes twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _row(record: Mapping[str, Any], kind: RecordKind) -> Row:
    row: Row = {}
    for name, read in _READERS[kind].items():
        value = record.get(name)
        if value is not None:
            row[name] = read(value, name)
    outcome = record.get(OUTCOME[kind][0]) if kind in OUTCOME else None
    if outcome is not None:
        row.update(_outcome(outcome, kind))
    if kind is RecordKind.PREDICTIONS:
        for name, (prefix, read) in _GROUPS.items():
            row.update(_group(record.get(name), name, prefix, read))
    return row


def _group(values: Any, group: str, prefix: str, read: Callable[[Any, str], Any]) -> Row:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ContractError(group, "must be an object of values by name")
    row = {}
    for name, value in values.items():
        problem = name_problem(prefix + name)
        if problem:
            raise ContractError(f"{group}.{name[:50]}", problem)
        if value is not None:
            row[prefix + name] = read(value, f"{group}.{name}")
    return row


def _outcome(value: Any, kind: RecordKind) -> Row:
    as_class, as_number = OUTCOME[kind]
    if isinstance(value, bool):
        return {as_class: "true" if value else "false"}
    if isinstance(value, str):
        return {as_class: value}
    if isinstance(value, int | float):
        return {as_number: number(value, as_class)}
    raise ContractError(as_class, "must be a class label (text) or a number")


def text(value: Any, field: str) -> str:
    """A text.

    Raises:
        ContractError: it is none.
    """
    if isinstance(value, str):
        return value
    raise ContractError(field, "must be a text")


def _text_or_integer(value: Any, field: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ContractError(field, "must be a text or a whole number")


def number(value: Any, field: str) -> float:
    """The nearest float64 of a number.

    Raises:
        ContractError: it is none, or too large for one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ContractError(field, "must be a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if math.isinf(found):
        raise ContractError(field, "is a number beyond what float64 can hold")
    return found


def _integer(value: Any, field: str) -> int:
    whole = int(value) if number(value, field).is_integer() else _INTEGERS
    if not -_INTEGERS <= whole < _INTEGERS:
        raise ContractError(field, "must be a whole number")
    return whole


def _feature(value: Any, field: str) -> float | str | bool | list[float]:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return number(value, field)
    if isinstance(value, list):
        return [number(item, field) if item is not None else _no_number(field) for item in value]
    raise ContractError(field, "must be a number, a text, a boolean or a list of numbers")


def _no_number(field: str) -> NoReturn:
    raise ContractError(field, "must be a list of numbers only")


_NUMBERS = dict.fromkeys((LATENCY_MS, QUEUE_MS, COST, WEIGHT), number)
_READERS: dict[RecordKind, dict[str, Callable[[Any, str], Any]]] = {
    RecordKind.PREDICTIONS: {
        VERSION: _text_or_integer, ID: _text_or_integer, TS: text, **_NUMBERS, BATCH_SIZE: _integer, ERROR: text,
        TRACE_ID: text,
    },
    RecordKind.LABELS: {ID: _text_or_integer, TS: text, WEIGHT: number, PREDICTION_TS: text},
    RecordKind.BUSINESS: {NAME: text, TS: text, VALUE: number},
}  # fmt: skip
_GROUPS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    FEATURES: (FEATURE_PREFIX, _feature),
    SCORES: (SCORE_PREFIX, number),
    TAGS: (TAG_PREFIX, text),
}


def _columns(rows: Sequence[Row], kind: RecordKind) -> Columns:
    names = dict.fromkeys(name for row in rows for name in row)
    require_dense(len(rows), len(names), sum(map(len, rows)))
    return {name: _column([row.get(name) for row in rows], name, kind) for name in names}


def _column(values: list[Any], name: str, kind: RecordKind) -> pa.Array:
    if name.startswith(FEATURE_PREFIX):
        return _feature_column(values)
    if is_named(name):
        return pa.array(values, NUMBER if name.startswith(SCORE_PREFIX) else TEXT)
    return pa.array(values, TEXT if name in (TS, PREDICTION_TS) else FIXED[kind][name])


def _feature_column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) == 1:
        return pa.array(values, _FEATURE_TYPES[kinds.pop()])
    return pa.array([_value_text(value) for value in values], TEXT)


def _value_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return as_text(pa.array([value], _FEATURE_TYPES[type(value)]))[0].as_py()  # type: ignore[no-any-return]
