"""The headers of a Kafka message as ours, whichever client has read it."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from driftglass_client.wire import CONTENT_JSON, HEADER_CONTENT_TYPE


@lru_cache(1_024)
def our_headers(pairs: tuple[tuple[str, bytes | None], ...]) -> tuple[str, Mapping[str, str]]:
    """The content type and the other headers; remembered, since a producer's messages have the same ones.

    >>> our_headers((("Content-Type", b"Application/X-NDJSON; charset=utf-8"), ("Model", b"m"), ("none", None)))
    ('application/x-ndjson', mappingproxy({'model': 'm'}))
    """
    headers = {name.lower(): value.decode(errors="replace") for name, value in pairs if value is not None}
    content_type = headers.pop(HEADER_CONTENT_TYPE, CONTENT_JSON).partition(";")[0].strip().lower()
    return content_type, MappingProxyType(headers)
