"""A TCP proxy in front of one address, which makes the way there slow, stalled, cut or closed, for any protocol.

What clients see of a service that is behind a bad network, while the service itself goes on.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

CHUNK_BYTES = 64 << 10
_ANSWER_TIMEOUT_S = 10.0

T = TypeVar("T")


class TcpProxy:
    """Listens on a port of 127.0.0.1 while its block lasts and hands every connection on; on a thread of its own.

    Faults are begun and ended from any thread. While the target does not listen, a connection is accepted and reset.

    Args:
        port, host: of the target.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = host, port
        self._delay_s = 0.0
        self._refusing = False
        self._open: set[asyncio.WriteTransport] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy of {port}", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK_BYTES))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._open) // 2

    def cut(self) -> int:
        """Reset all connections; returns how many there were. New ones are taken."""
        return self._run(self._cut())

    @contextmanager
    def slowed(self, delay_s: float) -> Iterator[None]:
        """While the block lasts, every chunk of up to 64 KiB, in both directions, waits that long, one after another."""
        self._delay_s = delay_s
        try:
            yield
        finally:
            self._delay_s = 0.0

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """While the block lasts, connections stay open and nothing goes through; afterwards what waited does."""
        self._call(self._flowing.clear)
        try:
            yield
        finally:
            self._call(self._flowing.set)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """While the block lasts, new connections are reset at once; those that are open are cut first."""
        self._refusing = True
        try:
            self.cut()
            yield
        finally:
            self._refusing = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._refusing:
                raise ConnectionRefusedError
            far_reader, far_writer = await asyncio.open_connection(*self._target, limit=CHUNK_BYTES)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer.transport, far_writer.transport}
        self._open |= pair
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far_writer))
                both.create_task(self._pump(far_reader, writer))
        except* OSError:
            pass  # one end is gone; so is the other, below
        finally:
            self._open -= pair
            for transport in pair:
                transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(CHUNK_BYTES):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._flowing.wait()
            sink.write(chunk)
            await sink.drain()
        await self._flowing.wait()
        sink.write_eof()

    async def _cut(self) -> int:
        found = list(self._open)
        for transport in found:
            transport.abort()
        return len(found) // 2

    async def _stop(self) -> None:
        self._server.close()
        self._flowing.set()
        await self._cut()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    def _call(self, change: Callable[[], None]) -> None:
        async def done() -> None:
            change()

        self._run(done())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_TIMEOUT_S)
