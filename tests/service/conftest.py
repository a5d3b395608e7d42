"""The command line as people run it: in a folder of its own, with everything in it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from testing.command_line import run_command

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def in_folder(tmp_path: Path) -> Run:
    """Runs a command in the test's folder, whose database is up to date."""
    settings = {
        "store": {"database": f"sqlite:///{tmp_path}/state.db", "records": str(tmp_path / "records")},
        "log": {"local": {"path": str(tmp_path / "log.db")}},
    }
    (tmp_path / "driftglass.yaml").write_text(yaml.safe_dump(settings))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGLASS_")}
    environment = clean | {"DRIFTGLASS_CONFIG": str(tmp_path / "driftglass.yaml")}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_command(arguments, tmp_path, environment)

    assert command("migrate").returncode == 0
    return command
