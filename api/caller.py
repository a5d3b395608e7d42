"""Who is asking, and what an answer is made from. An API key names a workspace and a role."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request

from api.metrics import ApiMetrics
from kernel.clock import Clock
from kernel.errors import ForbiddenError
from kernel.keys import Keys
from store.database import Database
from store.records import RecordLog


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is built on.

    Attributes:
        log: for one thread at a time: who holds `log_lock`.
        max_segments: values of a segment feature that are told apart, as the collector does.
        delta: the psi that detectors take for a limit.
    """

    db: Database
    log: RecordLog
    log_lock: Lock
    clock: Clock
    keys: Keys
    metrics: ApiMetrics
    max_segments: int
    delta: float


@dataclass(frozen=True, slots=True)
class Caller:
    """A request that may proceed, and the workspace that it is about."""

    workspace: str
    parts: Parts

    @property
    def db(self) -> Database:
        """The database."""
        return self.parts.db

    @property
    def now_us(self) -> int:
        """The time."""
        return self.parts.clock.now_us()


def _viewer(request: Request) -> Caller:
    return _caller(request, ("viewer", "admin"), "read")


def _admin(request: Request) -> Caller:
    return _caller(request, ("admin",), "change anything")


def _caller(request: Request, roles: Sequence[str], what: str) -> Caller:
    parts: Parts = request.app.state.parts
    key = parts.keys.of(request.headers)
    if key.role not in roles:
        raise ForbiddenError(f"a key of the role {key.role} may not {what}")
    return Caller(key.workspace, parts)


Viewer = Annotated[Caller, Depends(_viewer)]
"""Someone who may read."""
Admin = Annotated[Caller, Depends(_admin)]
"""Someone who may also change things."""
