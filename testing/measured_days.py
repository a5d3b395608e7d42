"""Days of predictions with labels, taken in by a collector's sink; a test keeps them beside it and works out the answer itself."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from collector.sink import Sink
from kernel.clock import DAY_US, MINUTE_US, ManualClock, to_rfc3339
from stream.message import Message, Partition

PREDICTIONS = Partition("driftglass.predictions", 0)
LABELS = Partition("driftglass.labels", 0)
EVENTS = Partition("driftglass.events", 0)
START_US = 1_362_096_000_000_000  # 2013-03-01
ROWS = 600

Record = dict[str, Any]


class Traffic:
    """What a sink takes in, message by message.

    Args:
        messages: makes messages of one partition of records, from an offset on.
    """

    def __init__(self, sink: Sink, clock: ManualClock, messages: Callable[..., Sequence[Message]]) -> None:
        self.sink = sink
        self.offsets = {PREDICTIONS: 0, LABELS: 0, EVENTS: 0}
        self._clock = clock
        self._messages = messages
        sink.recover([PREDICTIONS, LABELS, EVENTS])

    def send(self, partition: Partition, records: Sequence[Record]) -> None:
        """Append, take in and store."""
        batch = self._messages(records, self.offsets[partition], partition)
        self.offsets[partition] += len(batch)
        self.sink.take({partition: batch})
        self.sink.flush()

    def pass_day(self, day: int, records: Sequence[Record], events: Sequence[Record] = ()) -> None:
        """Send these at the end of a day, and let the partitions be idle until its window may close."""
        self._clock.advance(max(0, START_US + (day + 1) * DAY_US - self._clock.now_us()))
        self.send(PREDICTIONS, records)
        self.send(EVENTS, events)
        for _ in range(2):  # a minute apart, so that the partition is known to be idle
            self.sink.note_read(self.offsets)
            self._clock.advance(2 * MINUTE_US)

    def end(self) -> None:
        """Nothing more comes: every window may close."""
        self.send(EVENTS, [{"kind": "end-of-stream", "ts": to_rfc3339(self._clock.now_us()), "title": "done"}])
        self.sink.note_read(self.offsets)


def a_day(day: int, *, shift: float = 0.0, rows: int = ROWS, seed: int = 0) -> list[Record]:
    """Predictions of the model "m" on one day, the same for the same arguments; `truth` is what a label will say."""
    rng = np.random.default_rng((seed, day))
    late = rng.random(rows) < 0.3
    score = np.clip(np.where(late, 0.6, 0.3) + rng.normal(0, 0.15, rows), 0.01, 0.99)
    return [
        {
            "model": "m",
            "version": "1",
            "id": f"{day}-{i}",
            "ts": to_rfc3339(START_US + day * DAY_US + i * (DAY_US // rows)),
            "features": {"x": rng.normal() + shift, "c": str(rng.choice(["a", "b", "c"]))},
            "prediction": "late" if score[i] > 0.5 else "ok",
            "scores": {"late": score[i], "ok": 1 - score[i]},
            "truth": "late" if late[i] else "ok",
        }
        for i in range(rows)
    ]


def label(record: Record, value: str | None = None, *, day: int = 5, hint: bool = True) -> Record:
    """The label of a prediction, as of a day; with a hint it says when the prediction was made."""
    made = {
        "model": "m",
        "id": record["id"],
        "ts": to_rfc3339(START_US + day * DAY_US),
        "label": value or record["truth"],
    }
    return made | ({"prediction_ts": record["ts"]} if hint else {})
