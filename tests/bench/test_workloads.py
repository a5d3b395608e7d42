"""Every workload that needs no broker runs, in its smallest form, and reports the figures that the table reads.

As the benchmarks themselves run them: each in a process and an environment of its own. What the figures are is no test's business.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from bench.benchmarks import BENCHMARKS, Benchmark
from bench.child import ROOT, Subject, run
from bench.size import SMALL, VARIABLE

ON_KAFKA = {"kafka-arrow", "kafka-json", "ingest-processes"}
TOO_LARGE = {"embeddings"}  # for its peer; ours is run alone
# They take longer than all the rest: of each one of ours is run alone, and make test-long runs them whole.
HEAVY = {"drift", "cbpe", "ingest-models"}
HERE = [benchmark for benchmark in BENCHMARKS if benchmark.name not in ON_KAFKA | TOO_LARGE]
QUICK = [benchmark for benchmark in HERE if benchmark.name not in HEAVY]
LONG = [benchmark for benchmark in HERE if benchmark.name in HEAVY]
WORKLOADS = ROOT / "bench" / "workloads"
BESIDE_THE_TABLE = {"ingest_small", "ingest_fill", "label_fill"}  # run by hand, and before a log is read
FOR_KAFKA = {"ingest_processes"}
Rows = dict[str, list[dict[str, Any]]]


def _rows(benchmarks: Sequence[Benchmark]) -> list[str]:
    return list(dict.fromkeys(row.what for benchmark in benchmarks for row in benchmark.rows))


@pytest.fixture(scope="module")
def quick() -> Rows:
    return _one_round(QUICK)


@pytest.fixture(scope="module")
def long() -> Rows:
    return _one_round(LONG)


def _one_round(benchmarks: Sequence[Benchmark]) -> Rows:
    """The rows of one round, by what they are about."""
    only = [word for benchmark in benchmarks for word in ("--only", benchmark.name)]
    output = _small("-m", "bench", "--rounds", "1", "--json", *only)
    found: Rows = {}
    for row in json.loads(output):
        found.setdefault(row["what"], []).append(row)
    return found


def _small(*words: str) -> str:
    environment = os.environ | {VARIABLE: SMALL, "PYTHONPATH": str(ROOT / "client")}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return done.stdout


@pytest.mark.parametrize("what", _rows(QUICK))
def test_a_row_of_the_table_has_its_figures(what, quick) -> None:
    _look_at(quick[what])


@pytest.mark.long
@pytest.mark.parametrize("what", _rows(LONG))
def test_a_row_of_a_heavy_one_has_its_figures(what, long) -> None:
    _look_at(long[what])


def _look_at(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if "cannot be installed" in (row["problem"] or ""):
            pytest.skip(row["problem"])
        assert row["problem"] is None
        assert row["ours"] > 0
        assert row["peer"] is None or row["peer_value"] > 0


def test_every_workload_is_run() -> None:
    used = {subject.module for benchmark in BENCHMARKS for subject in benchmark.subjects}
    assert {path.stem for path in WORKLOADS.glob("[!_]*.py")} == used | BESIDE_THE_TABLE
    assert {subject.module for b in HERE for subject in b.subjects} == used - FOR_KAFKA - {
        "embeddings",
        "embeddings_alibi",
    }


@pytest.mark.parametrize(
    ("module", "arguments"), [("drift_driftglass", ()), ("cbpe_driftglass", ()), ("ingest_models", ("2", "1"))]
)
def test_ours_of_a_heavy_one_is_measured(module, arguments, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, SMALL)
    assert min(run(Subject("ours", module, arguments=arguments)).values()) > 0


@pytest.mark.parametrize("records", ["good", "bad"])
def test_the_smallest_records_are_measured(records, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, SMALL)
    found = run(Subject("small", "ingest_small", arguments=(records,)))
    assert min(found["records_a_flush"], found["us_a_record"]) > 0


@pytest.mark.parametrize("basis", ["pairs", "features"])
def test_embeddings_are_measured(basis) -> None:
    found = run(Subject("small", "embeddings", arguments=(basis, "600", "20")))
    assert found["cpu_seconds"] > 0


def test_a_shadow_is_replayed_beside_its_model_alone() -> None:
    rows = [json.loads(line) for line in _small("-W", "ignore", "-m", "bench.shadow_replay").splitlines()]
    assert [row["model"] for row in rows] == ["trees", "trees", "logistic"]
    assert all(row["ratio"] > 0 for row in rows)
