"""What lies in a partition that nobody reads just now is unknown: a model is not silent for it, whatever comes elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alerting.pipeline import Alerting
from alerting.settings import AlertingSettings
from kernel.clock import HOUR_US, MINUTE_US, SECOND_US, ManualClock, to_rfc3339
from kernel.windows import WindowSize
from store import models
from store.models import Model
from stream.message import Message, Partition
from testing.measured_days import START_US

PARTITIONS = [Partition("driftglass.predictions", number) for number in range(8)]
READ_BY = {"first": PARTITIONS[:1], "second": PARTITIONS[1:]}
DAYS, EVERY = 36, 2


class Fleet:
    """Two collectors of eight partitions. A model sends a row every other minute, in any of them; another keeps all busy."""

    def __init__(self, place: Any, messages: Callable[..., Any]) -> None:
        self.place, self.clock, self._messages = place, place.clock, messages
        for name in ("thin", "busy"):
            model = replace(Model(name), window=WindowSize("1h"), rollups=(), lateness_us=5 * MINUTE_US, min_rows=20)
            models.declare(place.db, "default", model, 0)
        self.log: dict[Partition, list[Message]] = {partition: [] for partition in PARTITIONS}
        self.read = dict.fromkeys(PARTITIONS, 0)
        self.worker = place.evaluator(late_pause_s=60.0)
        self.alerting = Alerting(place.db, AlertingSettings(), {}, place.clock, "default")
        self.fired, self._rng, self._minutes = 0, np.random.default_rng(0), 0
        self.start()

    def start(self) -> None:
        """Both collectors begin, or begin again."""
        self.sinks = {name: self.place.sink() for name in READ_BY}
        for name, sink in self.sinks.items():
            sink.recover(READ_BY[name])

    def history(self) -> None:
        for minute in range(0, DAYS * 24 * 60, EVERY):
            self._append("thin", START_US + minute * MINUTE_US)
        self.clock.advance(DAYS * 24 * HOUR_US)
        self.pass_minutes(1)

    def pass_minutes(self, count: int, *, away: Sequence[str] = ()) -> None:
        """While collectors are away nobody looks at the windows either, until `look`."""
        for _ in range(count):
            self.clock.advance(MINUTE_US)
            self._minutes += 1
            for partition in PARTITIONS:
                self._append("busy", self.clock.now_us() - 2 * SECOND_US, partition)
            if self._minutes % EVERY == 0:
                self._append("thin", self.clock.now_us() - SECOND_US)
            for name in self.sinks.keys() - set(away):
                self.collect(name, READ_BY[name])
            if not away:
                self.look()

    def collect(self, name: str, some: Sequence[Partition]) -> None:
        """Flush what lies in some partitions, and look at the ends of all that the collector reads."""
        sink = self.sinks[name]
        sink.take({p: self.log[p][self.read[p] :] for p in some if self.read[p] < len(self.log[p])})
        sink.flush()
        self.read |= {p: len(self.log[p]) for p in some}
        for _ in range(2):
            sink.note_read({p: len(self.log[p]) for p in READ_BY[name]})

    def look(self) -> None:
        self.worker.step()
        self.fired += self.alerting.step().fired

    def _append(self, model: str, ts_us: int, partition: Partition | None = None) -> None:
        where = PARTITIONS[self._rng.integers(8)] if partition is None else partition
        at = len(self.log[where])
        self.log[where] += self._messages(
            [{"model": model, "id": f"{where.number}-{at}", "ts": to_rfc3339(ts_us)}], at, where
        )


@pytest.fixture
def fleet(workspace, messages, tmp_path) -> Iterator[Fleet]:
    made = Fleet(replace(workspace, folder=tmp_path / "fleet", clock=ManualClock(START_US)), messages)
    made.history()
    made.pass_minutes(70)
    assert made.fired == 0
    yield made
    made.place.db.close()


@pytest.mark.long  # the other is its shorter form
def test_a_model_is_not_silent_where_one_of_two_collectors_is_away_for_a_while(fleet) -> None:
    fleet.pass_minutes(130, away=["second"])
    fleet.look()
    assert fleet.fired == 0


def test_a_model_is_not_silent_while_what_came_in_an_outage_is_read_partition_by_partition(fleet) -> None:
    fleet.pass_minutes(130, away=["first", "second"])
    fleet.start()
    for name, partitions in READ_BY.items():
        for partition in partitions:
            fleet.collect(name, [partition])
            fleet.look()
    assert fleet.fired == 0
