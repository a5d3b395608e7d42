"""A collector whose time of day is set while it runs, as an operator or a wrong time server does.

    python -m testing.faults.set_clock FILE    # driftglass collect --no-gateway, as many microseconds off as FILE says

Nothing else differs from the real command: the clock is injected where the command line injects the machine's. What the operating
system, the brokers and the database take for the time is not touched.
"""

import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from kernel.clock import SystemClock
from kernel.settings import load
from service import commands
from service.loops import Stop
from service.settings import Settings
from service.wiring import Wiring


class SetClock(SystemClock):
    """The machine's clock, except that the time of day is off by what a file says; durations are true.

    Args:
        file: see `set_to`.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC, as this clock has it."""
        return super().now_us() + int(self._file.read_text())


def set_to(file: Path, off_us: int) -> None:
    """Set the clock of whoever reads the file."""
    new = file.with_suffix(".new")
    new.write_text(str(off_us))
    os.replace(new, file)


def _collect(file: Path) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    stop = Stop()
    stop.listen()
    with ExitStack() as closing:
        wiring = Wiring(load(Settings), SetClock(file), closing)
        commands.collect(wiring, stop, gateway=False, consume=True)


if __name__ == "__main__":
    _collect(Path(sys.argv[1]))
