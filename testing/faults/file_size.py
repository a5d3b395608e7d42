"""A disk that is full for one process: none of its files can grow beyond a size, though there is room."""

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def no_file_longer_than(size: int, pids: Sequence[int]) -> Iterator[None]:
    """While the block lasts, a write of these processes beyond that size fails, as it does on a full disk."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
