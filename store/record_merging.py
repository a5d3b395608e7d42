"""Which files of the record log are to be merged: small ones of a day, of about one size, so that a row is written again only a few
times however many files a day has.

Sizes fall into classes, each so many times as large as the one before as a merge takes files. What a class gathers becomes one file
of a higher class; so a day keeps fewer than `files_a_merge` files of each class, and a row is rewritten once a class.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MOST_FILES = 1_000  # of one merge, however small they are


@dataclass(frozen=True, slots=True, order=True)
class StoredFile:
    """A file of a table.

    Attributes:
        path: within the table; day: its partition.
        taken_in_us: when its youngest row was taken in.
    """

    day: str
    path: str
    size_bytes: int
    taken_in_us: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Files of one day that become one."""

    day: str
    files: Sequence[StoredFile]


def merges(files: Sequence[StoredFile], files_a_merge: int, target_bytes: int) -> Iterator[Merge]:
    """What is to be merged as the table stands, the days with most small files first.

    Args:
        files_a_merge: as many of one class and day, at least, make a merge.
        target_bytes: the sum of a merge, at most; a file of half of that is left as it is.

    >>> small = [StoredFile("2013-03-01", f"{n}.parquet", 1_000, 0) for n in range(9)]
    >>> [len(m.files) for m in merges(small, 8, 1 << 20)], list(merges(small, 10, 1 << 20))
    ([9], [])
    """
    classes: dict[tuple[str, int], list[StoredFile]] = defaultdict(list)
    for file in files:
        if file.size_bytes <= target_bytes // 2:
            classes[file.day, _class(file, files_a_merge)].append(file)
    for (day, _), mine in sorted(classes.items(), key=lambda item: (-len(item[1]), item[0])):
        for batch in _batches(sorted(mine, key=lambda f: (f.taken_in_us, f.path)), files_a_merge, target_bytes):
            yield Merge(day, batch)


def _class(file: StoredFile, base: int) -> int:
    return math.floor(math.log(max(1, file.size_bytes), base))


def _batches(files: Sequence[StoredFile], files_a_merge: int, target_bytes: int) -> Iterator[list[StoredFile]]:
    """Files, in their order, as many as fit into the target; of what is left over only enough to be worth it."""
    batch: list[StoredFile] = []
    size = 0
    for file in files:
        if len(batch) == _MOST_FILES or size + file.size_bytes > target_bytes:
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size_bytes
    if len(batch) >= files_a_merge:
        yield batch
