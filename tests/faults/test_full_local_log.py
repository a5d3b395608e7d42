"""No room for the local log: what is not on the disk is not accepted, and once there is room the gateway takes records again."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from testing.faults.embedded import Service
from testing.faults.file_size import no_file_longer_than
from testing.faults.flood import ROWS, Flood
from testing.faults.scale import Scale
from testing.faults.world import Verdict
from testing.waiting import wait_until

SENDERS = 2
REFUSALS = 10  # in a row of faults, before there is room again
ACCEPTED = 10
CAUGHT_UP_S = 240.0
ROOM_BYTES = 1_000_000  # what comes before a checkpoint is longer, so a write breaks off in its midst


def test_the_disk_of_the_local_log_is_full_for_a_while(
    tmp_path: Path, scale: Scale, noted: Callable[[Verdict], None]
) -> None:
    service = Service(tmp_path, {})
    flood = Flood(service.url, SENDERS)

    def refused() -> list[str]:
        return flood.refused + flood.turned_away

    def wait_for(more: Callable[[], list[str]], number: int, what: str) -> None:
        goal = len(more()) + number
        wait_until(lambda: len(more()) >= goal, 120, what)

    faults = scale(short=5, long=50)
    with service.collector(), service.gateway() as pid:
        with flood.running():
            for number in range(faults):
                wait_for(lambda: flood.accepted, ACCEPTED, "records accepted")
                with no_file_longer_than(ROOM_BYTES + 1_000 * number, [pid]):
                    wait_for(refused, REFUSALS, "refusals")
            wait_for(lambda: flood.accepted, ACCEPTED, "records accepted again")
        began_s = time.monotonic()
        wait_until(service.caught_up, CAUGHT_UP_S, what="nothing left in the log")
        caught_up_s = time.monotonic() - began_s
    stored = service.stored()
    expected = {f"{key}:{row}" for key in flood.accepted for row in range(ROWS)}
    doubled = sum(stored.values()) - len(stored)
    noted(Verdict(faults, len(expected), len(expected - stored.keys()), doubled, caught_up_s))
    assert not flood.odd
    assert flood.unanswered == 0
    assert len(flood.turned_away) >= faults, "a write that breaks off is answered with 503"
    assert expected <= stored.keys()
    assert doubled == 0
    assert service.counted() == len(stored)
    by_request = Counter(id_.partition(":")[0] for id_ in stored)
    assert not by_request.keys() & set(refused()), "of what was refused nothing is there"
    assert set(by_request.values()) == {ROWS}, "all of a request is there or nothing"
