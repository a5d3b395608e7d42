"""Forks, exits and worker processes, in real child processes."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PRELUDE = """
import os, sys
from driftglass_client import Client, ClientSettings
client = Client("m", "1", url=sys.argv[1], settings=ClientSettings(linger_ms=20, retry_first_s=0.01, retry_s=60,
    exit_timeout_s=float(sys.argv[2]), spool_dir=sys.argv[3] if len(sys.argv) > 3 else None))
"""


def run(code: str, *arguments: str) -> float:
    started_s = time.monotonic()
    subprocess.run([sys.executable, "-c", PRELUDE + code, *arguments], check=True, timeout=60)
    return time.monotonic() - started_s


def test_what_is_queued_at_exit_is_sent(gateway: Any) -> None:
    run("for i in range(2500): client.log_prediction({'i': i})", gateway.url, "10")
    assert [row["feature.i"] for row in gateway.rows()] == [float(i) for i in range(2500)]


def test_an_exit_by_exception_flushes_too(gateway: Any) -> None:
    code = "client.log_prediction({}, id='last')\ntry:\n    1 / 0\nfinally:\n    sys.exit(0)"
    run(code, gateway.url, "10")
    assert [row["id"] for row in gateway.rows()] == ["last"]


def test_an_absent_log_delays_the_exit_by_its_limit_only(gateway: Any, tmp_path: Path) -> None:
    gateway.judge = lambda _: gateway.answer(503)
    baseline_s = run("", gateway.url, "1")
    assert run("client.log_prediction({})", gateway.url, "1") < baseline_s + 3
    assert run("client.log_prediction({}, id='kept')", gateway.url, "1", str(tmp_path)) < baseline_s + 3
    gateway.judge = lambda _: gateway.answer(202)
    gateway.requests.clear()
    run("assert client.flush(10)", gateway.url, "1", str(tmp_path))
    assert [row["id"] for row in gateway.rows()] == ["kept"]


FORK = """
for i in range(300): client.log_prediction({"who": "parent"})
child = os.fork()
who = "parent" if child else "child"
if child == 0:
    assert {name: n for name, n in client.stats().items() if n} == {}, client.stats()
for i in range(200): client.log_prediction({"who": who})
assert client.flush(10)
assert client.stats()["sent"] == (500 if child else 200), client.stats()
if child == 0:
    client.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
client.log_prediction({"who": "parent"})
assert client.flush(10)
"""


def test_a_forked_child_sends_its_own_and_leaves_the_parent_alone(gateway: Any) -> None:
    run(FORK, gateway.url, "10")
    rows = gateway.rows()
    assert len({row["id"] for row in rows}) == len(rows) == 701
    assert sum(row["feature.who"] == "child" for row in rows) == 200


def test_a_fork_amid_traffic_and_an_outage_neither_hangs_nor_doubles(gateway: Any, tmp_path: Path) -> None:
    gateway.judge = lambda _: gateway.answer(503)
    code = """
import threading
stop = threading.Event()
def load():
    while not stop.wait(0.001): client.log_prediction({})
thread = threading.Thread(target=load); thread.start()
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        client.log_prediction({"who": "child"})
        client.close(2)
        stats = {name: n for name, n in client.stats().items() if n}
        print(stats, file=sys.stderr, flush=True)
        os._exit(0 if stats.keys() == {"spooled"} else 1)
    children.append(child)
stop.set(); thread.join()
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
"""
    run(code, gateway.url, "2", str(tmp_path))
    gateway.requests.clear()
    gateway.judge = lambda _: gateway.answer(202)
    run("assert client.flush(10)", gateway.url, "2", str(tmp_path))
    rows = gateway.rows()
    assert len({row["id"] for row in rows}) == len(rows)
    assert sum(row.get("feature.who") == "child" for row in rows) == 5


def test_a_multiprocessing_child_flushes_when_it_ends(gateway: Any) -> None:
    code = """
import multiprocessing
def work(): client.log_prediction({}, id="from the child")
process = multiprocessing.get_context("fork").Process(target=work)
process.start(); process.join()
assert process.exitcode == 0
"""
    run(code, gateway.url, "10")
    assert [row["id"] for row in gateway.rows()] == ["from the child"]


def test_a_client_that_never_logged_starts_no_thread(gateway: Any) -> None:
    run("import threading; assert threading.active_count() == 1; client.close()", gateway.url, "10")
    assert gateway.requests == []
