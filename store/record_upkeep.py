"""Upkeep of the record log in the background: small files are merged, old days deleted, files that left the table vacuumed.

One worker does it for a workspace at a time, by lease; should two overlap all the same, one's commits fail and nothing is doubled.
Neither collectors nor readers wait for it: appends do not conflict with it, and a reader's files stay for `vacuum_delay_hours` once
they left the table.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow.fs as pafs
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from kernel.clock import DAY_US, Clock
from kernel.errors import FencedError, UnavailableError
from store import gpu_readings, leases
from store.database import Database
from store.record_compaction import compact, stored_files
from store.record_expiry import expire
from store.record_merging import merges
from store.records import RecordLog
from store.upkeep_settings import UpkeepSettings
from stream.codecs.topics import RecordKind

_log = logging.getLogger("driftglass.upkeep")

_LONGEST_WINDOW_US = 31 * DAY_US
KINDS = (RecordKind.PREDICTIONS, RecordKind.LABELS)


@dataclass(slots=True)
class Report:
    """What one round did.

    Attributes:
        merged: files that became part of a larger one; vacuumed: files deleted from the store.
        expired: days deleted, as workspace/day.
    """

    merged: int = 0
    vacuumed: int = 0
    expired: list[str] = field(default_factory=list)


class RecordUpkeep:
    """The upkeep of the record logs of some workspaces. Not thread-safe; the record log is this worker's own.

    Args:
        owner: this worker's name, for people who look at leases.
    """

    def __init__(
        self,
        db: Database,
        log: RecordLog,
        workspaces: Sequence[str],
        clock: Clock,
        settings: UpkeepSettings,
        owner: str,
    ) -> None:
        self._db = db
        self._log = log
        self._workspaces = tuple(workspaces)
        self._clock = clock
        self._settings = settings
        self._owner = owner
        self._swept_s: dict[str, float] = {}
        self._too_large: set[str] = set()  # files that no merge could hold

    def step(self, stopping: Callable[[], bool] = lambda: False) -> Report:
        """Do what is due in every workspace that no other worker holds.

        Args:
            stopping: asked between two merges.

        Raises:
            UnavailableError: the database or the store is away; what was not done is due again.
        """
        report = Report()
        for workspace in self._workspaces:
            token = leases.take(self._db, _lease(workspace), self._owner, self._settings.lease_s)
            if token is not None:
                self._leased(workspace, token, report, stopping)
        return report

    def _leased(self, workspace: str, token: str, report: Report, stopping: Callable[[], bool]) -> None:
        def ending() -> bool:
            return stopping() or not leases.keep(self._db, _lease(workspace), token, self._settings.lease_s)

        try:
            self._keep_up(workspace, report, ending)
        except FencedError as error:
            _log.warning("%s; going on in the next round", error)
        finally:
            leases.give_back(self._db, _lease(workspace), token)

    def _keep_up(self, workspace: str, report: Report, ending: Callable[[], bool]) -> None:
        swept_s = self._swept_s.get(workspace, -math.inf)
        if self._clock.monotonic_s() - swept_s >= self._settings.sweep_interval_s:
            self._sweep(workspace, report)
        for kind in KINDS:
            while not ending() and (merged := self._merge(workspace, kind)):
                report.merged += merged

    def _sweep(self, workspace: str, report: Report) -> None:
        """Retention, then vacuum."""
        tables = {kind: found for kind in KINDS if (found := self._open(workspace, kind)) is not None}
        horizon_us = self._clock.now_us() - self._settings.retention_days * DAY_US
        gone = expire(self._db, workspace, tables, horizon_us)
        report.expired += [f"{workspace}/{day}" for day in gone]
        with self._db.write() as tx:
            gpu_readings.expire(tx, workspace, horizon_us - _LONGEST_WINDOW_US)
        for table, _ in tables.values():
            report.vacuumed += vacuum(table, self._settings.vacuum_delay_hours)
        self._swept_s[workspace] = self._clock.monotonic_s()

    def _merge(self, workspace: str, kind: RecordKind) -> int:
        """Do the next merge; returns the files that it took, 0 where there is none to do."""
        while (found := self._open(workspace, kind)) is not None:
            table, files = found
            small = [file for file in stored_files(table) if file.path not in self._too_large]
            merge = next(merges(small, self._settings.files_a_merge, self._settings.target_bytes), None)
            if merge is None:
                return 0
            merged = compact(table, files, kind, merge, self._settings.memory_bytes)
            if merged:
                return merged
            self._too_large.add(merge.files[0].path)
        return 0

    def _open(self, workspace: str, kind: RecordKind) -> tuple[DeltaTable, pafs.FileSystem] | None:
        table = self._log.table(workspace, kind)
        return None if table is None else (table, self._log.files_of(table))


def _lease(workspace: str) -> str:
    return f"upkeep/{workspace}"


def vacuum(table: DeltaTable, delay_hours: int) -> int:
    """Delete the files that left the table so long ago, and those of that age that never were in it; returns how many.

    Raises:
        UnavailableError: the store refuses.
    """
    options = {"retention_hours": delay_hours, "enforce_retention_duration": False, "full": True}
    try:
        if not table.vacuum(dry_run=True, **options):  # a vacuum of nothing would be two commits
            return 0
        return len(table.vacuum(dry_run=False, **options))
    except (DeltaError, OSError) as error:
        raise UnavailableError(f"the record log {table.table_uri} cannot be vacuumed: {error}") from error
