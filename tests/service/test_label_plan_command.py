"""`driftglass label-plan` names the predictions to have labelled, and puts them into a topic for whoever labels."""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from driftglass_client.wire import LABEL_REQUESTS_TOPIC
from kernel.settings import LocalLogSettings
from store import models
from store.database import Database
from store.models import Model
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.local_source import LocalSource
from stream.message import Partition
from testing.record_log import append_rows

Run = Callable[..., subprocess.CompletedProcess[str]]
ROWS, START_US = 1_500, 1_362_096_000_000_000  # 2013-03-01
SPAN = ("--start", "2013-03-01T00:00:00Z", "--end", "2013-03-02T00:00:00Z")


class Nobody:
    """Hears of partitions, and does nothing."""

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """They are read from now on."""

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """They are read no longer."""


@pytest.fixture
def run(in_folder: Run, tmp_path: Path) -> Run:
    """The command in a folder with a model's day of predictions."""
    db = Database(f"sqlite:///{tmp_path}/state.db")
    models.declare(db, "default", replace(Model("flights"), task="binary", positive_class="late"), 0)
    db.close()
    score = np.random.default_rng(3).random(ROWS)
    table = pa.table(
        {
            "model": pa.repeat("flights", ROWS),
            "version": pa.repeat("1", ROWS),
            "id": [f"p{i}" for i in range(ROWS)],
            "ts": START_US + np.arange(ROWS),
            "prediction": np.where(score > 0.5, "late", "on_time"),
            "score.late": score,
        }
    )
    append_rows(RecordLog(str(tmp_path / "records")), RecordKind.PREDICTIONS, table)
    return in_folder


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
