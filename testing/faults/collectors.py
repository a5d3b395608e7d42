"""Collectors as processes of their own, of one consumer group; started, killed and replaced by the test."""

import itertools
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from testing.process import running
from testing.waiting import wait_until

_COMMAND = (sys.executable, "-m", "service.cli", "collect", "--no-gateway")
_END_TIMEOUT_S = 60.0
_LOG_TAIL = 3_000
_STACKS = 12_000


@dataclass(slots=True)
class Collector:
    """One process.

    Attributes:
        folder: where it runs, with its log.
        process: ends it when closed.
    """

    number: int
    folder: Path
    pid: int
    process: ExitStack = field(default_factory=ExitStack)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except FileNotFoundError:
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"

    @property
    def log(self) -> str:
        """What it has written."""
        return (self.folder / "server.log").read_text(errors="replace")


class Collectors:
    """The group. Call it from the main thread (see testing.process.running).

    Args:
        environment: all variables of the processes.
        folder: each gets a folder of its own in it.

    Attributes:
        running: those that were started and neither killed nor stopped.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = {**environment, "PYTHONFAULTHANDLER": "1"}
        self._folder = folder
        self._numbers = itertools.count(1)
        self.running: list[Collector] = []

    def start(
        self,
        count: int = 1,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        command: Sequence[str] = _COMMAND,
    ) -> list[Collector]:
        """Start some, and return at once.

        Args:
            environment: further variables.
            prefix: words before the command, such as `prlimit --fsize=1000000 --`.
            command: what runs the collector.
        """
        words = [*prefix, *command]
        return [self._start_one({**self._environment, **(environment or {})}, words) for _ in range(count)]

    def kill(self, collector: Collector) -> None:
        """End one by SIGKILL."""
        self.running.remove(collector)
        collector.process.close()

    def stop(self, collector: Collector) -> None:
        """Ask one to stop, and return once it has: it flushes and leaves the group."""
        os.kill(collector.pid, signal.SIGTERM)
        wait_until(lambda: not collector.alive, _END_TIMEOUT_S, what=f"the end of collector {collector.number}")
        self.kill(collector)

    def close(self) -> None:
        """Kill all that run."""
        for collector in list(self.running):
            self.kill(collector)

    def require_alive(self) -> bool:
        """True.

        Raises:
            AssertionError: one has ended by itself; the message holds the end of its log.
        """
        for collector in self.running:
            if not collector.alive:
                raise AssertionError(f"collector {collector.number} has ended by itself: {collector.log[-_LOG_TAIL:]}")
        return True

    def autopsy(self) -> str:
        """End all that run, each with the stack of every thread in its log; returns the ends of their logs."""
        for collector in self.running:
            if collector.alive:
                os.kill(collector.pid, signal.SIGABRT)  # PYTHONFAULTHANDLER answers it
        wait_until(lambda: not any(c.alive for c in self.running), _END_TIMEOUT_S, what="the end of all collectors")
        return "\n".join(f"collector {c.number}: {c.log[-_STACKS:]}" for c in self.running)

    def _start_one(self, environment: Mapping[str, str], command: Sequence[str]) -> Collector:
        number = next(self._numbers)
        folder = self._folder / f"collector-{number}"
        folder.mkdir(parents=True)
        process = ExitStack()
        pid = process.enter_context(
            running(
                command,
                directory=folder,
                ready=lambda: True,
                stop_signal=signal.SIGKILL,
                environment=environment,
            )
        )
        self.running.append(Collector(number, folder, pid, process))
        return self.running[-1]
