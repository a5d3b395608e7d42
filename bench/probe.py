"""What a workload's process measures of itself. Standard library only: peers' environments import it too."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.size import sized

AT_LEAST_MS = sized(1_000, 1)


def measured(work: Callable[[], object]) -> dict[str, float]:
    """Wall and CPU seconds of a call: the medians of as many calls as fill a second, one where a call is longer."""
    wall: list[float] = []
    cpu: list[float] = []
    while 1_000 * sum(wall) < AT_LEAST_MS:
        figures = once(work)
        wall.append(figures["seconds"])
        cpu.append(figures["cpu_seconds"])
    return {"seconds": statistics.median(wall), "cpu_seconds": statistics.median(cpu)}


def once(work: Callable[[], object]) -> dict[str, float]:
    """Wall and CPU seconds of one call, all threads counted."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def report(figures: Mapping[str, float]) -> None:
    """Hand the figures to the parent, with the peak of this process' resident memory."""
    sys.stdout.write("\n" + json.dumps({**figures, "peak_rss_mb": _peak_rss_mb()}) + "\n")


def _peak_rss_mb() -> float:
    """VmHWM: unlike getrusage's maximum it does not begin with what the parent held when it forked."""
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
