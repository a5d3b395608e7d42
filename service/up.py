"""`driftglass up`: every part on one machine, each its own process, begun again when it ends by itself."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from service.loops import Stop

_log = logging.getLogger("driftglass.up")

PARTS = ("collect", "detect", "alert", "shadow", "api", "dashboard")
_LOOK_S = 0.5
_RESTART_PAUSE_S = 2.0
_GRACE_S = 20.0


class Supervisor:
    """Child processes by name. A part may be killed at any time: it goes on from what is committed.

    Args:
        environment: added to this process's own.
        logs: a folder for what each part prints, one file a part; None leaves it on this process's own output.
    """

    def __init__(self, parts: Sequence[str], environment: Mapping[str, str], logs: Path | None = None) -> None:
        self._environment = {**os.environ, **environment}
        self._parts = tuple(parts)
        self._logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Begin every part."""
        for part in self._parts:
            self._begin(part)

    def watch(self, stop: Stop, until: Callable[[], bool] = lambda: False) -> bool:
        """Begin again what ends, until asked to stop or `until` holds; whether it does."""
        while not stop.wait(_LOOK_S):
            self.look()
            if until():
                return True
        return False

    def look(self) -> None:
        """Begin again what has ended."""
        for part, child in list(self._children.items()):
            if child.poll() is not None:
                _log.warning("%s ended with status %s; beginning it again", part, child.returncode)
                time.sleep(_RESTART_PAUSE_S)
                self._begin(part)

    def stop(self) -> None:
        """Ask every part to finish; end those that do not within the grace."""
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + _GRACE_S
        for child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()

    def _begin(self, part: str) -> None:
        command = [sys.executable, "-m", "service.cli", part]
        with ExitStack() as closing:
            log = closing.enter_context((self._logs / f"{part}.log").open("ab")) if self._logs else None
            self._children[part] = subprocess.Popen(  # noqa: S603 - our own interpreter and command
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
