"""A flood over HTTP: what cannot be taken is refused with 429 before memory grows, and what was accepted is stored once."""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import httpx
import sqlalchemy as sa
from deltalake import DeltaTable

from store.database import Database
from store.migrate import migrate
from testing.faults.flood import ROWS, Flood
from testing.faults.scale import Scale
from testing.faults.world import Verdict
from testing.process import running
from testing.waiting import free_port, wait_until

MOST_MEMORY_KB = 1 << 20
HELD_BYTES = 1 << 20
LOG_BYTES = 96 << 20
SENDERS = 12
DRAIN_S = 20
CAUGHT_UP_S = 240.0


class Service:
    """The gateway and the collector in one process, on the embedded default, with little room in front of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "STORE__DATABASE": f"sqlite:///{folder}/state.db",
            "STORE__RECORDS": str(folder / "records"),
            "LOG__LOCAL__PATH": str(folder / "log.db"),
            "LOG__LOCAL__MAX_BYTES": str(LOG_BYTES),
            "GATEWAY__PORT": str(self.port),
            "GATEWAY__MAX_HELD_BYTES": str(HELD_BYTES),
            "COLLECTOR__DRAIN_S": str(DRAIN_S),
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGLASS_")}
        self._environment = clean | {f"DRIFTGLASS_{name}": value for name, value in settings.items()}
        db = Database(settings["STORE__DATABASE"])
        migrate(db)
        db.close()

    @contextmanager
    def up(self) -> Iterator[int]:
        """Its process id, once it answers."""
        command = [sys.executable, "-m", "service.cli", "collect"]
        options = {"directory": self.folder, "ready": self._ready, "stop_signal": signal.SIGKILL}
        with running(command, environment=self._environment, **options) as pid:
            yield pid

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def caught_up(self) -> bool:
        """Whether everything in the log is committed."""
        log, state = (sa.create_engine(f"sqlite:///{self.folder}/{name}.db") for name in ("log", "state"))
        with log.connect() as one, state.connect() as other:
            ends = dict(one.execute(sa.text("select topic, next_offset from partitions where next_offset > 0")).all())
            done = dict(other.execute(sa.text("select topic, next_offset from offsets")).all())
        log.dispose()
        state.dispose()
        return bool(ends) and done == ends

    def stored(self) -> Counter[str]:
        """How often each id lies in the record log."""
        files = [
            uri.removeprefix("file://") for uri in DeltaTable(self.folder / "records/default/predictions").file_uris()
        ]
        return Counter(dict(duckdb.execute("select id, count(*) from read_parquet(?) group by id", [files]).fetchall()))

    def counted(self) -> int:
        """Rows as the windows count them."""
        engine = sa.create_engine(f"sqlite:///{self.folder}/state.db")
        with engine.connect() as connection:
            rows = connection.scalar(sa.text("select sum(rows) from windows where size = '1d'"))
        engine.dispose()
        return int(rows)


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
    service, seconds = Service(tmp_path), scale(short=6.0, long=600.0)
    flood = Flood(service.url, SENDERS)
    with service.up() as pid, flood.running():
        over_s = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() > over_s and flood.refused > 0, seconds + 60, what="a refusal")
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
    assert peak_kb < MOST_MEMORY_KB
    assert drained_s < 2 * DRAIN_S
    assert expected <= stored.keys()
    assert doubled == 0
    assert service.counted() == len(stored)
