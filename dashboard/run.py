"""How the dashboard is started: the command of its process."""

import sys
from pathlib import Path

APP = Path(__file__).with_name("app.py")


def command(port: int, host: str = "127.0.0.1") -> list[str]:
    """The arguments that run the dashboard; it finds its settings in DRIFTGLASS_CONFIG and DRIFTGLASS_* of its environment.

    >>> command(8501)[1:4]
    ['-m', 'streamlit', 'run']
    """
    options = {
        "server.port": str(port),
        "server.address": host,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(APP),
        *(f"--{name}={value}" for name, value in options.items()),
    ]
