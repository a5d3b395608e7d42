"""The command line, run as people run it but for its imports: each command's process is forked from one that has made them.

A command imports for one to three seconds what it runs, and most are done in a tenth of one after that.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from service.cli import main

# Nothing that imports polars or ONNX Runtime: both start threads when they are imported, and a fork has none of them.
_IMPORTED = (
    "service.commands",
    "service.put_reference",
    "service.label_plan",
    "service.shadow_run",
    "service.silence",
    __name__,
    "pytest",
)
_PATIENCE_S = 240.0


def run_command(
    arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `driftglass` with these arguments in a folder, in a process of its own, to its end.

    Raises:
        TimeoutError: it does not end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    with TemporaryDirectory() as told:
        files = Path(told, "out"), Path(told, "err")
        process = context.Process(target=_become, args=(arguments, folder, dict(environment), *files))
        process.start()
        process.join(_PATIENCE_S)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"driftglass {' '.join(arguments)} does not end")
        said = [file.read_text() for file in files]
    return subprocess.CompletedProcess(arguments, process.exitcode, *said)


def _become(arguments: tuple[str, ...], folder: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for file, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["driftglass", *arguments]
    main()
