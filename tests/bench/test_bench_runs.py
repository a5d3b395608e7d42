"""The benchmarks' harness. Their figures are no test's business."""

import subprocess
import sys

from bench.benchmarks import BENCHMARKS, Benchmark, Figure, Row, at_least, at_most
from bench.child import ROOT, Subject
from bench.report import as_json
from bench.turns import Result, measure

FIGURE = Figure("absent", "seconds", "s")


def test_the_list_names_every_row_and_measures_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = done.stdout.splitlines()
    assert len(listed) == sum(len(benchmark.rows) for benchmark in BENCHMARKS)
    for benchmark in BENCHMARKS:
        for row in benchmark.rows:
            assert any(line.startswith(benchmark.name) and row.what in line for line in listed)


def test_each_row_reads_subjects_of_its_own_benchmark():
    for benchmark in BENCHMARKS:
        names = {subject.name for subject in benchmark.subjects}
        for row in benchmark.rows:
            assert {figure.subject for figure in (row.ours, row.peer) if figure} <= names


def test_a_subject_that_fails_is_said_and_is_no_verdict():
    row = Row("nothing", FIGURE, None, at_most(1))
    told = []
    [result] = measure(Benchmark("none", (Subject("absent", "no_such_module"),), (row,)), 1, lambda *t: told.append(t))
    assert "no_such_module" in result.problem
    assert result.met is None
    assert as_json([result])[0]["ours"] is None
    assert told == [("absent", 0), ("absent", 1)]


def test_a_bar_is_met_on_its_own_side():
    def verdict(ratio: float, bar: object) -> bool | None:
        return Result(Row("x", FIGURE, None, bar), 1.0, None, ratio).met

    assert [verdict(r, at_least(10)) for r in (9.9, 10.0)] == [False, True]
    assert [verdict(r, at_most(0.4)) for r in (0.4, 0.41)] == [True, False]
    assert verdict(1.0, None) is None
