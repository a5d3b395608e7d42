"""The length of windows that a request asks about."""

from api.caller import Caller
from kernel.errors import ContractError
from kernel.windows import WindowSize
from store import measurements, models
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


def require_measured(caller: Caller, model: str | None, window: str | None) -> None:
    """The model is known, where one is named; and so is the length, of it or of any.

    Raises:
        NotFoundError: there is no such model.
        ContractError: the length is none that the model is measured at, or none that any is.
    """
    named = None if model is None else models.one(caller.db, caller.workspace, model)
    if window is None:
        return
    every = [named] if named else models.known(caller.db, caller.workspace).values()
    declared = {size.text for one in every for size in one.sizes}
    # What is no roll-up any more, and service levels, are there as well.
    if window not in declared and not measurements.has_size(caller.db, caller.workspace, window, model):
        of = "any model" if model is None else repr(model)
        there = f"; there are: {', '.join(sorted(declared))}" if declared else ""
        raise ContractError("window", f"{window!r} is no length that {of} is measured at{there}")
