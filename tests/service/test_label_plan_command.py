"""`driftglass label-plan` names the predictions to have labelled, and puts them into a topic for whoever labels."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from driftglass_client.wire import LABEL_REQUESTS_TOPIC
from kernel.settings import LocalLogSettings
from store import models
from store.database import Database
from store.models import Model
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.local_source import LocalSource
from stream.message import Partition

Run = Callable[..., subprocess.CompletedProcess[str]]
ROWS, START_US = 1_500, 1_362_096_000_000_000  # 2013-03-01
SPAN = ("--start", "2013-03-01T00:00:00Z", "--end", "2013-03-02T00:00:00Z")
MOMENT = pa.timestamp("us", "UTC")


class Nobody:
    """Hears of partitions, and does nothing."""

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """They are read from now on."""

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """They are read no longer."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command in a folder with a model's day of predictions."""
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
    db = Database(f"sqlite:///{tmp_path}/state.db")
    models.declare(db, "default", replace(Model("flights"), task="binary", positive_class="late"), 0)
    db.close()
    score = np.random.default_rng(3).random(ROWS)
    fixed = {"model": "flights", "version": "1", "topic": "driftglass.predictions", "partition": 0, "offset": 0}
    table = pa.table(
        {
            **{name: pa.repeat(value, ROWS) for name, value in fixed.items()},
            "id": [f"p{i}" for i in range(ROWS)],
            "ts": pa.array(START_US + np.arange(ROWS), MOMENT),
            "prediction": np.where(score > 0.5, "late", "on_time"),
            "score.late": score,
            "row": pa.array(range(ROWS), pa.int32()),
            "ingested_at": pa.repeat(pa.scalar(START_US, MOMENT), ROWS),
        }
    )
    partition = Partition("driftglass.predictions", 0)
    RecordLog(str(tmp_path / "records")).append("default", RecordKind.PREDICTIONS, [table], {partition: (0, 1)})
    return command


def test_the_plan_is_told_and_sent(run: Run, tmp_path: Path) -> None:
    done = run("label-plan", "flights", "--count", "1200", *SPAN, "--send", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert (len(answer["items"]), answer["candidates"]) == (1_200, ROWS)
    source = LocalSource(LocalLogSettings(path=tmp_path / "log.db"), [LABEL_REQUESTS_TOPIC], Nobody())
    read = [json.loads(line) for of in source.poll(5.0).values() for m in of for line in m.value.splitlines()]
    source.close()
    assert read == answer["items"]


def test_what_people_read(run: Run) -> None:
    lines = run("label-plan", "flights", "--count", "5", *SPAN).stdout.splitlines()
    assert lines[0].startswith(
        "5 of 1500 predictions to have labelled: the share of wrong ones will be known to within"
    )
    assert len(lines) == 6
    assert "weight" in lines[1]


def test_what_cannot_be_planned_is_one_sentence(run: Run) -> None:
    unknown = run("label-plan", "nobody", *SPAN)
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
    assert "nobody" in unknown.stderr
    odd = run("label-plan", "flights", "--start", "yesterday")
    assert odd.returncode == 2
    assert "RFC 3339" in odd.stderr
