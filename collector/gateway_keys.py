"""Who is asking: an API key names a workspace and a role."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from collector.gateway_settings import ApiKey
from driftglass_client.wire import DEFAULT_WORKSPACE, HTTP_API_KEY
from kernel.errors import DriftglassError

_MAY_INGEST = ("ingest", "admin")
_BEARER = "bearer "


class UnauthorizedError(DriftglassError):
    """No key, or one that is not known: 401."""


class ForbiddenError(DriftglassError):
    """The key's role does not allow this: 403."""


class Keys:
    """The API keys, by their digest: looking one up takes the same time whatever was sent."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = {_digest(key.key): key for key in keys}

    def workspace_of(self, headers: Mapping[str, str]) -> str:
        """The workspace that a request may write to; without any keys configured, "default".

        Raises:
            UnauthorizedError, ForbiddenError: see there.
        """
        if not self._keys:
            return DEFAULT_WORKSPACE
        sent = _sent(headers)
        if not sent:
            raise UnauthorizedError(f"an API key is needed: send it as {HTTP_API_KEY}")
        key = self._keys.get(_digest(sent))
        if key is None:
            raise UnauthorizedError("this API key is not known")
        if key.role not in _MAY_INGEST:
            raise ForbiddenError(f"a key of the role {key.role} may not send records")
        return key.workspace


def _sent(headers: Mapping[str, str]) -> str:
    bearer = headers.get("authorization", "")
    if bearer[: len(_BEARER)].lower() == _BEARER:
        return bearer[len(_BEARER) :].strip()
    return headers.get(HTTP_API_KEY.lower(), "")


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
