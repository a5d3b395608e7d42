import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testing.process import running
from testing.waiting import wait_until

PARENT = """
import signal, sys
from pathlib import Path
from testing.process import running
with running(["sleep", "60"], directory=Path(sys.argv[1]), ready=lambda: True, stop_signal=signal.SIGTERM) as pid:
    print(pid, flush=True)
    signal.pause()
"""


def is_running(pid: int) -> bool:
    """Say whether the process lives; one that ended and that nobody has waited for counts as ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_server_ends_with_its_block_though_the_block_fails(tmp_path):
    pids: list[int] = []

    def interrupted_tests() -> None:
        with running(["sleep", "60"], directory=tmp_path, ready=lambda: True, stop_signal=signal.SIGTERM) as pid:
            pids.append(pid)
            assert is_running(pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_tests()
    assert not is_running(pids[0])


def test_a_server_ends_with_tests_that_are_killed(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    server_pid = int(parent.stdout.readline())
    wait_until(lambda: Path(f"/proc/{server_pid}/comm").read_text() == "sleep\n", what="the server itself")

    parent.kill()
    parent.communicate()

    wait_until(lambda: not is_running(server_pid), timeout_s=10, what="the server's end")


def test_a_server_that_fails_to_start_says_why(tmp_path):
    command = ["sh", "-c", "echo the port is taken; exit 3"]

    with (
        pytest.raises(RuntimeError, match=r"status 3 before it was ready: the port is taken"),
        running(command, directory=tmp_path, ready=lambda: False, stop_signal=signal.SIGTERM),
    ):
        pytest.fail("the block must not be entered")
