"""Who is asking over HTTP: an API key names a workspace and a role."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Literal

from pydantic import Field, SecretStr

from driftglass_client.wire import DEFAULT_WORKSPACE, HTTP_API_KEY
from kernel.errors import UnauthorizedError
from kernel.settings import Section

Role = Literal["ingest", "admin", "viewer"]

_BEARER = "bearer "


class ApiKey(Section):
    """A key, and what it opens."""

    key: SecretStr = Field(min_length=16, description="The secret itself, at least 16 characters.")
    workspace: str = Field(
        DEFAULT_WORKSPACE, pattern=r"^[A-Za-z0-9_-]{1,100}$", description="The workspace that the key names."
    )
    role: Role = Field(description="ingest sends records, viewer reads, admin does both and changes things.")


_NO_KEY = ApiKey.model_construct(key=SecretStr(""), workspace=DEFAULT_WORKSPACE, role="admin")


class Keys:
    """The API keys, by their digest: looking one up takes the same time whatever was sent."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = {_digest(key.key.get_secret_value()): key for key in keys}

    def of(self, headers: Mapping[str, str]) -> ApiKey:
        """The key that was sent; without any keys configured, one that may do everything in "default".

        Args:
            headers: of the request, names in lower case or looked up without regard to case.

        Raises:
            UnauthorizedError: none was sent, or one that is not known.
        """
        if not self._keys:
            return _NO_KEY
        sent = _sent(headers)
        if not sent:
            raise UnauthorizedError(f"an API key is needed: send it as {HTTP_API_KEY}")
        if _digest(sent) not in self._keys:
            raise UnauthorizedError("this API key is not known")
        return self._keys[_digest(sent)]


def _sent(headers: Mapping[str, str]) -> str:
    bearer = headers.get("authorization", "")
    if bearer[: len(_BEARER)].lower() == _BEARER:
        return bearer[len(_BEARER) :].strip()
    return headers.get(HTTP_API_KEY.lower(), "")


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
