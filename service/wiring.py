"""Builds the parts from settings: the one place that knows every room.

A room is imported when its part is built: a process runs one part, and starts in half the time.
"""

import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from collector.gpu.scrape_counts import ScrapeCounts
from kernel.clock import Clock
from kernel.errors import SettingsError
from service.settings import Settings
from store.database import Database
from store.migrate import require_current
from store.records import RecordLog
from store.spread import spread_of
from stream.codecs.topics import RecordKind, kind_of, topic_of
from stream.open import ensure_topics, open_appender, open_source

if TYPE_CHECKING:
    from fastapi import FastAPI

    from alerting.pipeline import Alerting
    from collector.gpu.scrape import GpuScraper
    from collector.run import Collector
    from collector.sink import Sink
    from detectors.evaluate import Evaluator
    from shadow.runner import ShadowRunner
    from store.record_upkeep import RecordUpkeep


def owner() -> str:
    """This process, as leases name it."""
    return f"{socket.gethostname()}/{os.getpid()}"


class Wiring:
    """Parts of one process; what they share is made once and closed at the end.

    Raises:
        SettingsError: an extra that the settings ask for is missing.
        UnavailableError: the database is away or not migrated.
    """

    def __init__(self, settings: Settings, clock: Clock, closing: ExitStack) -> None:
        self.settings = settings
        self.clock = clock
        self._closing = closing
        self._spread = spread_of(settings.store)
        self.db = Database(settings.store.database)
        closing.callback(self.db.close)
        require_current(self.db)
        self._gpu_counts = ScrapeCounts()

    def record_log(self) -> RecordLog:
        """The record log; one for each thread."""
        return RecordLog(self.settings.store.records, self.settings.store.options, self._spread)

    def gateway(self) -> "FastAPI":
        """The ingestion gateway with its appender."""
        from collector.gateway import create_gateway

        ensure_topics(self.settings.log, sorted(_topics(self.settings)))
        appender = open_appender(self.settings.log)
        self._closing.callback(appender.close)
        return create_gateway(appender, self.db, self.settings.gateway, self.clock, self._gpu_counts.text)

    def collector(self) -> "Collector":
        """The collector with a sink a workspace."""
        from collector.run import Collector

        topics = _topics(self.settings)
        ensure_topics(self.settings.log, sorted(topics))
        sinks = {workspace: self._sink(workspace) for workspace in sorted(set(topics.values()))}
        return Collector(
            {topic: sinks[workspace] for topic, workspace in topics.items()},
            lambda listener: open_source(self.settings.log, sorted(topics), listener),
            self.clock,
            self.settings.collector,
        )

    def gpu_scraper(self) -> "GpuScraper":
        """The reader of GPU exporters; it ends with the process."""
        from collector.gpu.scrape import GpuScraper

        scraper = GpuScraper(self.db, self.settings.workspace, self.clock, self.settings.gpu, owner(), self._gpu_counts)
        self._closing.callback(scraper.close)
        return scraper

    def _sink(self, workspace: str) -> "Sink":
        from collector.fold import Folder
        from collector.sink import Sink
        from store.registry import Limits, Registry

        settings = self.settings.collector
        limits = Limits(settings.max_models, settings.max_columns, settings.max_categories)
        registry = Registry(self.db, workspace, self.clock, limits)
        folder = Folder(
            registry, settings.max_segments, settings.max_versions, settings.threads, duplicates=settings.duplicates
        )
        return Sink(workspace, self.db, self.record_log(), folder, self.clock, settings)

    def evaluator(self) -> "Evaluator":
        """The detectors' worker."""
        from detectors.evaluate import Evaluator
        from store.record_reads import RecordReader

        workspace = self.settings.workspace
        reader = RecordReader(self.record_log(), workspace)
        gpus = self.settings.gpu.targets
        return Evaluator(self.db, reader, workspace, self.clock, self.settings.detectors, owner(), gpus)

    def record_upkeep(self) -> "RecordUpkeep":
        """The worker that keeps the record logs of all workspaces in order."""
        from store.record_upkeep import RecordUpkeep

        workspaces = sorted(set(_topics(self.settings).values()))
        return RecordUpkeep(self.db, self.record_log(), workspaces, self.clock, self.settings.upkeep, owner())

    def alerting(self) -> "Alerting":
        """The alerting's worker."""
        from alerting.notifiers.build import build_notifiers
        from alerting.pipeline import Alerting

        settings = self.settings.alerting
        notifiers = build_notifiers(settings.notifiers)
        return Alerting(self.db, settings, notifiers, self.clock, self.settings.workspace)

    def shadow(self) -> "ShadowRunner":
        """The shadow runner."""
        from shadow.runner import ShadowRunner
        from store.record_reads import RecordReader

        return ShadowRunner(
            self.db,
            RecordReader(self.record_log(), self.settings.workspace),
            self.settings.workspace,
            self.clock,
            self.settings.shadow,
            owner(),
        )

    def api(self) -> "FastAPI":
        """The REST API."""
        from api.app import create_api

        max_segments, delta = self.settings.collector.max_segments, self.settings.detectors.delta
        return create_api(self.db, self.record_log(), self.settings.api, self.clock, max_segments, delta)


def _topics(settings: Settings) -> dict[str, str]:
    """Every topic to read with its workspace: our own of every workspace that is named, and those that are mapped.

    Raises:
        SettingsError: a mapped topic's name does not end with a kind of record.
    """
    workspaces = {settings.workspace, *(key.workspace for key in settings.gateway.keys)}
    topics = {topic_of(kind, workspace): workspace for workspace in workspaces for kind in RecordKind}
    for topic in settings.log.topics:
        try:
            kind_of(topic)
        except ValueError as error:
            raise SettingsError(f"log.topics: {error}") from error
    return topics | settings.log.topics
