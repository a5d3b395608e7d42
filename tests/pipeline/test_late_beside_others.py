"""A backfill behind live records is judged once it has come, though other models keep the partitions of both busy."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from alerting.pipeline import Alerting
from alerting.settings import AlertingSettings
from kernel.clock import DAY_US, HOUR_US, SECOND_US, ManualClock, to_rfc3339
from kernel.windows import WindowSize
from store import models
from store.models import Model
from stream.message import Partition
from testing.measured_days import START_US, a_day

HERE, THERE = (Partition("driftglass.predictions", number) for number in range(2))
DAYS, ROWS = 45, 48


class Shared:
    """A model in two partitions, which another one keeps busy."""

    def __init__(self, place: Any, messages: Callable[..., Any]) -> None:
        self.place, self._messages, self.fired = place, messages, 0
        models.declare(place.db, "default", Model("m", window=WindowSize("1d"), rollups=(), min_rows=20), 0)
        self.sink, self._sent = place.sink(), {HERE: 0, THERE: 0}
        self.sink.recover([HERE, THERE])
        self.worker = place.evaluator(late_pause_s=60.0)
        self._alerting = Alerting(place.db, AlertingSettings(), {}, place.clock, "default")

    def send(self, partition: Partition, records: Sequence[dict]) -> None:
        """Send these, and one of the other model everywhere; and look."""
        self.place.clock.advance(2 * SECOND_US)
        now = to_rfc3339(self.place.clock.now_us())
        for where, sent in self._sent.items():
            mine = [*(records if where == partition else ()), {"model": "busy", "id": f"busy-{sent}", "ts": now}]
            self.sink.take({where: self._messages(mine, sent, where)})
            self._sent[where] += len(mine)
        self.sink.flush()
        for _ in range(2):
            self.sink.note_read(self._sent)
        self.worker.step()
        self.fired += self._alerting.step().fired


def test_a_history_behind_a_live_record_is_no_outage_where_a_partition_knows_the_model_from_long_ago(
    workspace, messages, tmp_path
) -> None:
    place = replace(workspace, folder=tmp_path / "shared", clock=ManualClock(START_US + DAYS * DAY_US + 15 * HOUR_US))
    shared = Shared(place, messages)
    shared.send(THERE, [a_day(0)[0] | {"id": "long ago", "ts": to_rfc3339(START_US - 3 * DAY_US)}])
    for _ in range(60):
        shared.send(THERE, [])
    shared.send(HERE, [a_day(0)[0] | {"id": "live", "ts": to_rfc3339(START_US + DAYS * DAY_US + 14 * HOUR_US)}])
    rows = [row for day in range(DAYS) for row in a_day(day, rows=ROWS)]
    first = 40 * ROWS + 2  # ends early on a day
    shared.send(HERE, rows[:first])
    shared.send(HERE, rows[first:])
    place.clock.advance(60 * SECOND_US)
    shared.send(THERE, [])
    shared.send(THERE, [])
    assert shared.fired == 0
    place.db.close()
