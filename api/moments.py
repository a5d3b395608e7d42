"""Times on the wire: RFC 3339 in UTC outside, integer microseconds inside."""

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from kernel.clock import to_rfc3339
from stream.codecs.moments import parse_rfc3339
from stream.codecs.settle import NO_TIME


def read_moment(text: object) -> int:
    """Microseconds of a text that was sent, by the rules for records.

    Raises:
        ValueError: it is no RFC 3339 time with its zone.

    >>> read_moment("2013-03-01T10:00:00Z")
    1362132000000000
    """
    found = parse_rfc3339(pa.array([text], pa.string()))[0] if isinstance(text, str) else None
    if found is None or not found.is_valid:
        raise ValueError(NO_TIME)
    return int(pc.cast(found, pa.int64()).as_py())


def span_until(start: int | None, end: int | None, now_us: int, back_us: int) -> tuple[int, int]:
    """What a request asks about, [start, end): until now where it does not say, and so far back.

    >>> span_until(None, None, 100, 30), span_until(5, 50, 100, 30)
    ((70, 100), (5, 50))
    """
    end_us = now_us if end is None else end
    return (end_us - back_us if start is None else start), end_us


_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2013-03-01T10:00:00Z"]})

Moment = Annotated[int, PlainSerializer(to_rfc3339, return_type=str), _SCHEMA]
"""A time in an answer."""
Asked = Annotated[int, BeforeValidator(read_moment), _SCHEMA]
"""A time in a request."""
