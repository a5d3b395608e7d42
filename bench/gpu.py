"""Distances between embeddings on this machine's GPU beside all of its CPU cores: `python -m bench.gpu`, JSON.

Subjects take turns in one process; a ratio is the median of the rounds' ratios. Both must give one answer.
"""

import json
import os
import statistics
import sys
from dataclasses import dataclass

from bench.probe import once
from bench.size import sized
from bench.vectors import COLUMNS, sides
from detectors.multivariate import mmd
from detectors.multivariate.torch_backend import torch
from kernel.errors import UnavailableError

ROUNDS = 3
_AGREE = 2e-6


@dataclass(frozen=True)
class Case:
    """Attributes: basis and draws of mmd.Options; rows of each side; cpu: whether the CPU takes its turn."""

    basis: mmd.Basis
    rows: int
    draws: int
    cpu: bool


CASES = (
    Case("pairs", sized(20_000, 200), sized(1_000, 10), cpu=True),
    Case("features", sized(100_000, 200), sized(2_000, 10), cpu=True),
    Case("pairs", sized(100_000, 200), sized(2_000, 10), cpu=False),
)


def main() -> None:
    """Measure all cases; status 1 where torch finds no GPU, 2 where GPU and CPU do not agree."""
    try:
        device = _device()
    except UnavailableError as error:
        sys.exit(str(error))
    found = [measure(case) for case in CASES]
    host = {"torch": torch().__version__, "cpu_cores": os.cpu_count()}
    sys.stdout.write(json.dumps({"device": device, **host, "columns": COLUMNS, "cases": found}, indent=2) + "\n")
    if not all(case["agree"] for case in found):
        sys.exit(2)


def measure(case: Case) -> dict[str, object]:
    """One case in turns: median seconds of each device, their ratio, and the most memory that torch held on the GPU."""
    window, reference = sides(case.rows)
    devices = ("cuda", "cpu") if case.cpu else ("cuda",)
    seconds: dict[str, list[float]] = {device: [] for device in devices}
    values: dict[str, mmd.Mmd] = {}
    for device in devices:  # libraries load and kernels compile before the clock
        mmd.measure(window[:500], reference[:500], mmd.Options(case.basis, draws=10, device=device))
    torch().cuda.reset_peak_memory_stats()
    for _ in range(ROUNDS):
        for device in devices:
            options = mmd.Options(case.basis, draws=case.draws, device=device)

            def work(device: str = device, options: mmd.Options = options) -> None:
                values[device] = _found(mmd.measure(window, reference, options))

            seconds[device].append(once(work)["seconds"])
    first = values["cuda"]
    told = {"basis": case.basis, "rows": case.rows, "draws": case.draws, "value": first.value, "p": first.p}
    return told | {
        "agree": all(abs(other.value - first.value) < _AGREE and other.p == first.p for other in values.values()),
        "seconds": {device: statistics.median(taken) for device, taken in seconds.items()},
        "times_faster": statistics.median(
            [cpu / gpu for gpu, cpu in zip(seconds["cuda"], seconds.get("cpu", []), strict=False)] or [0.0]
        )
        or None,
        "gpu_peak_mb": torch().cuda.max_memory_allocated() / 2**20,
    }


def _device() -> str:
    if not torch().cuda.is_available():
        raise UnavailableError("torch finds no GPU here: run this on a machine with one")
    return str(torch().cuda.get_device_name())


def _found(result: mmd.Mmd | None) -> mmd.Mmd:
    if result is None:
        raise UnavailableError("too few rows to measure")
    return result


if __name__ == "__main__":
    main()
