"""From the values that services log to the few types of the wire, a column at a time.

A column is a list with one value a row; None is absent. Each function looks at the set of types first, which costs
some 20 ns a value, and touches single values only where a type needs it. All raise InvalidRecordError, or whatever
the caller's own objects raise, when one value does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from math import isfinite
from numbers import Real
from typing import Any

from driftglass_client.errors import InvalidRecordError

Column = list[Any]

NONE = type(None)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
NUMBERS = frozenset({int, float, NONE})
TEXTS = frozenset({str, NONE})
PLAIN = frozenset({int, float, str, bool, NONE})
RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")


def number(value: object) -> float | None:
    """A finite number, or None for None, NaN and infinities: a number that does not exist is null on the wire."""
    if value is None:
        return None
    if isinstance(value, (Real, Decimal)) and not isinstance(value, bool):
        real = float(value)
        return real if real - real == 0 else None
    raise InvalidRecordError(f"{value!r:.80} is not a number")


def numbers(values: Column) -> Column:
    """A column of finite floats."""
    if set(map(type, values)) <= NUMBERS and isfinite(sum([value for value in values if value is not None])):
        return values
    return [number(value) for value in values]


def texts(values: Column) -> Column:
    """A column of strings; an exception becomes its type and message."""
    return values if set(map(type, values)) <= TEXTS else [_text(value) for value in values]


def ids(values: Column) -> Column:
    """A column of ids: non-empty strings; integers and UUIDs are written out."""
    found = values if set(map(type, values)) == {str} else [_id(value) for value in values]
    if not all(found):
        raise InvalidRecordError("an id is empty")
    return found


def outcomes(values: Column) -> tuple[Column, Column]:
    """Predictions or labels as (class labels, numbers); a bool is the class label "true" or "false"."""
    kinds = set(map(type, values))
    if kinds <= TEXTS:
        return values, [None] * len(values)
    plains = [plain(value) for value in values]
    if any(isinstance(value, list) for value in plains):
        raise InvalidRecordError("a prediction or label must be a string, a number or a bool")
    classes = [str(value).lower() if value is True or value is False else value for value in plains]
    return (
        [value if isinstance(value, str) else None for value in classes],
        [None if isinstance(value, str) else number(value) for value in classes],
    )


def times(values: Column) -> Column:
    """A column of microseconds since 1970 UTC from aware datetimes, Unix seconds or RFC 3339 strings."""
    return [None if value is None else time_us(value) for value in values]


def time_us(value: object) -> int:
    """Microseconds since 1970 UTC.

    >>> time_us("2013-03-01T10:00:00Z"), time_us(1362132000.25)
    (1362132000000000, 1362132000250000)
    """
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidRecordError(f"ts {value!r} has no time zone; use an aware datetime")
        return (value - EPOCH) // MICROSECOND
    if isinstance(value, Real) and not isinstance(value, bool):
        ts_us = round(float(value) * 1e6)
        _ = EPOCH + timedelta(microseconds=ts_us)  # raises where the calendar ends
        return ts_us
    raise InvalidRecordError(f"ts {value!r:.80} is neither a datetime, Unix seconds nor RFC 3339")


def rfc3339(ts_us: int) -> str:
    """The RFC 3339 form of microseconds since 1970 UTC.

    >>> rfc3339(1362132000250000)
    '2013-03-01T10:00:00.250000Z'
    """
    return (EPOCH + timedelta(microseconds=ts_us)).isoformat().replace("+00:00", "Z")


def features(values: Column) -> Column:
    """A column of feature values: strings, numbers, bools and lists of numbers."""
    return values if set(map(type, values)) <= PLAIN else [plain(value) for value in values]


def plain(value: Any) -> str | float | bool | list[float] | None:
    """One feature's value as the wire knows it; numpy scalars and arrays, dates and decimals are converted.

    >>> from decimal import Decimal
    >>> plain(Decimal("1.5")), plain((1, 2))
    (1.5, [1.0, 2.0])
    """
    if type(value) in PLAIN:
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):
        return str.__str__(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (Real, Decimal)):
        return float(value)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return _vector(value)
    raise InvalidRecordError(f"a value of type {type(value).__name__} has no form on the wire")


def tag(value: object) -> str | None:
    """A tag's value as text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, Real)):
        return str(value)
    raise InvalidRecordError(f"tag value {value!r:.80} is not text")


def mapping(value: object) -> Mapping[str, Any]:
    """The mapping itself, or an empty one for None."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    raise InvalidRecordError(f"{type(value).__name__} is not a mapping")


def _vector(value: Sequence[object]) -> list[float]:
    if not all(isinstance(item, Real) for item in value):
        raise InvalidRecordError("a list may hold numbers only")
    return [float(item) for item in value]  # type: ignore[arg-type]


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    raise InvalidRecordError(f"{value!r:.80} is not text")


def _id(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) or type(value).__name__ == "UUID":
        return str(value)
    raise InvalidRecordError(f"id {value!r:.80} is neither text, an integer nor a UUID")


def _parsed(text: str) -> datetime:
    match = RFC3339.fullmatch(text)
    if match is None:
        raise InvalidRecordError(f"ts {text!r:.80} is not RFC 3339, 2013-03-01T10:00:00Z for instance")
    day, clock, fraction, zone = match.groups()
    micros = (fraction or "0")[:6].ljust(6, "0")
    offset = "+00:00" if zone in "Zz" else zone
    return datetime.fromisoformat(f"{day}T{clock}.{micros}{offset}")
