"""Compiling loops to machine code, kept on the disk from one process to the next where the disk takes it.

Four things that numba's own cache does not do:

- It goes on where nothing can be kept: in an installation that nobody may write to, as in most containers, or on a disk that
  fills up. That costs a compilation, some seconds a process, and nothing else.
- It keeps functions of one name apart, such as the inner ones of np.sort and of np.argsort. numba tells them apart by a number
  that each process counts from 1, so a process that loads what two others compiled could run one for the other, and count wrong.
  Here the numbers are random (https://github.com/numba/numba/issues/10486).
- It knows what it loads. A process that ends between writing an index and the code, or two that write at once, leave the code of
  another source or for other types under the name in the index. So the code says what it is of.
- It sees when a compiled function in another file has changed, whose code is in that of its caller, if the caller names it. Not
  when a constant of another file has: after such an edit remove __pycache__.
"""

import logging
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numba
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import FunctionCache, IndexDataCacheFile

_log = logging.getLogger(__name__)

_CUT_OFF = (EOFError, ValueError, AttributeError, ImportError, UnpicklingError)  # numba's cache is pickled
_TOLD_APART = hasattr(FunctionIdentity, "_unique_ids")  # a later numba may have another way: then nothing is kept
FunctionIdentity._unique_ids = iter(partial(secrets.randbits, 64), None)  # one for each function that is compiled


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called, without the interpreter's lock.

    >>> @compiled
    ... def twice(x: float) -> float:
    ...     return 2 * x
    >>> twice(2.0)
    4.0
    """
    made = numba.njit(nogil=True)(function)
    if not _TOLD_APART:
        return made
    try:
        made._cache = _Cache(function)
    except (RuntimeError, OSError) as error:  # no folder of numba's choice may be written to, or the source is no file
        _log.info("%s is compiled by each process: %s", function.__name__, error)
    return made


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into each compiled one that calls it."""
    return numba.njit(nogil=True, inline="always")(function)


class _Cache(FunctionCache):  # type: ignore[misc]
    """What a dispatcher asks; numba, which has no types, offers no other way to go on where nothing can be written."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        name = f"{self._impl.filename_base}.marked"  # not numba's, which could not read it
        called = sorted(_stamp(file) for file in _files_of(function) - {function.__code__.co_filename})
        self._cache_file = _Files(self._cache_path, name, (self._impl.locator.get_source_stamp(), *called))

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _log.info("compiled code is not kept: %s", error)


def _files_of(function: Callable[..., Any]) -> set[str]:
    """The files of a function and of all compiled ones that it calls by their names."""
    found, waiting = set(), [function]
    while waiting:
        one = waiting.pop()
        found.add(one)
        of_names = [one.__globals__.get(name) for name in one.__code__.co_names]
        # What was written: of a dispatcher, of an intrinsic.
        called = [getattr(of, "py_func", None) or getattr(of, "_defn", None) for of in of_names]
        waiting += [inner for inner in called if inner is not None and inner not in found]
    return {one.__code__.co_filename for one in found}


def _stamp(file: str) -> tuple[float, int]:
    status = Path(file).stat()
    return status.st_mtime, status.st_size


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """An index and the code that it names, each with the stamp of its source and the key of its types."""

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (self._source_stamp, key, data))

    def _load_index(self) -> Any:
        try:
            return super()._load_index()
        except _CUT_OFF as error:  # a power cut leaves files without an end
            _log.info("an index of compiled code is written anew: %s", error)
            return {}

    def _load_data(self, name: str) -> Any:
        try:
            return super()._load_data(name)
        except _CUT_OFF as error:
            raise OSError(f"{name} cannot be read: {error}") from error

    def load(self, key: Any) -> Any:
        match super().load(key):
            case (stamp, of, data) if (stamp, of) == (self._source_stamp, key):
                return data
        return None
