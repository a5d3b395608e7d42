"""Doing shadow runs: the one place of this room that writes.

claim      the oldest run that is queued, or whose runner fell silent
load       its spec and its candidate
replay     recorded traffic through the candidate, the lease renewed on the way
judge      comparison and verdict, pure functions of the replayed rows
finish     written once, if the lease holds
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kernel.clock import SECOND_US, Clock
from kernel.errors import DriftglassError, FencedError, NotFoundError, UnavailableError
from kernel.profile import Kind
from shadow.candidates.contract import FEATURE, Candidate, FloatArray, Source
from shadow.candidates.onnx import OnnxCandidate
from shadow.comparison import Latencies, compare, quantiles
from shadow.pairs import pairs_of
from shadow.replay import Heard, Replay, Replayed
from shadow.settings import ShadowSettings
from shadow.spec import RunSpec, from_json
from shadow.verdict import Verdict, decide
from store import columns, models, shadow_runs
from store.database import Database
from store.record_reads import RecordReader
from store.shadow_runs import Held, NewRun

_SOURCES: dict[Kind, Source] = {
    Kind.NUMERIC: "numbers",
    Kind.BOOLEAN: "numbers",
    Kind.CATEGORICAL: "texts",
    Kind.TEXT: "texts",
}
_RENEWALS_A_LEASE = 4


def submit(db: Database, workspace: str, spec: RunSpec, now_us: int) -> str:
    """Queue a run and return its id."""
    new = NewRun(spec.model, spec.version, spec.candidate, spec.to_json())
    return shadow_runs.create(db, workspace, new, now_us)


@dataclass(frozen=True, slots=True)
class _Found:
    result: dict[str, Any]
    verdict: Verdict


class ShadowRunner:
    """Does the shadow runs of one workspace. Several may work; each run is one runner's at a time.

    Args:
        owner: this runner's name, for people who look at leases.
    """

    def __init__(
        self, db: Database, reader: RecordReader, workspace: str, clock: Clock, settings: ShadowSettings, owner: str
    ) -> None:
        self._db = db
        self._reader = reader
        self._workspace = workspace
        self._clock = clock
        self._settings = settings
        self._owner = owner

    def step(self) -> int:
        """Do what is queued; returns how many runs came to an end, done or failed.

        Raises:
            UnavailableError: the database or the record log is away; the run in hand is queued again.
        """
        ended = 0
        while (held := self._claim()) is not None:
            ended += self._do(held)
        return ended

    def do(self, run: str, heard: Heard) -> bool:
        """Do one run; False where another runner has it, or it has ended.

        Args:
            heard: told the share that is replayed.

        Raises:
            UnavailableError: the database or the record log is away; the run is queued again.
        """
        held = self._claim(run)
        return held is not None and self._do(held, heard)

    def _claim(self, run: str | None = None) -> Held | None:
        seconds, now_us = self._settings.lease_s, self._clock.now_us()
        return shadow_runs.claim(self._db, self._workspace, self._owner, seconds, now_us, run)

    def _do(self, held: Held, heard: Heard = lambda _share: None) -> bool:
        """One run; False where its lease was lost."""
        try:
            spec = from_json(held.spec)
            candidate = self._load(spec)
        except DriftglassError as error:
            return self._fail(held, error)
        try:
            found = self._find(held, spec, candidate, heard)
        except UnavailableError:
            shadow_runs.release(self._db, self._workspace, held)
            raise
        except KeyboardInterrupt:
            shadow_runs.fail(self._db, self._workspace, held, "stopped by hand", self._clock.now_us())
            raise
        except FencedError:
            return False
        except DriftglassError as error:
            return self._fail(held, error)
        decision, reasons = found.verdict.decision, found.verdict.reasons
        return shadow_runs.finish(
            self._db, self._workspace, held, found.result, decision, reasons, self._clock.now_us()
        )

    def _load(self, spec: RunSpec) -> Candidate:
        threads, providers = self._settings.threads, self._settings.providers
        return OnnxCandidate(Path(spec.path), spec.features, spec.classes, threads, providers)

    def _find(self, held: Held, spec: RunSpec, candidate: Candidate, heard: Heard) -> _Found:
        replay = Replay(self._reader, candidate, self._settings, self._recorded_as(spec.model))
        replayed = replay.run(spec, self._positive(spec), self._renewing(held, heard))
        if replayed is None:
            version = f", version {spec.version}" if spec.version else ""
            raise NotFoundError(f"{spec.model}{version} recorded no predictions in this span")
        latencies = Latencies(quantiles(_numbers(replayed, "latency_ms")), quantiles(replayed.row_ms))
        found = compare(pairs_of(replayed.rows, replayed.positive), latencies)
        return _Found(found.to_json() | _replay_json(replayed), decide(found, spec.bars, replayed.errors))

    def _recorded_as(self, model: str) -> dict[str, Source]:
        known = columns.of_models(self._db, self._workspace, [model])[model]
        features = {name.removeprefix(FEATURE): c.kind for name, c in known.items() if name.startswith(FEATURE)}
        return {name: _SOURCES[kind] for name, kind in features.items() if kind in _SOURCES}

    def _positive(self, spec: RunSpec) -> str:
        model = models.known(self._db, self._workspace).get(spec.model)
        return spec.positive_class or (model.positive_class if model else "")

    def _renewing(self, held: Held, heard: Heard) -> Heard:
        pause_us = round(self._settings.lease_s * SECOND_US / _RENEWALS_A_LEASE)
        due_us = 0

        def renewing(share: float) -> None:
            nonlocal due_us
            heard(share)
            if self._clock.now_us() < due_us:
                return
            due_us = self._clock.now_us() + pause_us
            if not shadow_runs.progress(self._db, self._workspace, held, share, self._settings.lease_s):
                raise FencedError(f"the lease of shadow run {held.run} was lost")

        return renewing

    def _fail(self, held: Held, error: DriftglassError) -> bool:
        return shadow_runs.fail(self._db, self._workspace, held, str(error), self._clock.now_us())


def _numbers(replayed: Replayed, name: str) -> FloatArray:
    return np.asarray(replayed.rows[name].fill_null(np.nan).to_numpy(), np.float64)


def _replay_json(replayed: Replayed) -> dict[str, Any]:
    """How the replay itself went: batches of so many rows, milliseconds a batch, rows a second."""
    batch_ms, rows = replayed.batch_ms, replayed.batch_rows
    timed = quantiles(batch_ms)
    return {
        "replay": {
            "batches": int(rows.size),
            "batch_rows": int(rows.max()),
            "batch_ms": {"p50": timed.p50, "p90": timed.p90, "p99": timed.p99},
            "rows_per_s": float(rows.sum() / (batch_ms.sum() / 1e3)) if batch_ms.sum() else None,
            "errors": list(replayed.errors[:10]),
        }
    }
