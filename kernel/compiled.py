"""Compiling loops to machine code, kept on the disk from one process to the next where the disk takes it.

numba's own cache ends the process where it cannot be kept: in an installation that nobody may write to, as in most
containers, or on a disk that fills up. Here that costs a compilation, some seconds a process, and nothing else.
"""

import logging
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache

_log = logging.getLogger(__name__)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called, without the interpreter's lock.

    >>> @compiled
    ... def twice(x: float) -> float:
    ...     return 2 * x
    >>> twice(2.0)
    4.0
    """
    made = numba.njit(nogil=True)(function)
    try:
        made._cache = _Cache(function)
    except RuntimeError as error:  # no folder of numba's choice may be written to
        _log.info("%s is compiled by each process: %s", function.__name__, error)
    return made


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into each compiled one that calls it."""
    return numba.njit(nogil=True, inline="always")(function)


class _Cache(FunctionCache):  # type: ignore[misc]
    """What a dispatcher asks; numba, which has no types, offers no other way to go on where nothing can be written."""

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _log.info("compiled code is not kept: %s", error)
