"""The gateway's own numbers, in Prometheus' text format (version 0.0.4)."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

_APPEND_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class GatewayMetrics:
    """Counters and one histogram. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._accepted: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._append_s = 0.0
        self._appends: Counter[float] = Counter()

    def request(self, path: str, status: int) -> None:
        """Count an answer."""
        with self._lock:
            self._requests[path, status] += 1

    def records(self, kind: str, accepted: int, rejected: int) -> None:
        """Count records of one request."""
        with self._lock:
            self._accepted[kind] += accepted
            self._rejected[kind] += rejected

    @contextmanager
    def appending(self) -> Iterator[None]:
        """Time one append, whether it succeeds or not."""
        start = perf_counter()
        try:
            yield
        finally:
            self._appended(perf_counter() - start)

    def _appended(self, seconds: float) -> None:
        with self._lock:
            self._append_s += seconds
            self._appends[next((limit for limit in _APPEND_S if seconds <= limit), float("inf"))] += 1

    def text(self, held_bytes: int) -> str:
        """All metrics.

        Args:
            held_bytes: bytes of bodies being worked on now.
        """
        with self._lock:
            lines = [
                *_counter(
                    "driftglass_gateway_requests_total",
                    "Requests answered.",
                    {f'path="{path}",status="{status}"': n for (path, status), n in self._requests.items()},
                ),
                *_counter(
                    "driftglass_gateway_accepted_total", "Records appended to the log.", _by_kind(self._accepted)
                ),
                *_counter("driftglass_gateway_rejected_total", "Records refused.", _by_kind(self._rejected)),
                *self._histogram("driftglass_gateway_append_seconds", "Seconds until an append was durable."),
                "# HELP driftglass_gateway_held_bytes Bytes of bodies being worked on.",
                "# TYPE driftglass_gateway_held_bytes gauge",
                f"driftglass_gateway_held_bytes {held_bytes}",
            ]
        return "\n".join(lines) + "\n"

    def _histogram(self, name: str, description: str) -> Iterator[str]:
        yield f"# HELP {name} {description}"
        yield f"# TYPE {name} histogram"
        total = 0
        for limit in _APPEND_S:
            total += self._appends[limit]
            yield f'{name}_bucket{{le="{limit}"}} {total}'
        total += self._appends[float("inf")]
        yield f'{name}_bucket{{le="+Inf"}} {total}'
        yield f"{name}_sum {self._append_s:.6f}"
        yield f"{name}_count {total}"


def _by_kind(counts: Counter[str]) -> dict[str, int]:
    return {f'kind="{kind}"': n for kind, n in counts.items()}


def _counter(name: str, description: str, counts: dict[str, int]) -> Iterator[str]:
    yield f"# HELP {name} {description}"
    yield f"# TYPE {name} counter"
    for labels, n in sorted(counts.items()):
        yield f"{name}{{{labels}}} {n}"
