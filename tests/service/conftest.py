"""The command line as people run it: in a folder of its own, with everything in it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

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

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "service.cli", *arguments],
            cwd=tmp_path,
            env={**clean, "DRIFTGLASS_CONFIG": str(tmp_path / "driftglass.yaml")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert command("migrate").returncode == 0
    return command
