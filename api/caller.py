"""Who is asking, and what an answer is made from. An API key names a workspace and a role."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request

from api.metrics import ApiMetrics
from api.problems import ForbiddenError, UnauthorizedError
from api.settings import ApiKey
from driftglass_client.wire import DEFAULT_WORKSPACE, HTTP_API_KEY
from kernel.clock import Clock
from store.database import Database
from store.records import RecordLog

_BEARER = "bearer "
_NO_KEY = ApiKey.model_construct(key="", workspace=DEFAULT_WORKSPACE, role="admin")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is built on.

    Attributes:
        log: for one thread at a time: who holds `log_lock`.
    """

    db: Database
    log: RecordLog
    log_lock: Lock
    clock: Clock
    keys: "Keys"
    metrics: ApiMetrics


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


class Keys:
    """The API keys, by their digest: looking one up takes the same time whatever was sent."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = {_digest(key.key): key for key in keys}

    def of(self, request: Request) -> ApiKey:
        """The key that was sent; without any keys configured, one that may do everything in "default".

        Raises:
            UnauthorizedError: none was sent, or one that is not known.
        """
        if not self._keys:
            return _NO_KEY
        sent = _sent(request)
        if not sent:
            raise UnauthorizedError(f"an API key is needed: send it as {HTTP_API_KEY}")
        if _digest(sent) not in self._keys:
            raise UnauthorizedError("this API key is not known")
        return self._keys[_digest(sent)]


def _sent(request: Request) -> str:
    bearer = request.headers.get("authorization", "")
    if bearer[: len(_BEARER)].lower() == _BEARER:
        return bearer[len(_BEARER) :].strip()
    return request.headers.get(HTTP_API_KEY.lower(), "")


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _viewer(request: Request) -> Caller:
    return _caller(request, ("viewer", "admin"), "read")


def _admin(request: Request) -> Caller:
    return _caller(request, ("admin",), "change anything")


def _caller(request: Request, roles: Sequence[str], what: str) -> Caller:
    parts: Parts = request.app.state.parts
    key = parts.keys.of(request)
    if key.role not in roles:
        raise ForbiddenError(f"a key of the role {key.role} may not {what}")
    return Caller(key.workspace, parts)


Viewer = Annotated[Caller, Depends(_viewer)]
"""Someone who may read."""
Admin = Annotated[Caller, Depends(_admin)]
"""Someone who may also change things."""
