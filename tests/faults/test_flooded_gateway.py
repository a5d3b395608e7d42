"""A flood over HTTP: what cannot be taken is refused with 429 before memory grows, and what was accepted is stored once."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from testing.faults.embedded import Service
from testing.faults.flood import ROWS, Flood
from testing.faults.scale import Scale
from testing.faults.world import Verdict
from testing.waiting import wait_until

MOST_MEMORY_KB = 1 << 20
HELD_BYTES = 1 << 20
LOG_BYTES = 96 << 20
SENDERS = 12
DRAIN_S = 20
CAUGHT_UP_S = 240.0


SETTINGS = {
    "LOG__LOCAL__MAX_BYTES": str(LOG_BYTES),
    "GATEWAY__MAX_HELD_BYTES": str(HELD_BYTES),
    "COLLECTOR__DRAIN_S": str(DRAIN_S),
}


def peak_memory_kb(pid: int) -> int:
    """The most memory that the process ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def ended(pid: int) -> bool:
    """Whether the process is over; ours are waited for only when their block ends."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_flood_is_refused_before_memory_grows_and_a_stop_in_its_midst_loses_nothing(
    tmp_path: Path, scale: Scale, noted: Callable[[Verdict], None]
) -> None:
    service, seconds = Service(tmp_path, SETTINGS), scale(short=6.0, long=600.0)
    flood = Flood(service.url, SENDERS)
    with service.up() as pid, flood.running():
        over_s = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() > over_s and len(flood.refused) > 0, seconds + 60, what="a refusal")
        peak_kb = peak_memory_kb(pid)
        os.kill(pid, signal.SIGTERM)
        asked_s = time.monotonic()
        wait_until(lambda: ended(pid), 3 * DRAIN_S, what="the end of the service")
        drained_s = time.monotonic() - asked_s
    began_s = time.monotonic()
    with service.up():
        wait_until(service.caught_up, CAUGHT_UP_S, what="nothing left in the log")
    stored = service.stored()
    expected = {f"{key}:{row}" for key in flood.accepted for row in range(ROWS)}
    doubled = sum(stored.values()) - len(stored)
    noted(Verdict(1, len(expected), len(expected - stored.keys()), doubled, time.monotonic() - began_s))
    assert not flood.odd
    assert not flood.turned_away
    assert peak_kb < MOST_MEMORY_KB
    assert drained_s < 2 * DRAIN_S
    assert expected <= stored.keys()
    assert doubled == 0
    assert service.counted() == len(stored)
