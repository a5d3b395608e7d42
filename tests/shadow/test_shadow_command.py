"""`driftglass shadow --model ... --candidate ...`: one run from the command line, and what is said where it cannot be done."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import DAY_US, SystemClock, to_rfc3339
from shadow.runner import ShadowRunner, submit
from shadow.settings import ShadowSettings
from shadow.spec import RunSpec
from store import models, shadow_runs, windows
from store.database import Database
from store.models import Model
from store.record_reads import RecordReader
from store.tables import windows as window_rows
from testing.command_line import run_command

WORKSPACE, MODEL = "acme", "flight-delay"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, db: Database) -> Run:
    """The command, over the database and the record log of the test."""
    models.declare(db, WORKSPACE, Model(MODEL, positive_class="late"), 0)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGLASS_")}
    environment = clean | {
        "DRIFTGLASS_WORKSPACE": WORKSPACE,
        "DRIFTGLASS_STORE__DATABASE": f"sqlite:///{tmp_path / 'driftglass.db'}",
        "DRIFTGLASS_STORE__RECORDS": str(tmp_path / "records"),
    }

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        return run_command(("shadow", *map(str, arguments)), tmp_path, environment)

    return command


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    (said,) = done.stderr.splitlines()
    return said


def over_all(traffic: Any, candidate: Path) -> RunSpec:
    """A run over everything that was recorded."""
    span = {"start_us": traffic.start_us, "end_us": traffic.end_us}
    return RunSpec(model=MODEL, candidate=candidate.stem, path=str(candidate), **span)


def test_a_candidate_is_tried_on_all_that_the_model_recorded(
    run: Run, db: Database, record: Any, candidates: dict[str, Path]
) -> None:
    traffic = record("weak")
    with db.write() as connection:
        for start_us in range(traffic.start_us, traffic.end_us, DAY_US):
            day = {"workspace": WORKSPACE, "model": MODEL, "size": "1d", "start_us": start_us}
            connection.execute(window_rows.insert().values(**day, end_us=start_us + DAY_US))
    assert len(windows.listing(db, WORKSPACE, MODEL)) == 40
    done = run("--model", MODEL, "--candidate", candidates["strong"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"promote: strong.onnx on {traffic.rows:,} recorded rows of {MODEL} (run ")
    assert "\n- Accuracy rises from " in done.stdout


def test_a_part_of_the_traffic_of_one_version_with_the_answer_as_json(
    run: Run, db: Database, record: Any, candidates: dict[str, Path]
) -> None:
    traffic = record("weak", version="1")
    until = to_rfc3339(traffic.start_us + 10 * DAY_US)
    done = run("--model", MODEL, "--candidate", candidates["strong"], "--from", "2013-04-01", "--to", until,
               "--version", "1", "--json")  # fmt: skip
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr, told["verdict"]) == (0, "", "hold")
    assert (told["comparison"]["rows"], told["comparison"]["label_days"]) == (600, 10)
    stored = shadow_runs.one(db, WORKSPACE, told["run"])
    assert (stored.state, stored.version, stored.spec["path"]) == ("done", "1", str(candidates["strong"]))


def test_only_the_run_that_is_meant_is_done(
    db: Database, reader: RecordReader, record: Any, candidates: dict[str, Path]
) -> None:
    spec = over_all(record("weak"), candidates["strong"])
    first, second = (submit(db, WORKSPACE, spec, now_us) for now_us in (1, 2))
    runner = ShadowRunner(db, reader, WORKSPACE, SystemClock(), ShadowSettings(), "tests")
    heard: list[float] = []
    assert runner.do(second, heard.append)
    assert not runner.do(second, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert [shadow_runs.one(db, WORKSPACE, name).state for name in (first, second)] == ["queued", "done"]


def test_a_run_that_is_stopped_by_hand_is_not_done_again(
    db: Database, reader: RecordReader, record: Any, candidates: dict[str, Path]
) -> None:
    name = submit(db, WORKSPACE, over_all(record("weak"), candidates["strong"]), 1)
    runner = ShadowRunner(db, reader, WORKSPACE, SystemClock(), ShadowSettings(), "tests")

    def stop(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.do(name, stop)
    stored = shadow_runs.one(db, WORKSPACE, name)
    assert (stored.state, stored.error) == ("failed", "stopped by hand")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"--candidate": "none.onnx"}, "there is no candidate at none.onnx"),
        ({"--model": "other"}, "has no model 'other'"),
        ({"--from": "soon"}, "--from: 'soon' is no time: write 2013-04-01"),
        ({"--from": "2013-04-02", "--to": "2013-04-01"}, "--to: must be later than --from"),
        ({"--from": "2013-04-02"}, "flight-delay has no window yet: send predictions"),
        ({"--from": "2014-01-01", "--to": "2014-01-02"}, "recorded no predictions in this span"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    run: Run, candidates: dict[str, Path], options: dict[str, str], says: str
) -> None:
    asked = {"--model": MODEL, "--candidate": str(candidates["strong"])} | options
    assert says in sentence(run(*(word for option in asked.items() for word in option)))


def test_a_model_alone_asks_for_its_candidate(run: Run) -> None:
    assert "needs both --model and --candidate" in sentence(run("--model", MODEL))
