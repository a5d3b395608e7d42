"""The peers' environments, each made once by uv below bench/.peers: no two of them agree on their dependencies.

python -m testing.peers makes those that the tests need.
"""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "bench" / ".peers"
UV = ROOT / "scripts" / "uv.sh"
SILENCE = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}
"""What keeps them from telling their makers that they run."""

REQUIREMENTS = {
    "evidently": ("evidently==0.7.23", "pandas<3"),  # with pandas 3 it fails when it is imported
    "nannyml": ("nannyml==0.13.1", "pandas<3", "statsmodels"),  # which it imports and does not declare
    "whylogs": ("whylogs==1.6.4", "pandas<3"),
    "alibi": ("alibi-detect[torch]==0.13.0",),
    "opentelemetry": ("opentelemetry-sdk==1.45.2", "pyarrow"),  # Arrow for our client, which runs beside it
}


TOO_LARGE = ("alibi",)
"""Five gigabytes, which no test is worth: made where it is measured against."""


class PeerMissingError(Exception):
    """A peer cannot be installed here; the message says why."""


@cache
def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which is made where it is missing or out of date.

    Raises:
        PeerMissingError: uv cannot make it.
    """
    folder, wanted = FOLDER / name, "\n".join(REQUIREMENTS[name])
    python, made = folder / "bin" / "python", folder / "made-from"
    if not (made.is_file() and made.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        _uv(name, "venv", "--python", "3.11", str(folder))
        _uv(name, "pip", "install", "--compile-bytecode", "--python", str(python), *REQUIREMENTS[name])
        made.write_text(wanted)
    return python


def _uv(name: str, *words: str) -> None:
    command = [str(UV), *words, "--quiet"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)  # noqa: S603 - written here
    if done.returncode:
        raise PeerMissingError(f"{name} cannot be installed: {done.stderr.strip()[-500:]}")


def main() -> None:
    """Make them; exit status 1 and a sentence where one cannot be made."""
    try:
        for name in REQUIREMENTS.keys() - TOO_LARGE:
            python_of(name)
    except PeerMissingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
