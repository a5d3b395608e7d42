"""How a part runs until it is told to stop, and what it does when a service it needs is away."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

from kernel.errors import UnavailableError

_log = logging.getLogger("driftglass")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


class Stop:
    """Set by SIGTERM and SIGINT: a part finishes what it holds and ends."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def listen(self) -> None:
        """Take the signals; in the main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def set(self) -> None:
        """Ask to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._event.is_set()

    def wait_for_ever(self) -> None:
        """Wait until asked to stop."""
        self._event.wait()

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until asked to stop; whether to stop."""
        return self._event.wait(seconds)


@contextmanager
def ending_within(stop: Stop, limit_s: float) -> Iterator[None]:
    """End the process where the block still runs so long after it was asked to stop: what is not committed is read again."""
    done = threading.Event()

    def watch() -> None:
        stop.wait_for_ever()
        if not done.wait(limit_s):
            _log.warning("not drained within %g s: ending now; what is not committed will be read again", limit_s)
            os._exit(1)

    watcher = threading.Thread(target=watch, name="drain-limit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        stop.set()  # where the block failed by itself, nobody asked; a thread that outlived it would be torn down with the process
        watcher.join()


def repeat(step: Callable[[], object], interval_s: float, stop: Stop) -> None:
    """Do a step again and again; where something is away, wait longer each time, and go on."""
    pause_s = _FIRST_PAUSE_S
    while not stop.is_set():
        try:
            step()
        except UnavailableError as error:
            _log.warning("%s; trying again in %.0f s", error, pause_s)
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        else:
            pause_s = _FIRST_PAUSE_S
            stop.wait(interval_s)


@contextmanager
def beside(work: Callable[[], None], stop: Stop) -> Iterator[None]:
    """Do other work on a thread of its own while the block runs, and stop it at the end.

    Args:
        work: ends soon after it is asked to stop; where it fails, all is asked to stop, and the failure is raised here.
    """
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(work)
        other.add_done_callback(lambda done: stop.set() if done.exception() else None)
        try:
            yield
        finally:
            stop.set()
        other.result()


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A socket that listens there.

    Args:
        setting: the setting that names the port, such as api.port, for the error.

    Raises:
        UnavailableError: the port is taken, or the address is not this machine's.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        part, variable = setting.split(".")[0], f"DRIFTGLASS_{setting.upper().replace('.', '__')}"
        raise UnavailableError(
            f"{setting}: {host}:{port}, which the part {part} wants, cannot be listened on ({error.strerror}); "
            f"set {setting} in driftglass.yaml, or {variable}, to another"
        ) from error


def is_listened_on(host: str, port: int) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
