"""The collector's loop where something is away: it begins again from what is committed, and loses nothing."""

import json

import pytest

from collector.run import Collector
from collector.settings import CollectorSettings
from collector.sink import Sink
from kernel.errors import UnavailableError
from kernel.settings import LocalLogSettings
from store.commit import next_offsets
from stream.local_appender import LocalAppender
from stream.local_source import LocalSource
from stream.message import Outgoing, Partition

PREDICTIONS = Partition("driftglass.predictions", 0)


class AwayOnce(Sink):
    """The store of dead letters does not answer the first time."""

    answered = False

    def _bury(self, *decoded):
        if not self.answered:
            self.answered = True
            raise UnavailableError("the database is away")
        return super()._bury(*decoded)


class AwayForAWhile(Sink):
    """Nothing can be committed, nor recovered, until the store is back."""

    away = False

    def recover(self, partitions):
        self._refuse()
        return super().recover(partitions)

    def _bury(self, *decoded):
        self._refuse()
        return super()._bury(*decoded)

    def _refuse(self):
        if self.away:
            raise UnavailableError("the database is away")


class AlwaysAway(Sink):
    def recover(self, _partitions):
        raise UnavailableError("the database is away")


@pytest.fixture
def log(tmp_path):
    return LocalLogSettings(path=tmp_path / "log.db")


@pytest.fixture
def appender(log):
    made = LocalAppender(log)
    yield made
    made.close()


@pytest.fixture
def collect(workspace, log):
    """A collector around a sink, closed at the end."""
    made = []

    def make(sink: Sink) -> Collector:
        topic = PREDICTIONS.topic
        settings = CollectorSettings()
        made.append(Collector({topic: sink}, lambda c: LocalSource(log, [topic], c), workspace.clock, settings))
        return made[-1]

    yield make
    for collector in made:
        collector.run(lambda: True)


def _send(appender, *bodies: bytes) -> None:
    appender.append(PREDICTIONS.topic, [Outgoing(body, bucket=0) for body in bodies], 5.0)


def _steps(workspace, collector, until) -> None:
    """Steps of the collector, each some time after the one before, until the condition holds."""
    for _ in range(20):
        if until():
            return
        workspace.clock.advance(3_000_000)
        collector.step()
    raise AssertionError("the collector did not get there")


def test_what_the_very_first_flush_failed_to_commit_is_read_again(workspace, prediction, appender, collect) -> None:
    collector = collect(workspace.sink(AwayOnce))
    _send(appender, *(json.dumps(prediction(n)).encode() for n in range(10)))
    _steps(workspace, collector, lambda: collector.totals.recoveries > 1)
    _send(appender, json.dumps(prediction(10)).encode())
    _steps(workspace, collector, lambda: next_offsets(workspace.db, "default", [PREDICTIONS]) == {PREDICTIONS: 11})
    assert len(workspace.record_rows()) == workspace.profile().rows == 11


def test_a_collector_that_waits_for_a_store_can_be_stopped(workspace, collect) -> None:
    collector = collect(workspace.sink(AlwaysAway))
    asked = iter([False, False, False])
    collector.run(lambda: next(asked, True))
    assert collector.totals.flushes <= 1


def test_an_empty_message_moves_the_offset_though_it_holds_no_bytes(workspace, appender, collect) -> None:
    collector = collect(workspace.sink())
    _send(appender, b"")
    _steps(workspace, collector, lambda: next_offsets(workspace.db, "default", [PREDICTIONS]) == {PREDICTIONS: 1})


def test_while_a_store_is_away_nothing_is_read_and_afterwards_nothing_is_missing(
    workspace, prediction, appender, collect, wait_until
) -> None:
    sink = workspace.sink(AwayForAWhile)
    collector = collect(sink)
    _send(appender, json.dumps(prediction(0)).encode())
    wait_until(lambda: collector.step() or sink.pending_bytes > 0)
    sink.away = True
    _steps(workspace, collector, lambda: sink.pending_bytes == 0)
    _send(appender, *(json.dumps(prediction(n)).encode() for n in range(1, 10)))
    for _ in range(5):
        workspace.clock.advance(3_000_000)
        collector.step()
        assert sink.pending_bytes == 0, "messages are left in the log, not held in memory"
    sink.away = False
    _steps(workspace, collector, lambda: next_offsets(workspace.db, "default", [PREDICTIONS]) == {PREDICTIONS: 10})
    assert len(workspace.record_rows()) == workspace.profile().rows == 10


@pytest.mark.parametrize("jump_us", [-7_200_000_000, 7_200_000_000], ids=["back", "ahead"])
def test_a_clock_that_jumps_delays_nothing_and_forgets_no_id(workspace, prediction, appender, collect, jump_us) -> None:
    collector = collect(workspace.sink())
    records = [json.dumps(prediction(n)).encode() for n in range(10)]
    _send(appender, *records)
    _steps(workspace, collector, lambda: collector.totals.flushes == 1)
    for flushes in (2, 3):
        workspace.clock.jump(jump_us)
        _send(appender, *records)
        _steps(workspace, collector, lambda flushes=flushes: collector.totals.flushes == flushes)
    assert collector.totals.doubled == 20
    assert len(workspace.record_rows()) == workspace.profile().rows == 10
