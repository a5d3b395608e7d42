"""A plan of labels, and what the labels say that are sent with its weights."""

from dataclasses import replace

import numpy as np
import pytest

from api import label_planning
from api.label_planning import Asked, plan_labels, requests
from kernel.clock import DAY_US
from kernel.errors import ContractError, NotFoundError
from store import models
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

ROWS, COUNT = 3_000, 600


@pytest.fixture
def day(workspace, messages) -> list[dict]:
    """A day without labels but for its first 20."""
    models.declare(workspace.db, "default", replace(Model("m"), task="binary", positive_class="late"), 0)
    rows = a_day(0, rows=ROWS)
    rng = np.random.default_rng(4)
    for row, late in zip(rows, rng.beta(0.4, 1.6, ROWS).tolist(), strict=True):  # mostly sure, and as sure as right
        row |= {"scores": {"late": late, "ok": 1 - late}, "prediction": "late" if late > 0.5 else "ok"}
        row["truth"] = "late" if rng.random() < late else "ok"
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(row) for row in rows[:20]])
    traffic.end()
    workspace.traffic = traffic
    return rows


def planned(workspace, asked: Asked):
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    return plan_labels(workspace.db, "default", reader, "m", asked)


def test_predictions_that_have_a_label_are_not_asked_for_and_unsure_ones_most(day, workspace) -> None:
    found = planned(workspace, Asked(COUNT))
    asked = [request["id"] for request in requests("m", found)]
    assert found.candidates == ROWS - 20
    assert len(asked) == len(set(asked)) == COUNT
    assert not {*asked} & {row["id"] for row in day[:20]}
    sure = {row["id"]: abs(row["scores"]["late"] - 0.5) for row in day}
    assert np.mean([sure[name] for name in asked]) < 0.85 * np.mean(list(sure.values()))
    assert found.plan.width < found.plan.width_by_chance


def test_labels_with_the_weights_of_the_plan_tell_how_often_the_model_is_wrong(day, workspace) -> None:
    found = planned(workspace, Asked(COUNT))
    by_id = {row["id"]: row for row in day}
    for request in requests("m", found):
        row = by_id[request["id"]]
        assert (request["ts"], request["prediction"]) == (row["ts"], row["prediction"])
    labels = [label(by_id[request["id"]]) | {"weight": request["weight"]} for request in requests("m", found)]
    workspace.traffic.send(LABELS, labels)
    workspace.evaluator().step()
    (accuracy,) = workspace.measured(metric="accuracy", size="1d", segment="")
    first = [(row["prediction"] == row["truth"], 1.0) for row in day[:20]]
    chosen = [(by_id[x["id"]]["prediction"] == by_id[x["id"]]["truth"], x["weight"]) for x in labels]
    right, weights = zip(*first, *chosen, strict=True)
    assert accuracy.value == pytest.approx(np.average(right, weights=weights))
    truth = np.mean([row["prediction"] == row["truth"] for row in day])
    assert abs(accuracy.value - truth) < 2 * found.plan.width
    unweighted = np.mean(right)
    assert unweighted < truth - 0.02  # the unsure ones alone would say that it does badly


def test_of_many_predictions_a_sample_is_looked_at_the_same_one_every_time(day, workspace, monkeypatch) -> None:
    whole = planned(workspace, Asked(100))
    assert (whole.share, whole.candidates) == (1.0, ROWS - 20)
    monkeypatch.setattr(label_planning, "_MOST_ROWS", 500)
    found = planned(workspace, Asked(100))
    assert found.share == pytest.approx(500 / (ROWS - 20))
    assert 420 < found.candidates < 580
    assert requests("m", found) == requests("m", planned(workspace, Asked(100)))
    assert sum(row["weight"] for row in requests("m", found)) == pytest.approx(ROWS, rel=0.35)  # they stand for all


def test_what_is_read_of_many_predictions_has_a_bound(day, workspace) -> None:
    workspace.traffic.send(PREDICTIONS, day[:1_000])  # again, an hour later or not: it is the same prediction
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    span = (START_US, START_US + DAY_US)
    every = reader.unlabelled("m", span, "", 10**6)
    assert every.rows["id"].to_pylist() == [row["id"] for row in day[20:]]
    some = reader.unlabelled("m", span, "", 300)
    assert some.rows.num_rows < 400
    assert {*some.rows["id"].to_pylist()} < {*every.rows["id"].to_pylist()}
    assert reader.unlabelled("m", span, "9", 300).rows.num_rows == 0


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (Asked(5, start_us=START_US - 9 * DAY_US, end_us=START_US), NotFoundError, "no prediction with scores"),
        (Asked(5, version="9"), NotFoundError, "no prediction with scores"),
        (Asked(5, start_us=START_US, end_us=START_US), ContractError, "later than start"),
    ],
)
def test_where_nothing_can_be_chosen_the_reason_is_told(day, workspace, asked, error, said) -> None:
    with pytest.raises(error, match=said):
        planned(workspace, asked)


def test_a_regression_has_no_wrong_predictions(day, workspace) -> None:
    models.declare(workspace.db, "default", replace(Model("m"), task="regression"), 0)
    with pytest.raises(ContractError, match="planned for classes"):
        planned(workspace, Asked(5, start_us=START_US, end_us=START_US + DAY_US))
