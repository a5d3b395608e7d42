"""The versions that a request names."""

from api.caller import Caller
from kernel.errors import ContractError
from store import versions

LEFT_OUT = "Left out: the one with most rows lately. Empty: the records that name none."


def asked_version(caller: Caller, model: str, version: str | None) -> str:
    """As it is written; the one that stands for the model (store/versions.py) where it is left out."""
    return versions.main(caller.db, caller.workspace, model) if version is None else version


def require_two(version: str, against: str) -> None:
    """Both are named.

    Raises:
        ContractError: they are one.
    """
    if version == against:
        raise ContractError("against", "is the version itself: name two different ones")
