"""Work spread over Ray Data: a task an item, and results that stream back in order.

Ray itself is imported when there is work.
"""

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kernel.errors import UnavailableError
from store.spread import Work

_LOCAL = ("", "local")
_OBJECTS_BYTES = 256 << 20  # results are small; the memory is the workers'
_RETRIES = 3  # of an item whose worker died; Ray Data has no limit, and too large an item would be tried for ever
_ANSWER_S = 5.0
_BLOCK_BYTES = 1 << 20  # what Ray expects of a result and keeps free for it, before it has seen any


class OnRay:
    """Spreads work over Ray; of several threads one at a time.

    Args:
        address: "" or "local" starts Ray on this machine and stops it afterwards; else a cluster, as ray.init names it. A Ray that
            this process is connected to already is used and left.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._alone = threading.Lock()  # whoever is done first would stop the other's Ray

    def map(self, work: Work, items: Sequence[int]) -> Generator[bytes]:
        """See store/spread.py."""
        if not items:
            return
        with self._alone, _connected(self._address):
            import ray

            try:
                for row in _rows(work, items):
                    if row["away"]:
                        raise UnavailableError(row["away"])
                    yield row["done"]
            except ray.exceptions.RayTaskError:  # a mistake in the work
                raise
            except ray.exceptions.RayError as error:
                raise UnavailableError(f"Ray ended before the work was done: {error}") from error


def _done(row: dict[str, Any], work: Work) -> dict[str, Any]:
    try:
        return {"done": work(row["item"]), "away": ""}
    except UnavailableError as error:  # told as it is; an exception would come in Ray's words
        return {"done": b"", "away": str(error)}


def _rows(work: Work, items: Sequence[int]) -> Iterator[dict[str, Any]]:
    import ray.data

    given = ray.data.from_items([{"item": item} for item in items], override_num_blocks=len(items))
    with warnings.catch_warnings():  # max_retries may be named so up to Ray 2.63, and in no other way
        warnings.simplefilter("ignore", DeprecationWarning)
        done = given.map(_done, fn_args=(work,), max_retries=_RETRIES)
    context = done.context
    context.execution_options.preserve_order = True
    context.enable_progress_bars = context.print_on_execution_start = False
    context.target_max_block_size = _BLOCK_BYTES
    rows: Iterator[dict[str, Any]] = iter(done.iter_rows())
    return rows


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Within it this process is connected to Ray.

    Raises:
        UnavailableError: Ray does not start, or the cluster does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    own = {"include_dashboard": False, "object_store_memory": _OBJECTS_BYTES} if address in _LOCAL else {}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _answers(address)
        ray.init(address or "local", logging_level=logging.ERROR, log_to_driver=False, **own)
    except (OSError, RuntimeError, ValueError, ImportError, ray.exceptions.RayError) as error:
        raise UnavailableError(
            f"Ray does not answer at {address or 'local'!r}: {error}; check store.ray_address"
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # ray.init takes it
    try:
        yield
    finally:
        ray.shutdown()


def _answers(address: str) -> None:
    """Whether somebody listens where a cluster should be; Ray itself would try for a quarter of an hour.

    Raises:
        OSError, ValueError: nobody does, or the address is none.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
