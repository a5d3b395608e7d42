"""A run from the queue to its verdict, over a real record log, with real ONNX models."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from sklearn import metrics
from sklearn.pipeline import Pipeline

from kernel.clock import DAY_US, SystemClock
from kernel.errors import ContractError, NotFoundError, UnavailableError
from kernel.profile import Kind
from shadow.runner import ShadowRunner, submit
from shadow.settings import ShadowSettings
from shadow.spec import Bars, RunSpec
from store import columns, models, shadow_runs, shadow_view
from store.columns import Column
from store.database import Database
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from store.shadow_view import ShadowRun

WORKSPACE = "acme"
Do = Callable[..., ShadowRun]


@pytest.fixture
def do(db: Database, reader: RecordReader) -> Do:
    """Queues a run, lets a runner do it, and reads it as the dashboard does."""

    def run(spec: RunSpec, **settings: Any) -> ShadowRun:
        name = submit(db, WORKSPACE, spec, 1)
        runner = ShadowRunner(db, reader, WORKSPACE, SystemClock(), ShadowSettings(**settings), "tests")
        assert runner.step() == 1
        assert runner.step() == 0
        return shadow_view.run(db, WORKSPACE, name)

    return run


def spec_of(path: Path, traffic: Any, **changes: Any) -> RunSpec:
    wanted = RunSpec(
        model="flight-delay", version="1", candidate="strong", path=str(path), start_us=traffic.start_us,
        end_us=traffic.end_us, positive_class="late",
    )  # fmt: skip
    return replace(wanted, **changes)


def test_a_better_candidate_is_promoted_and_its_numbers_are_scikit_learns(
    do: Do, record: Any, candidates: dict[str, Path], trained: dict[str, Pipeline]
) -> None:
    traffic = record("weak")
    frame = traffic.frame
    found = do(spec_of(candidates["strong"], traffic), batch_rows=100, slice_days=7)
    assert (found.state, found.verdict, found.error) == ("done", "promote", "")
    assert "Accuracy rises" in found.reasons[0]
    assert "2,400 labelled rows of 40 days" in found.reasons[0]

    rows = frame[["dep_delay", "distance", "carrier"]]
    candidate, scores = trained["strong"].predict(rows), trained["strong"].predict_proba(rows)[:, 0]
    comparison = found.comparison
    assert comparison is not None
    assert (comparison.rows, comparison.labels, comparison.label_coverage) == (traffic.rows, traffic.rows, 1.0)
    assert comparison.agreement == pytest.approx((frame["champion"] == candidate).mean())
    assert comparison.kappa == pytest.approx(metrics.cohen_kappa_score(frame["champion"], candidate))
    assert comparison.classes == ("late", "on_time")
    np.testing.assert_array_equal(comparison.churn, metrics.confusion_matrix(frame["champion"], candidate))
    deltas = {delta.metric: delta for delta in comparison.metrics}
    truth = frame["label"]
    for name, champion, other in (
        ("accuracy", metrics.accuracy_score(truth, frame["champion"]), metrics.accuracy_score(truth, candidate)),
        ("f1", *(metrics.f1_score(truth, p, pos_label="late") for p in (frame["champion"], candidate))),
        ("roc_auc", *(metrics.roc_auc_score(truth == "late", s) for s in (frame["score.late"], scores))),
        ("log_loss", *(metrics.log_loss(truth == "late", s) for s in (frame["score.late"], scores))),
    ):
        assert deltas[name].champion == pytest.approx(champion, abs=1e-6), name
        assert deltas[name].candidate == pytest.approx(other, abs=1e-6), name
    assert comparison.champion_latency.p90 == np.quantile(frame["latency_ms"], 0.9, method="inverted_cdf")
    assert 0 < (comparison.candidate_latency.p50 or 0) <= (comparison.candidate_latency.p99 or 0)


def test_a_worse_candidate_is_rejected(do: Do, record: Any, candidates: dict[str, Path]) -> None:
    traffic = record("strong")
    found = do(spec_of(candidates["weak"], traffic, candidate="weak"))
    assert found.verdict == "reject"
    assert "Accuracy falls" in found.reasons[0]


def test_the_same_model_again_is_held(do: Do, record: Any, candidates: dict[str, Path]) -> None:
    traffic = record("strong")
    found = do(spec_of(candidates["strong"], traffic))
    assert found.verdict == "hold"
    assert found.reasons[-1] == "It is no worse than the margin of 0.01, but no metric gains either."
    assert found.comparison is not None
    assert found.comparison.agreement == 1.0
    assert all(delta.difference == pytest.approx(0, abs=1e-6) for delta in found.comparison.metrics)


def test_without_labels_it_is_held(do: Do, record: Any, candidates: dict[str, Path]) -> None:
    traffic = record("weak", labelled=0.0)
    found = do(spec_of(candidates["strong"], traffic))
    assert found.verdict == "hold"
    assert found.reasons[0] == "Only 0 of them have a label; 500 are needed."
    assert found.comparison is not None
    assert (found.comparison.labels, found.comparison.metrics, found.comparison.mcnemar) == (0, (), None)
    assert found.comparison.agreement is not None


def test_late_labels_count_by_id(do: Do, record: Any, candidates: dict[str, Path]) -> None:
    traffic = record("weak", labelled=0.5)
    found = do(spec_of(candidates["strong"], traffic), slice_days=3)
    assert found.comparison is not None
    assert (found.comparison.labels, found.comparison.label_coverage) == (traffic.rows // 2, 0.5)
    assert found.reasons == ("Only 20 days have labels; 30 are needed.",)


def test_only_the_version_and_the_span_that_were_asked_for(do: Do, record: Any, candidates: dict[str, Path]) -> None:
    traffic = record("weak", version="1")
    record("strong", version="2")
    part = do(spec_of(candidates["strong"], traffic, version="2", end_us=traffic.start_us + DAY_US))
    assert part.comparison is not None
    assert part.comparison.rows == 60
    assert part.comparison.agreement == 1.0
    everything = do(spec_of(candidates["strong"], traffic, version=""))
    assert everything.comparison is not None
    assert everything.comparison.rows == 2 * traffic.rows


def test_a_missing_file_is_one_sentence(do: Do, record: Any, tmp_path: Path) -> None:
    found = do(spec_of(tmp_path / "none.onnx", record()))
    assert (found.state, found.verdict) == ("failed", "")
    assert (
        found.error == f"there is no candidate at {tmp_path}/none.onnx: export the model to ONNX, or correct the path"
    )


def test_a_feature_that_was_never_recorded_is_named(do: Do, record: Any, candidates: dict[str, Path]) -> None:
    path, other = candidates["weak"], spec_of(candidates["weak"], record(), features=("arr_delay",))
    assert path.exists()
    found = do(other)
    assert found.state == "failed"
    assert "recorded no 'arr_delay' in this span" in found.error


def test_a_feature_is_read_from_where_the_registry_says(
    db: Database, do: Do, record: Any, candidates: dict[str, Path]
) -> None:
    traffic = record("weak", as_text=["dep_delay"])
    columns.add(db, WORKSPACE, {"flight-delay": [Column("feature.dep_delay", Kind.CATEGORICAL)]})
    found = do(spec_of(candidates["weak"], traffic))
    assert found.comparison is not None
    assert found.comparison.agreement == 1.0


def test_the_models_positive_class_is_taken(db: Database, do: Do, record: Any, candidates: dict[str, Path]) -> None:
    traffic = record("weak")
    models.declare(db, WORKSPACE, Model("flight-delay", positive_class="on_time"), 1)
    found = do(spec_of(candidates["strong"], traffic, positive_class=""))
    assert found.comparison is not None
    recall = next(delta for delta in found.comparison.metrics if delta.metric == "recall")
    frame = traffic.frame
    theirs = metrics.recall_score(frame["label"], frame["champion"], pos_label="on_time")
    assert recall.champion == pytest.approx(theirs)


def test_an_empty_span_fails_with_a_sentence(do: Do, record: Any, candidates: dict[str, Path]) -> None:
    traffic = record()
    found = do(spec_of(candidates["weak"], traffic, start_us=traffic.end_us, end_us=traffic.end_us + DAY_US))
    assert (found.state, found.error) == ("failed", "flight-delay, version 1 recorded no predictions in this span")


def test_a_candidate_that_breaks_is_rejected(do: Do, record: Any, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(_indexing_out_of_range())
    found = do(spec_of(path, record(), features=("dep_delay",), classes=("late", "on_time")))
    assert found.verdict == "reject"
    assert found.reasons[0] == "The candidate gave no prediction for 2,400 of 2,400 rows."
    assert "out of data bounds" in found.reasons[1]


def test_a_crashed_runner_is_taken_over_and_cannot_write(
    db: Database, reader: RecordReader, record: Any, candidates: dict[str, Path], wait_until: Callable[..., object]
) -> None:
    name = submit(db, WORKSPACE, spec_of(candidates["strong"], record("weak")), 1)
    crashed = shadow_runs.claim(db, WORKSPACE, "crashed", 0.3, 1)
    assert crashed is not None
    runner = ShadowRunner(db, reader, WORKSPACE, SystemClock(), ShadowSettings(), "second")
    assert runner.step() == 0
    wait_until(lambda: runner.step() == 1)
    assert not shadow_runs.finish(db, WORKSPACE, crashed, {"rows": 0}, "reject", ["late"], 2)
    done = shadow_runs.one(db, WORKSPACE, name)
    assert (done.state, done.verdict, done.owner) == ("done", "promote", "second")


def test_a_runner_that_lost_its_lease_drops_its_work(
    db: Database, log: RecordLog, reader: RecordReader, record: Any, candidates: dict[str, Path]
) -> None:
    class Stalling(RecordReader):
        """While this runner reads, its lease runs out and another claims the run."""

        def predictions(self, *args: Any, **kwargs: Any) -> Iterable[Any]:
            while (taken := shadow_runs.claim(db, WORKSPACE, "other", 60, 1)) is None:
                pass
            assert taken.run == name
            return reader.predictions(*args, **kwargs)

    name = submit(db, WORKSPACE, spec_of(candidates["strong"], record("weak")), 1)
    stalled = ShadowRunner(
        db, Stalling(log, WORKSPACE), WORKSPACE, SystemClock(), ShadowSettings(lease_s=0.05), "stalled"
    )
    assert stalled.step() == 0
    assert (shadow_runs.one(db, WORKSPACE, name).state, shadow_runs.one(db, WORKSPACE, name).owner) == (
        "running",
        "other",
    )


def test_a_run_is_queued_again_when_the_record_log_is_away(
    db: Database, record: Any, candidates: dict[str, Path], tmp_path: Path
) -> None:
    name = submit(db, WORKSPACE, spec_of(candidates["strong"], record("weak")), 1)
    commits = tmp_path / "records" / WORKSPACE / "predictions" / "_delta_log"
    (commits / f"{0:020}.json").write_text("no commit")
    afresh = RecordReader(RecordLog(str(tmp_path / "records")), WORKSPACE)
    runner = ShadowRunner(db, afresh, WORKSPACE, SystemClock(), ShadowSettings(), "tests")
    with pytest.raises(UnavailableError):
        runner.step()
    assert shadow_runs.one(db, WORKSPACE, name).state == "queued"


def test_a_spec_that_cannot_be_read_fails_its_run(db: Database, reader: RecordReader) -> None:
    new = shadow_runs.NewRun("flight-delay", "1", "strong", {"model": "flight-delay"})
    name = shadow_runs.create(db, WORKSPACE, new, 1)
    assert ShadowRunner(db, reader, WORKSPACE, SystemClock(), ShadowSettings(), "tests").step() == 1
    assert "missing required field" in shadow_runs.one(db, WORKSPACE, name).error


def test_the_result_is_plain_json(db: Database, do: Do, record: Any, candidates: dict[str, Path]) -> None:
    run = do(spec_of(candidates["strong"], record("weak"), bars=Bars(min_rows=1)))
    stored = shadow_runs.one(db, WORKSPACE, run.run)
    assert json.loads(json.dumps(stored.result, allow_nan=False))["replay"]["rows_per_s"] > 0
    assert [r.run for r in shadow_runs.listing(db, WORKSPACE, "flight-delay")] == [run.run]
    assert shadow_runs.listing(db, WORKSPACE, "another") == []
    with pytest.raises(NotFoundError):
        shadow_runs.one(db, "elsewhere", run.run)


def test_a_span_must_not_be_empty() -> None:
    with pytest.raises(ContractError, match="end_us"):
        RunSpec(model="m", candidate="c", path="p", start_us=5, end_us=5)


def _indexing_out_of_range() -> bytes:
    """A model that looks its input up in a table of one row."""
    helper, kind = onnx.helper, onnx.TensorProto
    table = helper.make_tensor("table", kind.FLOAT, [1, 2], [0.5, 0.5])
    shift = helper.make_tensor("shift", kind.INT64, [1], [7])
    nodes = [
        helper.make_node("Cast", ["dep_delay"], ["whole"], to=kind.INT64),
        helper.make_node("Mul", ["whole", "zero"], ["none"]),
        helper.make_node("Add", ["none", "shift"], ["place"]),
        helper.make_node("Gather", ["table", "place"], ["looked_up"]),
        helper.make_node("Reshape", ["looked_up", "shape"], ["probabilities"]),
    ]
    constants = [
        table,
        shift,
        helper.make_tensor("zero", kind.INT64, [1], [0]),
        helper.make_tensor("shape", kind.INT64, [2], [-1, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        "broken",
        [helper.make_tensor_value_info("dep_delay", kind.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", kind.FLOAT, [None, 2])],
        constants,
    )
    model: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return model
