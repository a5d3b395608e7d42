"""How often each exporter of GPU figures was read, and how often that failed, for Prometheus."""

import threading
from collections import Counter
from collections.abc import Iterator


class ScrapeCounts:
    """Two counters a target. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def read(self, target: str) -> None:
        """Count a reading."""
        with self._lock:
            self._read[target] += 1

    def failed(self, target: str) -> None:
        """Count a failure."""
        with self._lock:
            self._failed[target] += 1

    def text(self) -> str:
        """Both, in Prometheus' text format; "" where nothing was tried."""
        with self._lock:
            targets = sorted({*self._read, *self._failed})
            lines = [
                *_counter(
                    "driftglass_gpu_scrapes_total", "Readings of an exporter of GPU figures.", self._read, targets
                ),
                *_counter("driftglass_gpu_scrape_failures_total", "Readings that failed.", self._failed, targets),
            ]
        return "".join(f"{line}\n" for line in lines)


def _counter(name: str, description: str, counts: Counter[str], targets: list[str]) -> Iterator[str]:
    if targets:
        yield f"# HELP {name} {description}"
        yield f"# TYPE {name} counter"
    for target in targets:
        yield f'{name}{{target="{target}"}} {counts[target]}'
