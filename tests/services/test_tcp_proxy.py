import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from testing.tcp_proxy import TcpProxy
from testing.waiting import wait_until


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection:
                try:
                    while chunk := connection.recv(1 << 16):
                        connection.sendall(chunk)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def proxy(echo: int) -> Iterator[TcpProxy]:
    with TcpProxy(echo) as made:
        yield made


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=20)


def exchange(connection: socket.socket, body: bytes) -> bytes:
    """What comes back; raises ConnectionError where the connection ends before that."""
    sender = threading.Thread(target=_send, args=(connection, body), daemon=True)
    sender.start()
    received = b""
    while len(received) < len(body):
        chunk = connection.recv(1 << 16)
        if not chunk:
            raise ConnectionError
        received += chunk
    sender.join()
    return received


def _send(connection: socket.socket, body: bytes) -> None:
    with suppress(OSError):  # who receives hears of it
        connection.sendall(body)


def test_what_is_sent_arrives_whole_both_ways_and_so_does_the_end(proxy) -> None:
    body = bytes(range(256)) * 10_000
    with connect(proxy) as connection:
        assert exchange(connection, body) == body
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    wait_until(lambda: proxy.connections == 0, what="the connection's end")


def test_a_cut_connection_is_reset_and_a_new_one_is_taken(proxy) -> None:
    with connect(proxy) as connection:
        assert exchange(connection, b"a") == b"a"
        assert proxy.cut() == 1
        with pytest.raises(ConnectionError):
            exchange(connection, b"b")
    with connect(proxy) as connection:
        assert exchange(connection, b"c") == b"c"


def test_while_it_refuses_nobody_is_connected(proxy) -> None:
    with connect(proxy) as before:
        exchange(before, b"a")
        with proxy.refusing():
            for connection in (before, connect(proxy)):
                with connection, pytest.raises(ConnectionError):
                    exchange(connection, b"b")
    with connect(proxy) as connection:
        assert exchange(connection, b"c") == b"c"


def test_while_it_stalls_nothing_comes_through_and_afterwards_everything_does(proxy) -> None:
    with connect(proxy) as connection:
        exchange(connection, b"a")
        with proxy.stalled():
            connection.sendall(b"b")
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(20)
        assert connection.recv(1) == b"b"


def test_a_slow_way_still_leads_there(proxy) -> None:
    with connect(proxy) as connection, proxy.slowed(0.05):
        assert exchange(connection, b"a" * 100_000) == b"a" * 100_000


def test_a_target_that_does_not_listen_resets_its_clients(free_port) -> None:
    with TcpProxy(free_port()) as proxy, connect(proxy) as connection, pytest.raises(ConnectionError):
        exchange(connection, b"a")
