"""Bodies of requests: no more than is allowed is ever held, whichever route reads them."""

import zlib
from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import answer
from kernel.errors import ContractError

_GZIP = 31  # wbits: a gzip header is required


class BoundedBodies:
    """ASGI middleware: decompresses gzip bodies and refuses those over a limit with 413.

    Args:
        limit: bytes after decompression, at most.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            fault = ContractError("Content-Encoding", f"is {encoding!r}; it must be gzip or left out")
            await answer(fault)(scope, receive, send)
            return
        body = _Body(self._limit, gzip=encoding.endswith("gzip"))

        async def bounded() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                message = {**message, "body": body.take(message.get("body", b""), bool(message.get("more_body")))}
            return message

        await self._app(scope, bounded, send)


class _Body:
    """What of one body has come so far."""

    def __init__(self, limit: int, *, gzip: bool) -> None:
        self._limit = limit
        self._taken = 0
        self._unzip = zlib.decompressobj(_GZIP) if gzip else None

    def take(self, chunk: bytes, more: bool) -> bytes:
        """The next part, decompressed.

        Raises:
            HTTPException: 413 over the limit, 400 where it is no gzip; FastAPI lets only this kind through while it reads.
        """
        part = b"".join(self._inflated(chunk)) if self._unzip else chunk
        self._taken += len(part)
        if self._taken > self._limit:
            raise HTTPException(
                413, f"the body is larger than {self._limit} bytes: send less, or raise api.max_body_bytes"
            )
        if self._unzip and not more and not self._unzip.eof:
            raise HTTPException(400, "the gzip body ends too early")
        return part

    def _inflated(self, chunk: bytes) -> Iterator[bytes]:
        """Decompressed parts, together at most one byte over the limit."""
        room = self._limit - self._taken + 1
        while chunk and room > 0 and self._unzip:
            if self._unzip.eof:  # gzip files may follow one another
                self._unzip = zlib.decompressobj(_GZIP)
            try:
                part = self._unzip.decompress(chunk, room)
            except zlib.error as error:
                raise HTTPException(400, f"the body is no gzip: {error}") from error
            room -= len(part)
            yield part
            chunk = self._unzip.unconsumed_tail or self._unzip.unused_data
