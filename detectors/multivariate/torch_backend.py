"""Torch, an optional dependency, loaded when it is first needed."""

from types import ModuleType

from kernel.errors import UnavailableError


def torch() -> ModuleType:
    """Return the module torch.

    Raises:
        UnavailableError: it is not installed.

    >>> torch().__name__
    'torch'
    """
    try:
        import torch as found
    except ImportError as error:
        raise UnavailableError("distances between embeddings need torch: install driftglass[torch]") from error
    module: ModuleType = found
    return module


def device(asked: str | None = None) -> str:
    """Return the device to compute on: the one asked for, else "cuda" where torch has one, else "cpu".

    >>> device("cpu")
    'cpu'
    """
    return asked or ("cuda" if torch().cuda.is_available() else "cpu")
