"""Who may send records: a key that may, to the workspace that it names."""

from collections.abc import Mapping

from kernel.errors import ForbiddenError
from kernel.keys import Keys

_MAY_INGEST = ("ingest", "admin")


def workspace_of(keys: Keys, headers: Mapping[str, str]) -> str:
    """The workspace that a request may write to; without any keys configured, "default".

    Raises:
        UnauthorizedError: no key was sent, or one that is not known.
        ForbiddenError: the key's role may not send records.
    """
    key = keys.of(headers)
    if key.role not in _MAY_INGEST:
        raise ForbiddenError(f"a key of the role {key.role} may not send records")
    return key.workspace
