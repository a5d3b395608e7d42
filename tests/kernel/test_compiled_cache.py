"""What one process compiled and kept, another that loads it runs as it was written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SORTS = """
import numpy as np
from kernel.compiled import compiled

@compiled
def ordered(values):
    values.sort()
    return values

@compiled
def order(values):
    return np.argsort(values)
"""
ADDS = """
from kernel.compiled import compiled

@compiled
def more(x):
    return x + {}
"""
CALLS = """
from adds import more
from kernel.compiled import compiled

@compiled
def twice(x):
    return 2 * more(x)
"""
PROGRAM = """
import resource, sys
import numpy as np
import work
largest, *calls = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), resource.RLIM_INFINITY))
for call in calls:
    print(eval(f"work.{call}"))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a module `work` lies, and what is compiled of it."""
    return tmp_path


def said(folder: Path, *calls: str, largest: int = 1 << 30) -> list[str]:
    """What a new process says that calls functions of `work`, where no file can be larger than so many bytes."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(largest), *calls],
        env=os.environ | {"PYTHONPATH": f"{Path(__file__).parents[2]}:{folder}", "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.nbc"))


def test_functions_that_two_processes_compiled_are_not_taken_for_each_other(folder: Path) -> None:
    """Each is the first that its process compiles, so numba would number what is inside of both alike."""
    (folder / "work.py").write_text(SORTS)
    ordered, order = "ordered(np.array([30, 10, 20]))", "order(np.array([30, 10, 20]))"
    assert said(folder, ordered) == ["[10 20 30]"]
    assert said(folder, order) == ["[1 2 0]"]
    assert len(kept(folder)) == 2
    assert said(folder, ordered, order) == ["[10 20 30]", "[1 2 0]"]


def test_code_of_an_older_source_is_not_taken_for_that_of_a_newer(folder: Path) -> None:
    """The newer's index fits on the disk and what it names does not, so the older's code still lies there under that name."""
    (folder / "work.py").write_text(ADDS.format(1))
    assert said(folder, "more(1)") == ["2"]
    (folder / "work.py").write_text(ADDS.format(1_000))
    assert said(folder, "more(1)", largest=4_000) == ["1001"]
    assert said(folder, "more(1)") == ["1001"]


def test_code_is_not_taken_once_what_it_calls_in_another_file_has_changed(folder: Path) -> None:
    (folder / "work.py").write_text(CALLS)
    (folder / "adds.py").write_text(ADDS.format(1))
    assert said(folder, "twice(1)") == ["4"]
    (folder / "adds.py").write_text(ADDS.format(10))
    assert said(folder, "twice(1)") == ["22"]


def test_code_for_other_types_is_not_taken(folder: Path) -> None:
    """As where two processes wrote a function's code under one name at once: the index of one stays, and the code of the other."""
    (folder / "work.py").write_text(ADDS.format(1))
    assert said(folder, "more(1)", "more(0.5)") == ["2", "1.5"]
    whole, real = (path.read_bytes() for path in kept(folder))
    for path, code in zip(kept(folder), (real, whole), strict=True):
        path.write_bytes(code)
    assert said(folder, "more(1)", "more(0.5)") == ["2", "1.5"]
