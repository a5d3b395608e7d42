"""The ends of the scales: values, weights and moments that are allowed but far from any other."""

import math

import pytest

from kernel.clock import DAY_US, to_rfc3339
from stream.message import Partition

START_US = 1_362_096_000_000_000
PREDICTIONS, LABELS = Partition("driftglass.predictions", 0), Partition("driftglass.labels", 0)
EVENTS = Partition("driftglass.events", 0)


def _send(workspace, messages, predictions, labels=()) -> None:
    """All of it, and the end of the stream."""
    sink = workspace.sink()
    sink.recover([PREDICTIONS, LABELS, EVENTS])
    end = {"kind": "end-of-stream", "ts": to_rfc3339(workspace.clock.now_us()), "title": "end"}
    sink.take({PREDICTIONS: messages(predictions), EVENTS: messages([end], partition=EVENTS)})
    if labels:
        sink.take({LABELS: messages(labels, partition=LABELS)})
    sink.flush()
    sink.note_read({PREDICTIONS: len(predictions)})


def test_the_largest_values_and_weights_give_finite_measurements(workspace, messages, prediction) -> None:
    values, weights = [1e308, -1e308, 1e200, 5e-324], [1e9, 1e-9, 1.0]

    def some(day: int) -> list[dict]:
        return [
            prediction(
                1_000 * day + n,
                ts=to_rfc3339(START_US + day * DAY_US + n),
                features={"x": values[n % (4 - day)]},
                weight=weights[n % 3],
                latency_ms=1e12,
            )
            for n in range(600)
        ]

    _send(workspace, messages, [*some(0), *some(1)])
    assert workspace.evaluator().step().measured == 2
    numbers = ("value", "expected", "excess", "p_value", "lower", "upper", "rows", "reference_rows")
    odd = [
        (m.metric, m.column, name, getattr(m, name))
        for m in workspace.measured()
        for name in numbers
        if not math.isfinite(getattr(m, name) or 0.0)
    ]
    assert odd == []


@pytest.mark.parametrize(
    "ts", ["0001-01-01T00:00:00Z", "0100-05-05T00:00:00Z", "1950-02-03T00:00:00Z", "1969-12-31T23:59:59.999999Z"]
)
@pytest.mark.parametrize("hint", [True, False])
def test_a_label_finds_a_prediction_of_long_ago(workspace, messages, prediction, ts, hint) -> None:
    label = {"model": "flight-delay", "id": "id-0", "ts": ts, "label": "late"}
    _send(workspace, messages, [prediction(0, ts=ts)], [label | ({"prediction_ts": ts} if hint else {})])
    assert workspace.evaluator().step().measured == 1
    assert [m.value for m in workspace.measured(metric="label_coverage")] == [1.0]
