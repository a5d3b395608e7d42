"""Every command says in one sentence what is wrong, and ends with 1; never a traceback."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from testing.command_line import run_command
from testing.waiting import is_listening

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration of its own, everything embedded and on free ports."""
    ports = []
    for _ in range(3):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
    settings = {
        "store": {"database": f"sqlite:///{tmp_path}/state.db", "records": str(tmp_path / "records")},
        "log": {"local": {"path": str(tmp_path / "log.db")}},
        "gateway": {"port": ports[0]},
        "api": {"port": ports[1]},
        "dashboard": {"port": ports[2]},
    }
    (tmp_path / "driftglass.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_command(arguments, folder, environment(folder, **variables))

    return command


def environment(folder: Path, **variables: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGLASS_")}
    return {**clean, "DRIFTGLASS_CONFIG": str(folder / "driftglass.yaml"), **variables}


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_database_that_was_never_migrated(run: Run) -> None:
    assert "run `driftglass migrate`" in one_sentence(run("detect"))


def test_a_database_that_is_away(run: Run, free_port: Callable[[], int]) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing"
    assert "does not answer" in one_sentence(run("migrate", DRIFTGLASS_STORE__DATABASE=url))


def test_a_kafka_that_is_away(run: Run, free_port: Callable[[], int]) -> None:
    assert run("migrate").returncode == 0
    away = f"127.0.0.1:{free_port()}"
    said = one_sentence(run("collect", DRIFTGLASS_LOG__KIND="kafka", DRIFTGLASS_LOG__KAFKA__BOOTSTRAP=away))
    assert away in said
    assert "log.kafka.bootstrap" in said


def test_a_wrong_configuration_names_the_line_and_the_allowed_values(run: Run, folder: Path) -> None:
    file = folder / "driftglass.yaml"
    file.write_text("workspace: default\nlog:\n  kind: redis\n")
    said = one_sentence(run("migrate"))
    assert "line 3" in said
    assert "local" in said
    assert "kafka" in said


def test_a_rule_of_an_unknown_tier_names_the_line_and_the_tiers(run: Run, folder: Path) -> None:
    (folder / "driftglass.yaml").write_text(
        "alerting:\n  rules:\n    - name: drift\n      tier: P7\n      metrics: [psi]\n"
    )
    said = one_sentence(run("migrate"))
    assert "line 4" in said
    assert "'P0', 'P1' or 'P2'" in said


def test_a_port_that_is_taken(run: Run, folder: Path) -> None:
    assert run("migrate").returncode == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = one_sentence(run("api", DRIFTGLASS_API__PORT=str(taken.getsockname()[1])))
    assert "already in use" in said


def test_a_missing_model_file_of_the_demo_service(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "service.demo.inference",
        "--model",
        "none.onnx",
        "--port",
        "0",
        "--gateway",
        "http://x",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)
    assert "none.onnx" in one_sentence(done)


def test_the_demo_leaves_a_folder_alone_that_is_not_its_own(run: Run, folder: Path) -> None:
    said = one_sentence(run("demo", "--data", str(folder), "--json"))
    assert "not the demo's" in said
    assert (folder / "driftglass.yaml").exists()


def test_up_does_not_begin_where_a_port_is_taken(run: Run, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = one_sentence(run("up", DRIFTGLASS_DASHBOARD__PORT=port, DRIFTGLASS_API__PORT=port))
    for part in ("api", "dashboard"):
        assert f"{part}.port: 127.0.0.1:{port}, which the part {part} wants, cannot be listened on" in said
        assert f"set {part}.port in driftglass.yaml, or DRIFTGLASS_{part.upper()}__PORT, to another" in said
    assert said.startswith("driftglass: api.port")


def test_the_demo_does_not_begin_where_a_port_that_is_asked_for_is_taken(run: Run, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = one_sentence(run("demo", "--data", str(folder / "demo"), "--json", DRIFTGLASS_GATEWAY__PORT=port))
    assert f"127.0.0.1:{port}, which the part gateway wants" in said


def test_up_does_not_begin_where_the_log_is_away(run: Run, free_port: Callable[[], int]) -> None:
    away = f"127.0.0.1:{free_port()}"
    done = run("up", DRIFTGLASS_LOG__KIND="kafka", DRIFTGLASS_LOG__KAFKA__BOOTSTRAP=away)
    assert f"Kafka at {away} does not answer" in one_sentence(done)
    assert done.stdout == ""


def test_up_does_not_begin_where_the_record_log_cannot_be_read(run: Run, folder: Path) -> None:
    broken = folder / "records" / "default" / "predictions" / "_delta_log" / f"{0:020}.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("no commit")
    done = run("up")
    assert "the record log" in one_sentence(done)
    assert done.stdout == ""


def test_up_does_not_begin_where_the_database_is_away(run: Run, free_port: Callable[[], int]) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing"
    done = run("up", DRIFTGLASS_STORE__DATABASE=url)
    assert "does not answer" in one_sentence(done)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DRIFTGLASS_GATWAY__PORT", "1", "DRIFTGLASS_GATEWAY"),
        ("DRIFTGLASS_LOG", "local", '"log"'),
        ("DRIFTGLASS_STORE__DATABASE", "mysql://x", "postgresql+psycopg://"),
    ],
)
def test_a_wrong_variable(run: Run, name: str, value: str, says: str) -> None:
    assert says in one_sentence(run("migrate", **{name: value}))


def test_a_demo_that_is_told_to_stop_ends_with_all_its_processes(folder: Path, wait_until: Callable) -> None:
    data = folder / "demo"
    command = [sys.executable, "-m", "service.cli", "demo", "--json", "--data", str(data)]
    with (folder / "demo.log").open("wb") as log:
        demo = subprocess.Popen(command, env=environment(folder), stdout=log, stderr=log)
    try:
        wait_until((data / "logs" / "inference.log").exists, timeout_s=120, what="the inference service")
        children = [child(demo.pid, part) for part in ("collect", "detect", "alert", "shadow", "api")]
        demo.terminate()
        assert demo.wait(60) != 0
    finally:
        demo.kill()
        demo.wait()
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_the_doctor_says_what_is_there_and_what_is_not(run: Run) -> None:
    sick = run("doctor", "--json")
    assert sick.returncode == 1
    assert {f["what"]: f["ok"] for f in json.loads(sick.stdout)["findings"]} == {
        "database": False, "record log": True, "log": True,
    }  # fmt: skip
    assert json.loads(run("migrate", "--json").stdout) == {"revision": "0022"}
    assert run("doctor").returncode == 0


def test_a_model_is_retired_and_taken_back(run: Run, folder: Path) -> None:
    run("migrate")
    (folder / "driftglass.yaml").write_text((folder / "driftglass.yaml").read_text() + "models: [{model: tpyo}]\n")
    run("apply")
    first = json.loads(run("retire", "tpyo", "--json").stdout)
    assert first["model"] == "tpyo"
    assert run("retire", "tpyo").stdout == f"tpyo is retired since {first['retired']}.\n"
    assert run("retire", "tpyo", "--undo").stdout == "tpyo is in service.\n"
    assert json.loads(run("retire", "tpyo", "--undo", "--json").stdout) == {"model": "tpyo", "retired": None}
    assert "'nobody'" in one_sentence(run("retire", "nobody"))


def test_alerts_are_silenced_and_told_of_again(run: Run) -> None:
    run("migrate")
    made = run("silence", "--model", "m", "--column", "", "--for", "2h", "--reason", "an upgrade", "--by", "ada")
    found = re.fullmatch(
        r"Nobody is told of model 'm', column '' until \S+Z\. To end it: driftglass silence --end (\w+)\n", made.stdout
    )
    assert found is not None, made
    ended = json.loads(run("silence", "--end", found[1], "--json").stdout)
    assert (ended["silence"], ended["state"], ended["reason"], ended["by"]) == (
        found[1],
        "expired",
        "an upgrade",
        "ada",
    )
    assert "is over" in run("silence", "--end", found[1]).stdout
    later = ("silence", "--all", "--from", "2999-01-01T00:00:00Z", "--reason", "x")
    pending = json.loads(run(*later, "--for", "1d", "--json").stdout)
    assert (pending["state"], pending["matchers"], pending["until"]) == ("pending", {}, "2999-01-02T00:00:00Z")
    assert pending["by"]
    assert "for: '1y' is no duration" in one_sentence(run(*later, "--for", "1y"))
    assert "until: must be within 90 days" in one_sentence(run(*later, "--until", "2999-12-01T00:00:00Z"))
    assert "matchers: name at least one of" in one_sentence(run("silence", "--for", "1h", "--reason", "x"))
    assert "reason: " in one_sentence(run("silence", "--all", "--for", "1h"))
    assert "--for and --until" in run(*later).stderr
    assert "there is no silence 0f3c" in one_sentence(run("silence", "--end", "0f3c"))


def test_models_are_declared_as_code(run: Run, folder: Path) -> None:
    run("migrate")
    file = folder / "models.yaml"
    settings = yaml.safe_load((folder / "driftglass.yaml").read_text())
    file.write_text(yaml.safe_dump({**settings, "models": [{"model": "fraud", "task": "binary", "window": "1h"}]}))
    assert json.loads(run("apply", "-f", str(file), "--json").stdout) == {"models": ["fraud"]}
    file.write_text("models:\n  - model: fraud\n    task: guessing\n")
    said = one_sentence(run("apply", "-f", str(file)))
    assert f"{file}, line 3: models.0.task is 'guessing': input should be 'binary'" in said
    file.write_text("models:\n  - model: fraud\n    task: binary\n  - model: fraud\n")
    said = one_sentence(run("apply", "-f", str(file)))
    assert f"{file}, line 4: models.1.model: 'fraud' is declared twice" in said


def test_up_runs_every_part_and_begins_again_what_is_killed(run: Run, folder: Path, wait_until: Callable) -> None:
    settings = yaml.safe_load((folder / "driftglass.yaml").read_text())
    urls = {name: f"http://127.0.0.1:{settings[name]['port']}" for name in ("gateway", "api", "dashboard")}
    log = (folder / "up.log").open("wb")
    up = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "up"], cwd=folder, env=environment(folder), stdout=log, stderr=log
    )

    def answers(name: str, path: str) -> bool:
        try:
            return httpx.get(urls[name] + path, timeout=5).is_success
        except httpx.TransportError:
            return False

    def told() -> list[str]:
        return [line.split()[0] for line in (folder / "up.log").read_text().splitlines() if "http://" in line]

    try:
        wait_until(told, timeout_s=120, what="the addresses")
        assert [name for name in urls if not listens(urls[name])] == []
        assert told() == list(urls)
        for name, path in (("gateway", "/readyz"), ("api", "/readyz"), ("dashboard", "/_stcore/health")):
            wait_until(lambda name=name, path=path: answers(name, path), timeout_s=120, what=name)
        record = {"model": "m", "id": "1", "ts": "2013-03-01T10:00:00Z", "features": {"x": 1.0}}
        answer = httpx.post(urls["gateway"] + "/v1/predictions", json=[record, {"model": "m"}], timeout=10)
        assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (202, 1, 1)
        os.kill(child(up.pid, "collect"), signal.SIGKILL)
        wait_until(lambda: answers("gateway", "/readyz"), timeout_s=60, what="the gateway again")
        models = lambda: [m["model"] for m in httpx.get(urls["api"] + "/v1/models", timeout=10).json()["items"]]  # noqa: E731
        wait_until(lambda: models() == ["m"], timeout_s=60, what="the record to be counted")
        letters = json.loads(run("dead-letters", "--json").stdout)
        assert (letters["count"], letters["letters"][0]["field"]) == (1, "ts")
        children = [child(up.pid, part) for part in ("collect", "detect", "alert", "shadow", "api")]
    finally:
        up.terminate()
        up.wait(60)
        log.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def listens(url: str) -> bool:
    return is_listening(int(url.rpartition(":")[2]))


def child(parent: int, part: str) -> int:
    """The process of one part."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            above = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if above == parent and part.encode() in command:
            return int(status.parent.name)
    raise AssertionError(f"{part} does not run")
