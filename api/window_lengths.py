"""The length of windows that a request asks about."""

from kernel.errors import ContractError
from kernel.windows import WindowSize
from store.models import Model


def asked_length(model: Model, window: str | None) -> WindowSize:
    """As it is written; the model's own where it is left out.

    Raises:
        ContractError: it is no length of windows.
    """
    if window is None:
        return model.window
    try:
        return WindowSize(window)
    except ValueError as error:
        raise ContractError("window", str(error)) from error
