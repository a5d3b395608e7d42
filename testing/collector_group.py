"""Collectors of one group, each on a thread of its own, as processes would be."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.fold import Folder
from collector.run import Collector
from collector.settings import CollectorSettings
from collector.sink import Sink
from kernel.clock import SystemClock
from kernel.settings import LogSettings
from store.database import Database
from store.records import RecordLog
from store.registry import Registry
from stream.open import open_source


class Member:
    """One collector of the group.

    Args:
        folder: of the record log.
    """

    def __init__(self, db: Database, folder: Path, settings: LogSettings) -> None:
        clock, chosen = SystemClock(), CollectorSettings(flush_interval_s=0.2)
        folder_of = Folder(Registry(db, "default", clock), chosen.max_segments)
        sink = Sink("default", db, RecordLog(str(folder)), folder_of, clock, chosen)
        self.collector = Collector(
            dict.fromkeys(settings.topics, sink),
            lambda who: open_source(settings, sorted(settings.topics), who),
            clock,
            chosen,
        )
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.collector.run, args=(self.stopping.is_set,))


@contextmanager
def running(*members: Member) -> Iterator[None]:
    """While these collectors work; they stop in order at the end."""
    for member in members:
        member.thread.start()
    try:
        yield
    finally:
        for member in members:
            member.stopping.set()
        for member in members:
            member.thread.join(60)
