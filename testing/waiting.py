"""Waiting for a condition instead of sleeping, and finding a port nobody listens on."""

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

POLL_INTERVAL_S = 0.02
KEPT_PORTS = range(20_000, 32_000)  # below those that Linux gives to outgoing connections

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], timeout_s: float = 30.0, what: str = "the condition", every_s: float = POLL_INTERVAL_S
) -> T:
    """Call ``condition`` until what it returns is true, and return that.

    ``what`` completes the sentence "not within 30 s: ...". An exception of ``condition`` ends the wait. ``every_s`` is for
    conditions that cost whom they ask something.

    Raises:
        AssertionError: ``condition`` was still false after ``timeout_s`` seconds.

    >>> countdown = iter([0, 0, 7])
    >>> wait_until(lambda: next(countdown), what="a number that is not zero")
    7
    """
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(every_s)
    return value


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def kept_port() -> int:
    """Return a free TCP port of 127.0.0.1 that stays free while its server is down, but for a server that asks for just this one.

    A port of `free_port` may become the near end of anyone's connection meanwhile.
    """
    for port in random.SystemRandom().sample(KEPT_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no port is free")


def is_listening(port: int) -> bool:
    """Say whether something accepts connections on this TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
