"""Messages to the gateway by HTTP, over one kept connection of the standard library."""

from __future__ import annotations

import json
import ssl
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from driftglass_client import wire
from driftglass_client.errors import ClientConfigError, RefusedError, TooLargeError, UnavailableError
from driftglass_client.transport import Message

REFUSALS = {400: "bad_request", 401: "unauthorized", 403: "forbidden"}
TRY_AGAIN = frozenset({408, 425, 429})
LONGEST_ANSWER_BYTES = 1 << 20


class HttpTransport:
    """Posts to /v1/predictions and /v1/labels below an address.

    Args:
        url: http:// or https://, with a path where the gateway lives below one.
        api_key: sent as X-Api-Key.

    Raises:
        ClientConfigError: the address is not one.
    """

    name = "http"
    splits_by_bucket = False

    def __init__(self, url: str, api_key: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClientConfigError(f"url is {url!r}; it must look like http://127.0.0.1:7461")
        try:
            self._address = (parts.hostname, parts.port)
        except ValueError as error:
            raise ClientConfigError(f"url is {url!r}: {error}") from error
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._base = parts.path.rstrip("/")
        self._headers = {wire.HTTP_API_KEY: api_key} if api_key else {}
        self._connection: HTTPConnection | None = None

    def send(self, message: Message, timeout_s: float) -> int:
        """Post one message; see Transport.send."""
        kept = self._connection is not None
        try:
            return self._post(message, timeout_s)
        except (OSError, HTTPException) as error:
            self.close()
            if not kept:
                raise UnavailableError(f"the gateway did not answer: {error!r}") from error
        try:  # a kept connection that the gateway has closed meanwhile says nothing about the gateway
            return self._post(message, timeout_s)
        except (OSError, HTTPException) as error:
            self.close()
            raise UnavailableError(f"the gateway did not answer: {error!r}") from error

    def close(self) -> None:
        """Close the connection; the next send() opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def forked(self) -> None:
        """Close the child's copy of the socket, which leaves the parent's connection as it is."""
        self.close()

    def _post(self, message: Message, timeout_s: float) -> int:
        connection = self._connected(timeout_s)
        headers = {
            **self._headers,
            wire.HEADER_CONTENT_TYPE: message.content_type,
            wire.HTTP_IDEMPOTENCY_KEY: message.key,
        }
        connection.request("POST", self._base + wire.HTTP_PATHS[message.topic], message.body, headers)
        response = connection.getresponse()
        answer = response.read(LONGEST_ANSWER_BYTES)
        if response.will_close or not response.isclosed():
            self.close()
        return _judge(response, answer, message.rows)

    def _connected(self, timeout_s: float) -> HTTPConnection:
        if self._connection is None:
            host, port = self._address
            if self._tls is not None:
                self._connection = HTTPSConnection(host, port, timeout=timeout_s, context=self._tls)
            else:
                self._connection = HTTPConnection(host, port, timeout=timeout_s)
        self._connection.timeout = timeout_s
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)
        return self._connection


def _judge(response: HTTPResponse, answer: bytes, rows: int) -> int:
    status = response.status
    if 200 <= status < 300:
        return _rejected(answer, rows)
    text = f"the gateway answered {status}: {answer[:200].decode(errors='replace')}"
    if status in TRY_AGAIN or status >= 500:
        raise UnavailableError(text, _retry_after_s(response.getheader("Retry-After")))
    if status == 413:
        raise TooLargeError(text)
    raise RefusedError(REFUSALS.get(status, "refused"), text)


def _rejected(answer: bytes, rows: int) -> int:
    try:
        rejected = json.loads(answer)["rejected"]
    except (ValueError, KeyError, TypeError):
        return 0
    return min(rejected, rows) if isinstance(rejected, int) and rejected > 0 else 0


def _retry_after_s(text: str | None) -> float | None:
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None
