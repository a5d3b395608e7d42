"""The call site: what log_prediction costs the thread that predicts, beside a bare deque and OpenTelemetry.

The client runs as in a service: its thread packs batches and hands them to a transport that drops them, while calls
come in at some 10,000 a second. Each single call is timed, the cost of the clock itself (the row "clock") included on
both sides. Subjects take turns, and a figure is the median of the rounds.
"""

import json
import statistics
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bench.size import sized
from driftglass_client import Client, ClientSettings, Message

CALLS = sized(20_000, 1_000)
ROUNDS = sized(5, 1)
BURST = 1_000
BURST_PAUSE_S = 0.1
FEATURES = {f"feature_{i}": float(i) for i in range(20)} | {f"category_{i}": "value" for i in range(5)}

Call = Callable[[], object]


class Dropping:
    """A transport whose log takes everything at once."""

    name = "dropping"
    splits_by_bucket = False

    def send(self, _message: Message, _timeout_s: float) -> int:
        return 0

    def close(self) -> None:
        pass

    def forked(self) -> None:
        pass


def measure() -> list[dict[str, Any]]:
    """One row for each subject that can be imported here; times in nanoseconds, the clock's own included."""
    client = Client("flight-delay", "3", transport=Dropping(), settings=ClientSettings(queue_records=2 * CALLS))
    queue: deque[tuple[Any, ...]] = deque(maxlen=20_000)
    append = queue.append
    subjects: dict[str, Call] = {
        "clock": lambda: None,
        "bare deque.append(tuple)": lambda: append((FEATURES, "late", 12.5, 1.0)),
        "log_prediction": lambda: client.log_prediction(FEATURES, "late", latency_ms=12.5),
    }
    with suppress(ImportError):
        subjects["OpenTelemetry histogram.record"] = _opentelemetry()
    rounds = []
    for _ in range(ROUNDS):
        rounds.append({name: _timed(call) for name, call in subjects.items()})
        assert client.flush(60)
    lost = {name: count for name, count in client.stats().items() if count and name not in ("sent", "queued")}
    client.close()
    assert not lost, f"the measured client lost records: {lost}"
    return [
        {
            "what": "call site",
            "ours": name == "log_prediction",
            "peer": name,
            "median_ns": statistics.median(figures[name][0] for figures in rounds),
            "p99_ns": statistics.median(figures[name][1] for figures in rounds),
        }
        for name in subjects
    ]


def _timed(call: Call) -> tuple[int, int]:
    """(median, 99th percentile) of single calls, in nanoseconds."""
    clock = time.perf_counter_ns
    times = []
    for start in range(0, CALLS, BURST):
        for _ in range(start, start + BURST):
            before = clock()
            call()
            times.append(clock() - before)
        time.sleep(BURST_PAUSE_S)
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def _opentelemetry() -> Call:
    """Recording into the SDK's histogram with three attributes, as an HTTP instrumentation does."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    histogram = MeterProvider([InMemoryMetricReader()]).get_meter("bench").create_histogram("latency")
    attributes = {"model": "flight-delay", "version": "3", "prediction": "late"}
    return lambda: histogram.record(12.5, attributes)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
