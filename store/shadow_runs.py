"""Shadow runs as work: asked for, claimed by lease, finished once. store.shadow_view has them as people read them.

A run's work is leased by the database's clock; what comes of it is written only while the token holds, so a runner that was
thought dead and returns writes nothing.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kernel.clock import SECOND_US
from kernel.errors import NotFoundError
from store.database import Database, database_now_us
from store.tables import shadow_runs as t


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to queue.

    Attributes:
        model, version: whose traffic is replayed; version "" for all.
        candidate: its name, for people.
        spec: all that the runner needs, as JSON.
    """

    model: str
    version: str
    candidate: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """A run that is ours to do while the token holds."""

    run: str
    token: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as it is stored.

    Attributes:
        state: queued, running, done or failed; progress: 0 to 1, None before it began.
        result: the comparison as JSON, empty before the end; verdict: promote, hold or reject, "" before the end.
        reasons: of the verdict; error: one sentence, "" unless it failed.
    """

    run: str
    model: str
    version: str
    candidate: str
    spec: Mapping[str, Any]
    state: str
    progress: float | None
    result: Mapping[str, Any]
    verdict: str
    reasons: Sequence[str]
    error: str
    owner: str
    created_us: int
    started_us: int | None
    finished_us: int | None


_COLUMNS = [t.c[name] for name in StoredRun.__slots__]


def create(db: Database, workspace: str, new: NewRun, now_us: int) -> str:
    """Queue a run and return its id."""
    run = uuid.uuid4().hex[:16]
    row = {
        "workspace": workspace, "run": run, "model": new.model, "version": new.version, "candidate": new.candidate,
        "spec": dict(new.spec), "state": "queued", "result": {}, "reasons": [], "created_us": now_us,
    }  # fmt: skip
    with db.write() as connection:
        connection.execute(sa.insert(t).values(row))
    return run


def listing(db: Database, workspace: str, model: str | None = None, limit: int = 100) -> list[StoredRun]:
    """Runs, newest first; of one model, or of all."""
    query = sa.select(*_COLUMNS).where(t.c.workspace == workspace)
    if model is not None:
        query = query.where(t.c.model == model)
    with db.read() as connection:
        return [
            StoredRun(*row) for row in connection.execute(query.order_by(t.c.created_us.desc(), t.c.run).limit(limit))
        ]


def one(db: Database, workspace: str, run: str) -> StoredRun:
    """One run.

    Raises:
        NotFoundError: when the workspace has no such run.
    """
    with db.read() as connection:
        row = connection.execute(sa.select(*_COLUMNS).where(t.c.workspace == workspace, t.c.run == run)).one_or_none()
    if row is None:
        raise NotFoundError(f"workspace {workspace!r} has no shadow run {run!r}")
    return StoredRun(*row)


def claim(db: Database, workspace: str, owner: str, seconds: float, now_us: int, run: str | None = None) -> Held | None:
    """Take the oldest run that is queued, or whose runner's lease ran out; None where there is none.

    Args:
        run: take this one or none.
        seconds: how long the lease holds, by the database's clock, unless `progress` renews it.
    """
    free = (t.c.workspace == workspace, t.c.state.in_(("queued", "running")), t.c.until_us < database_now_us())
    query = sa.select(t.c.run, t.c.spec, t.c.started_us).where(*free).order_by(t.c.created_us, t.c.run).limit(1)
    if run is not None:
        query = query.where(t.c.run == run)
    token = uuid.uuid4().hex
    with db.write() as connection:
        row = connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return None
        began = {"state": "running", "started_us": row.started_us or now_us, "progress": 0.0}
        lease = {"owner": owner, "token": token, "until_us": _until(seconds)}
        connection.execute(sa.update(t).where(t.c.workspace == workspace, t.c.run == row.run).values(**began, **lease))
    return Held(row.run, token, row.spec)


def progress(db: Database, workspace: str, held: Held, share: float, seconds: float) -> bool:
    """Say how far a run has come, 0 to 1, and renew its lease; False where it was lost."""
    return _write(db, workspace, held, {"progress": share, "until_us": _until(seconds)})


def finish(
    db: Database,
    workspace: str,
    held: Held,
    result: Mapping[str, Any],
    verdict: str,
    reasons: Sequence[str],
    now_us: int,
) -> bool:
    """Write what a run found; False, and nothing written, where its lease was lost."""
    found = {"result": dict(result), "verdict": verdict, "reasons": list(reasons), "progress": 1.0}
    return _write(db, workspace, held, {"state": "done", "finished_us": now_us, **found, **_RELEASED})


def fail(db: Database, workspace: str, held: Held, error: str, now_us: int) -> bool:
    """Write why a run cannot be done; False, and nothing written, where its lease was lost."""
    return _write(db, workspace, held, {"state": "failed", "error": error, "finished_us": now_us, **_RELEASED})


def release(db: Database, workspace: str, held: Held) -> bool:
    """Give a run back to be done again; False where its lease was lost."""
    return _write(db, workspace, held, {"state": "queued", "progress": None, **_RELEASED})


_RELEASED = {"token": "", "until_us": 0}


def _until(seconds: float) -> sa.ColumnElement[int]:
    return database_now_us() + round(seconds * SECOND_US)


def _write(db: Database, workspace: str, held: Held, values: Mapping[str, Any]) -> bool:
    mine = (t.c.workspace == workspace, t.c.run == held.run, t.c.token == held.token, t.c.until_us >= database_now_us())
    with db.write() as connection:
        return connection.execute(sa.update(t).where(*mine).values(**values)).rowcount == 1
