"""Reads the exporters of GPU figures over HTTP and stores what they say.

A target is one worker's at a time, by a lease; readings are stored in the transaction that renews it, so none is counted twice.
"""

import logging
from concurrent.futures import ThreadPoolExecutor, wait

import httpx

from collector.gpu.readings import readings
from collector.gpu.scrape_counts import ScrapeCounts
from kernel.clock import Clock
from kernel.errors import ContractError, DriftglassError, UnavailableError
from store import gpu_readings, leases
from store.database import Database
from store.gpu_readings import Reading
from store.gpu_settings import GpuSettings, GpuTarget

_log = logging.getLogger("driftglass.gpu")

_MOST_AT_ONCE = 16
_LARGEST_BYTES = 16 << 20
_LEAST_LEASE_S = 30.0
_ACCEPTED = {"Accept": "text/plain;version=0.0.4"}


class GpuScraper:
    """Reads the targets of one workspace. Several may run; each target is read by one of them.

    Args:
        owner: this worker's name, for people who look at leases.
        counts: where readings and failures are counted.
    """

    def __init__(
        self, db: Database, workspace: str, clock: Clock, settings: GpuSettings, owner: str, counts: ScrapeCounts
    ) -> None:
        self._db = db
        self._workspace = workspace
        self._clock = clock
        self._settings = settings
        self._owner = owner
        self._counts = counts
        self._lease_s = max(_LEAST_LEASE_S, 3 * (settings.interval_s + settings.timeout_s))
        self._tokens: dict[str, str] = {}
        self._away: set[str] = set()  # targets whose last reading failed
        self._client = httpx.Client(timeout=settings.timeout_s, headers=_ACCEPTED)
        self._threads = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="gpu")

    def step(self) -> int:
        """Read every target once that no other worker holds, all at the same time; returns how many answered.

        Raises:
            UnavailableError: the database is away; what was read is lost.
        """
        reading = [self._threads.submit(self._read, target) for target in self._settings.targets]
        wait(reading)  # all of them, before one that failed is raised: a target is never read twice at a time
        return sum(done.result() for done in reading)

    def close(self) -> None:
        """Let other workers take the targets over."""
        self._threads.shutdown()
        self._client.close()
        for target, token in self._tokens.items():
            leases.give_back(self._db, self._lease(target), token)

    def _read(self, target: GpuTarget) -> bool:
        name = target.name
        if not self._holds(name):
            return False
        found: list[Reading] = []
        try:
            found = self._figures(name)
        except (UnavailableError, ContractError) as error:
            self._failed(name, error)
        if not self._store(name, found) or not found:
            return False
        self._answered(name)
        return True

    def _holds(self, target: str) -> bool:
        if target not in self._tokens:
            token = leases.take(self._db, self._lease(target), self._owner, self._lease_s)
            if token is not None:
                self._tokens[target] = token
        return target in self._tokens

    def _figures(self, target: str) -> list[Reading]:
        found = readings(self._fetch(target))
        if not found:
            raise ContractError("", "tells of no GPU")
        return found

    def _fetch(self, target: str) -> str:
        """What the target answers, in the time and the size that it may take.

        Raises:
            UnavailableError: it does not answer, or not with what was asked for.
        """
        until_s, body = self._clock.monotonic_s() + self._settings.timeout_s, bytearray()
        try:
            with self._client.stream("GET", target) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise UnavailableError(f"answers {answer.status_code}")
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _LARGEST_BYTES:
                        raise UnavailableError(f"answers more than {_LARGEST_BYTES >> 20} MiB")
                    if self._clock.monotonic_s() > until_s:
                        raise UnavailableError(f"is not done after {self._settings.timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"does not answer: {error or type(error).__name__}") from error
        return body.decode("utf-8", "replace")

    def _store(self, target: str, found: list[Reading]) -> bool:
        """Renew the lease, with what was read; False, and nothing stored, where it was lost."""
        with self._db.write() as tx:
            if leases.renew(tx, self._lease(target), self._tokens[target], self._lease_s):
                idle_below = self._settings.idle_below
                gpu_readings.add(tx, self._workspace, target, found, self._clock.now_us(), idle_below)
                return True
        del self._tokens[target]
        return False

    def _failed(self, target: str, error: DriftglassError) -> None:
        self._counts.failed(target)
        if target not in self._away:
            _log.warning("the GPU exporter %s %s; trying again every %g s", target, error, self._settings.interval_s)
        self._away.add(target)

    def _answered(self, target: str) -> None:
        self._counts.read(target)
        if target in self._away:
            _log.info("the GPU exporter %s answers again", target)
        self._away.discard(target)

    def _lease(self, target: str) -> str:
        return f"gpu/{self._workspace}/{target}"[:255]
