"""The two versions that a request holds against one another."""

from kernel.errors import ContractError


def require_two(version: str, against: str) -> None:
    """Both are named.

    Raises:
        ContractError: they are one.
    """
    if version == against:
        raise ContractError("against", "is the version itself: name two different ones")
