"""A measurement in a process of its own, in the environment that it needs, with every thread pool held to what it may use."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from testing.peers import SILENCE, python_of

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 1_800
POOLS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS",
)  # fmt: skip

Figures = dict[str, float]


class WorkloadError(Exception):
    """A workload failed; the message is the end of what it wrote."""


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        name: as the table has it.
        module: of bench.workloads; it prints its figures (bench.probe.report).
        environment: of testing.peers; "" is our own.
        arguments: for the module.
        threads: what every thread pool is held to.
    """

    name: str
    module: str
    environment: str = ""
    arguments: tuple[str, ...] = ()
    threads: int = 1


def run(subject: Subject, arguments: tuple[str, ...] = ()) -> Figures:
    """The figures of one run.

    Raises:
        PeerMissingError: its environment cannot be made.
        WorkloadError: it failed.
    """
    python = python_of(subject.environment) if subject.environment else Path(sys.executable)
    command = [str(python), "-W", "ignore", "-m", f"bench.workloads.{subject.module}", *subject.arguments, *arguments]
    environment = (
        os.environ | dict.fromkeys(POOLS, str(subject.threads)) | SILENCE | {"PYTHONPATH": str(ROOT / "client")}
    )
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        raise WorkloadError(f"{subject.name} ended with status {done.returncode}: {done.stderr[-1_000:].strip()}")
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures
