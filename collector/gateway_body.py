"""Reading a request's body without ever holding more of it than is allowed."""

import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from kernel.errors import ContractError, DriftglassError, FullError

_GZIP = 31  # wbits: a gzip header is required


class TooLargeError(DriftglassError):
    """The body is over the limit: 413."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit} bytes: send it in parts")


class Held:
    """How many bytes of bodies are being worked on. For one event loop; not thread-safe, and needs not be.

    Args:
        limit: beyond it new bytes are refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.bytes = 0

    @contextmanager
    def body(self) -> Iterator["Body"]:
        """The account of one body; what it holds is given back at the end."""
        body = Body(self)
        try:
            yield body
        finally:
            self.bytes -= body.bytes

    def add(self, n: int) -> None:
        """Count further bytes.

        Raises:
            FullError: the limit is reached.
        """
        if self.bytes + n > self._limit:
            raise FullError(f"{self.bytes} bytes of requests are being worked on: try again")
        self.bytes += n


class Body:
    """One body, growing."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._parts: list[bytes] = []
        self.bytes = 0

    def add(self, part: bytes, limit: int) -> None:
        """Take a part in.

        Raises:
            TooLargeError: the body is over its own limit.
            FullError: all bodies together are over theirs.
        """
        if self.bytes + len(part) > limit:
            raise TooLargeError(limit)
        self._held.add(len(part))
        self.bytes += len(part)
        self._parts.append(part)

    def value(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


async def read_body(chunks: AsyncIterator[bytes], encoding: str, limit: int, body: Body) -> bytes:
    """The body, decompressed.

    Args:
        chunks: as they arrive.
        encoding: the Content-Encoding: "", identity or gzip.
        limit: bytes after decompression, at most.

    Raises:
        TooLargeError, FullError: see Body.add; reading stops there.
        ContractError: the encoding is another, or it is no gzip.
    """
    if encoding in ("", "identity"):
        async for chunk in chunks:
            body.add(chunk, limit)
        return body.value()
    if encoding not in ("gzip", "x-gzip"):
        raise ContractError("Content-Encoding", f"is {encoding!r}; it must be gzip or left out")
    unzip = zlib.decompressobj(_GZIP)
    async for chunk in chunks:
        unzip = _inflate(unzip, chunk, limit, body)
    if not unzip.eof:
        raise ContractError("", "the gzip body ends too early")
    return body.value()


def _inflate(unzip: "zlib._Decompress", chunk: bytes, limit: int, body: Body) -> "zlib._Decompress":
    """Take one compressed chunk in, at most one byte over the limit at a time; returns what reads the next one."""
    while chunk:
        if unzip.eof:  # gzip files may follow one another
            unzip = zlib.decompressobj(_GZIP)
        try:
            body.add(unzip.decompress(chunk, limit - body.bytes + 1), limit)
        except zlib.error as error:
            raise ContractError("", f"the body is no gzip: {error}") from error
        chunk = unzip.unconsumed_tail or unzip.unused_data
    return unzip
