"""The long form of the fault suite: python -m testing.faults [pytest's arguments].

Runs tests/faults with its long numbers and prints, last, what all scenarios counted together. Ends with 0 only where every scenario
passed and no record was lost or doubled.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from testing.faults.scale import VARIABLE as SCALE_VARIABLE
from testing.faults.tally import VARIABLE as TALLY_VARIABLE
from testing.faults.tally import passed, read, sentence, table, total

ROOT = Path(__file__).parents[2]
_SCENARIO_TIMEOUT_S = 2_400


def main(arguments: list[str]) -> int:
    """Run it; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="driftglass-faults-") as folder:
        tally = Path(folder) / "tally.jsonl"
        # Where CI=true nothing is skipped: a suite that ran nothing proves nothing.
        environment = {**os.environ, "CI": "true", SCALE_VARIABLE: "long", TALLY_VARIABLE: str(tally)}
        command = [sys.executable, "-m", "pytest", "tests/faults", f"--timeout={_SCENARIO_TIMEOUT_S}", *arguments]
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603
        entries = read(tally)
    print(*table([*entries, total(entries)]), sentence(total(entries)), sep="\n")  # noqa: T201
    return status or int(not passed(total(entries)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
