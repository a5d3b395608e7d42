"""A model that falls silent is seen to be, however busy others keep the partitions that it shares with them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kernel.clock import HOUR_US, MINUTE_US, SECOND_US, to_rfc3339
from kernel.windows import WindowSize
from store import models, watermarks
from store.models import Model
from testing.measured_days import PREDICTIONS, Traffic


class Shared:
    """Two models in one partition, minute by minute, while a collector looks at the end of the log after each."""

    def __init__(self, workspace, messages) -> None:
        self.workspace, self.clock = workspace, workspace.clock
        for name in ("silent", "busy"):
            model = replace(Model(name), window=WindowSize("1h"), rollups=(), lateness_us=5 * MINUTE_US)
            models.declare(workspace.db, "default", model, 0)
        self.traffic, self._sent = Traffic(workspace.sink(), workspace.clock, messages), 0
        self.worker = workspace.evaluator()

    def pass_minutes(self, count: int, *names: str, unread: int = 0) -> None:
        """Each of the models sends one record a minute; so many messages lie in the log unread."""
        for _ in range(count):
            self.clock.advance(MINUTE_US)
            for name in names:
                self._sent += 1
                now = to_rfc3339(self.clock.now_us() - SECOND_US)
                self.traffic.send(PREDICTIONS, [{"model": name, "id": f"{self._sent}", "ts": now}])
            self.traffic.sink.note_read({PREDICTIONS: self.traffic.offsets[PREDICTIONS] + unread})

    def mark_us(self, model: str) -> int:
        return watermarks.of_models(self.workspace.db, "default", self.clock.now_us())[model]

    def rows(self) -> list[float]:
        self.worker.step()
        return [m.value for m in self.workspace.measured(model="silent", metric="traffic")]


@pytest.fixture
def shared(workspace, messages) -> Iterator[Shared]:
    start_us = WindowSize("1h").start(workspace.clock.now_us()) + HOUR_US
    workspace.clock.advance(start_us - workspace.clock.now_us())
    return Shared(workspace, messages)


def test_an_hour_in_which_only_others_sent_is_measured_as_one_without_a_record(shared) -> None:
    shared.pass_minutes(59, "silent", "busy", unread=1)  # one more is always on its way
    assert shared.rows() == []
    shared.pass_minutes(
        67, "busy", unread=1
    )  # its hour, the next, the lateness, and a minute that the silence takes to be one
    assert shared.rows() == [59.0, 0.0]


def test_lag_is_not_silence(shared) -> None:
    shared.pass_minutes(20, "silent", "busy", unread=1)
    shared.pass_minutes(2, "busy", unread=1)
    before_us = shared.mark_us("silent")
    shared.pass_minutes(50, "busy", unread=1_000)
    assert shared.mark_us("silent") <= before_us + 2 * MINUTE_US
    assert shared.rows() == []
    shared.pass_minutes(1, "silent", unread=0)
    assert shared.mark_us("silent") == shared.clock.now_us() - SECOND_US


def test_a_model_that_sends_is_never_ahead_of_its_records(shared) -> None:
    for _ in range(5):
        shared.pass_minutes(1, "silent", "busy", unread=1)
        assert shared.mark_us("silent") == shared.clock.now_us() - SECOND_US
