"""`driftglass reference` puts a file's rows in force, and says in one sentence why it cannot."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.moving import Moving
from store import references
from store.database import Database

Run = Callable[..., subprocess.CompletedProcess[str]]

CSV = """dep_delay,carrier,prediction,score.late,score.on_time,label
3.0,UA,late,0.7,0.3,late
,AA,on_time,0.2,0.8,on_time
5.5,"B6, sometimes",late,0.9,much,on_time
0.5,UA,on_time,0.1,0.9,
"""


@pytest.fixture
def run(in_folder: Run, tmp_path: Path) -> Run:
    (tmp_path / "training.csv").write_text(CSV)
    return in_folder


def test_the_rows_of_a_file_are_the_reference(run: Run, tmp_path: Path) -> None:
    done = run("reference", "flights", "training.csv", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert (answer["rows"], answer["labels"], answer["rejected"]) == (3, 2, 1)
    (refused,) = answer["errors"]
    assert (refused["index"], refused["field"]) == (2, "scores.on_time")
    assert (answer["provenance"]["source"], answer["provenance"]["name"]) == ("file", "training.csv")
    db = Database(f"sqlite:///{tmp_path}/state.db")
    stored = references.active(db, "default", "flights")
    db.close()
    assert stored is not None
    assert (stored.name, stored.provenance) == (answer["reference"], answer["provenance"])
    assert stored.performance["accuracy"]["value"] == 1.0


def test_what_people_read(run: Run) -> None:
    lines = run("reference", "flights", "training.csv").stdout.splitlines()
    assert (
        lines[0] == "flights is held against 3 rows of training.csv from now on, 2 of them with a label; 1 was refused."
    )
    assert lines[1] == "The file has no column ts: its rows are of now."
    assert lines[2] == "row 2: scores.on_time must be a finite number"


def test_columns_that_get_a_new_grid_are_named(run: Run, tmp_path: Path) -> None:
    for name, least in (("first.csv", 0), ("moved.csv", 1_000_000)):
        (tmp_path / name).write_text("delay,prediction\n" + "".join(f"{least + i},late\n" for i in range(1_500)))
    assert "grid" not in run("reference", "flights", "first.csv").stdout
    said = run("reference", "flights", "moved.csv").stdout.splitlines()
    assert said[-1] == "Counted again on a new grid, for the old one could not tell its values apart: delay."


@pytest.mark.parametrize(
    ("file", "said"),
    [("none.csv", "there is no file none.csv: give the path"), ("driftglass.yaml", "neither Parquet nor Arrow")],
)
def test_what_cannot_be_put_is_one_sentence(run: Run, file: str, said: str) -> None:
    done = run("reference", "flights", file)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert said in line


def test_windows_are_held_against_earlier_ones(run: Run, tmp_path: Path) -> None:
    run("reference", "flights", "training.csv")
    said = run("reference", "flights", "--rolling", "28d")
    assert said.stdout == "Every window of flights is held against the 28d before it from now on.\n"
    said = run("reference", "flights", "--lag", "7d")
    assert said.stdout == "Every window of flights is held against the same span 7d earlier from now on.\n"
    db = Database(f"sqlite:///{tmp_path}/state.db")
    stored = references.active(db, "default", "flights")
    db.close()
    assert stored is not None
    assert (stored.moving, stored.provenance) == (Moving("lag", "7d"), {"source": "lag", "length": "7d"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["flights", "--lag", "soon"], "lag: 'soon' is no duration"),
        (["nobody", "--lag", "7d"], "no model 'nobody'"),
        (["flights"], "name one of FILE, --rolling and --lag"),
        (["flights", "training.csv", "--lag", "7d"], "name one of FILE, --rolling and --lag"),
    ],
)
def test_what_earlier_windows_cannot_be(run: Run, options: list[str], said: str) -> None:
    done = run("reference", *options)
    assert done.returncode != 0
    assert said in done.stderr
