"""Batches on disk while the log is away: bounded, in order, across restarts and processes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO
from urllib.parse import quote

from driftglass_client.errors import ClientError
from driftglass_client.transport import Message

try:
    import fcntl
except ImportError:  # Windows: two processes may replay the same batch, which counts once by its ids
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".batch"


class SpoolFullError(ClientError):
    """The batch would take the spool over its limit."""


class Spool:
    """A folder of files, one a message, whose names sort by age and say how many rows they hold.

    A file is one line of JSON (the message without its body), then the body. It appears under its name only when it
    is complete. It is written to the operating system, not forced to the disk: it survives the process, not a power
    cut. Processes share the folder; they may overshoot the limit by the batch each is writing at that moment.

    Args:
        folder: made when the first batch comes; only its owner can read it.
        limit_bytes: size of all files at most.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._last_ns = 0
        self._lock_file: IO[bytes] | None = None

    @classmethod
    def beside(cls, spool_dir: str, limit_bytes: int, *owner: str) -> Spool:
        """The spool of one owner (workspace, model, transport) in a folder that several share."""
        return cls(Path(spool_dir).joinpath(*(quote(part, safe="").replace(".", "%2E") for part in owner)), limit_bytes)

    def rows(self) -> int:
        """Rows that wait in the spool."""
        return sum(rows_of(path) for path in self.paths())

    def paths(self) -> list[Path]:
        """The files that wait, oldest first."""
        try:
            names = [name for name in os.listdir(self._folder) if name.endswith(SUFFIX)]
        except OSError:
            return []
        return [self._folder / name for name in sorted(names)]

    def put(self, message: Message) -> None:
        """Add a message behind all others.

        Raises:
            SpoolFullError: it would not fit.
            OSError: the disk refuses.
        """
        content = _encoded(message)
        if len(content) + sum(_size(path) for path in self.paths()) > self._limit_bytes:
            raise SpoolFullError(f"the spool {self._folder} has reached {self._limit_bytes} bytes")
        self._last_ns = max(self._last_ns + 1, time.time_ns())
        self._write(f"{self._last_ns:020d}-{os.getpid()}", message.rows, content)

    def get(self, path: Path) -> Message:
        """The message in a file.

        Raises:
            ValueError, KeyError, TypeError: the file is damaged.
            OSError: it cannot be read.
        """
        head, _, body = path.read_bytes().partition(b"\n")
        return Message(body=body, **json.loads(head))

    def replace(self, path: Path, messages: list[Message]) -> None:
        """Put what is left of a file's message in the file's place.

        Raises:
            OSError: the disk refuses.
        """
        stem = path.name[: -len(SUFFIX)].rsplit("-", 1)[0]
        for index, message in enumerate(messages):
            self._write(f"{stem}.{index:06d}", message.rows, _encoded(message))
        path.unlink()

    @contextmanager
    def reading(self) -> Iterator[bool]:
        """Whether this process alone may read and remove files, for as long as the block lasts."""
        if fcntl is None:
            yield True
            return
        try:
            self._lock_file = open(self._folder / "lock", "wb", buffering=0)  # noqa: SIM115 - forked() must reach it
        except FileNotFoundError:
            yield False
            return
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            self._lock_file.close()
            self._lock_file = None

    def forked(self) -> None:
        """Let go, in a child, of the parent's lock file, so that only the parent's end frees it."""
        if self._lock_file is not None:
            self._lock_file.close()

    def _write(self, stem: str, rows: int, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{stem}-{rows}{SUFFIX}"
        draft = path.with_suffix(".draft")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(draft, path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise


def _encoded(message: Message) -> bytes:
    head = {name: value for name, value in asdict(message).items() if name != "body"}
    return json.dumps(head).encode() + b"\n" + message.body


def rows_of(path: Path) -> int:
    """The rows that a file holds, by its name."""
    digits = path.stem.rsplit("-", 1)[-1]
    return int(digits) if digits.isdigit() else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process has just sent it
        return 0
