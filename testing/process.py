"""A server process that ends with the tests, however they end."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from testing.waiting import wait_until

LOG_TAIL_CHARACTERS = 2_000
STOP_TIMEOUT_S = 10.0


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    directory: Path,
    ready: Callable[[], bool],
    stop_signal: signal.Signals,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run ``command`` in ``directory`` while the block lasts, and yield its process id once ``ready()`` is true.

    What the process writes goes to ``directory/server.log``. At the end of the block it gets ``stop_signal``. If this
    process dies without reaching that end (SIGKILL, a test's timeout), the kernel sends the signal instead; the kernel
    watches the calling thread, so call this from the main one. ``user``: run as this user, for root only.
    ``environment``: all of the process's variables; None for those of this process.

    Raises:
        RuntimeError: the process ended before it was ready; the message holds the end of its log.
        AssertionError: it was not ready in time.
    """
    log = directory / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - the commands are written in this package
            [*_as_child(stop_signal, user), *command],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A Ctrl-C at the terminal is for pytest, which then stops the servers after the tests that use them.
            start_new_session=True,
        )
    try:
        wait_until(lambda: _alive(process, log) and ready(), timeout_s=60, what=f"{command[0]} ready; see {log}")
        yield process.pid
    finally:
        _stop(process, stop_signal)


def run_once(command: Sequence[str | Path], *, directory: Path, user: str | None = None) -> None:
    """Run ``command`` to its end in ``directory``.

    Raises:
        RuntimeError: it failed; the message holds the end of what it wrote.
    """
    done = subprocess.run(  # noqa: S603 - the commands are written in this package
        [*_as_child(signal.SIGTERM, user), *command],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed with status {done.returncode}: {done.stdout[-LOG_TAIL_CHARACTERS:]}")


def is_root() -> bool:
    """Say whether this process runs as root."""
    return os.geteuid() == 0


def _as_child(death_signal: signal.Signals, user: str | None) -> list[str]:
    """Return the words before a command that tie it to this process's life, and change the user where asked."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    identity = ["--reuid", user, "--regid", user, "--init-groups"] if user else []
    return [setpriv, *identity, "--pdeathsig", death_signal.name.removeprefix("SIG"), "--"]


def _alive(process: subprocess.Popen[bytes], log: Path) -> bool:
    if (status := process.poll()) is not None:
        tail = log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
        raise RuntimeError(f"{process.args!r} ended with status {status} before it was ready: {tail}")
    return True


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    process.send_signal(stop_signal)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
