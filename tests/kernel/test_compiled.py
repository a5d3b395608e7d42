"""Compiled code that cannot be kept costs a compilation, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import resource
import numpy as np
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
from kernel.scores import score_cells
print(score_cells(np.array([0.0, 0.5, 1.0])).tolist())
"""


def said(folder: Path, **variables: str) -> str:
    """What a new process says that compiles for itself, with no file longer than 100 bytes."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_disk_that_is_full_keeps_nothing(tmp_path: Path) -> None:
    assert said(tmp_path, NUMBA_CACHE_DIR=str(tmp_path)) == "[0, 1024, 2047]\n"
    assert any(tmp_path.rglob("*")), "it was tried there"


def test_an_installation_that_nobody_may_write_to(tmp_path: Path) -> None:
    """The folders that numba would take are files here, which not even root can write into."""
    nowhere = tmp_path / "file"
    nowhere.touch()
    assert said(tmp_path, NUMBA_CACHE_DIR=str(nowhere), NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator") == (
        "[0, 1024, 2047]\n"
    )
