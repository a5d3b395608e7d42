"""Messages of a test, as they would lie in the log."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from driftglass_client.wire import CONTENT_JSON
from stream.message import Message, Partition

RECEIVED_US = 1_700_000_000_000_000


@pytest.fixture(scope="session")
def message() -> Callable[..., Message]:
    def make(
        value: bytes | Mapping[str, Any],
        offset: int = 0,
        content_type: str = CONTENT_JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Message:
        body = value if isinstance(value, bytes) else msgspec.json.encode(value)
        return Message(Partition("driftglass.predictions", 2), offset, body, content_type, headers or {}, RECEIVED_US)

    return make


@pytest.fixture(scope="session")
def record() -> Callable[..., dict[str, Any]]:
    def make(**fields: Any) -> dict[str, Any]:
        return {"model": "m", "ts": "2013-03-01T10:00:00Z", **fields}

    return make
