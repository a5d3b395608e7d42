"""A segment is held against the reference's rows of that segment: what sets segments apart from each other is no drift."""

from dataclasses import replace

import pytest

from kernel.clock import DAY_US
from kernel.profiling import Limits
from store import models, references
from store.models import Model
from testing.measured_days import PREDICTIONS, START_US, Traffic, a_day

LEVELS = {"a": 0.0, "b": 5.0, "c": 9.0, "new": 5.0}


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", Model("m", segments=("c",), min_rows=100), 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def day(number: int, **moved: float) -> list[dict]:
    """A day on which x follows the segment feature c; `moved` adds to x in a segment."""
    rows = a_day(number, rows=900)
    for row in rows:
        features = row["features"]
        features["x"] += LEVELS[features["c"]] + moved.get(features["c"], 0.0)
        features["twin"] = "like " + features["c"]
    return rows


def statuses(workspace, number: int, **wanted) -> dict[tuple[str, str], set[str]]:
    """What was said of a day, by segment and column."""
    found: dict[tuple[str, str], set[str]] = {}
    for m in workspace.measured(size="1d", window_start_us=START_US + number * DAY_US, **wanted):
        if m.column:
            found.setdefault((m.segment, m.column), set()).add(m.status)
    return found


def test_segments_that_differ_from_each_other_are_no_drift(traffic, workspace) -> None:
    for number in (0, 1):
        traffic.send(PREDICTIONS, day(number))
    traffic.end()
    workspace.evaluator().step()
    found = statuses(workspace, 1)
    assert {segment for segment, _ in found} == {"", "c=a", "c=b", "c=c"}
    assert {key: said for key, said in found.items() if said != {"ok"}} == {}
    assert {column for segment, column in found if segment == "c=a"} >= {"x", "twin", "prediction", "score.late"}
    assert set().union(*(said for _, said in statuses(workspace, 0).items())) == {"provisional"}


def test_a_shift_in_one_segment_is_drift_in_that_one(traffic, workspace) -> None:
    for number, moved in ((0, {}), (1, {"b": 2.0})):
        traffic.send(PREDICTIONS, day(number, **moved))
    traffic.end()
    workspace.evaluator().step()
    found = statuses(workspace, 1, metric="psi")
    assert [key for key, said in found.items() if said == {"drift"} and key[0]] == [("c=b", "x")]


def test_the_feature_that_makes_a_segment_is_not_tested_within_it(traffic, workspace) -> None:
    for number in (0, 1):
        traffic.send(PREDICTIONS, day(number))
    traffic.end()
    workspace.evaluator().step()
    assert {m.segment for m in workspace.measured(column="c")} == {""}


def test_of_a_segment_that_the_reference_lacks_nothing_is_said_and_why(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, day(0))
    rows = day(1)
    for row in rows[:400]:
        row["features"] |= {"c": "new", "x": 50.0}
    traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()
    of_new = workspace.measured(segment="c=new")
    columns = [m for m in of_new if m.column]
    assert {(m.column, m.metric) for m in columns} >= {("x", "psi"), ("prediction", "psi")}
    assert {m.status for m in columns} == {"insufficient"}
    assert {m.basis for m in columns} == {"the reference has no row of this segment"}
    assert {m.metric: m.status for m in of_new if not m.column}["rows"] == "ok"


def test_a_reference_put_without_segments_has_none(traffic, workspace) -> None:
    for number in (0, 1):
        traffic.send(PREDICTIONS, day(number))
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    provisional = references.active(workspace.db, "default", "m")
    assert references.of_segments(workspace.db, "default", "m", provisional.name, ["c=b", "c=z"]).keys() == {"c=b"}
    references.put(workspace.db, "default", "m", provisional.profile, {}, {}, 0)
    worker.step()
    found = statuses(workspace, 1, metric="psi")
    assert {said for (segment, _), of in found.items() if segment for said in of} == {"insufficient"}
    assert {said for (segment, _), of in found.items() if not segment for said in of} == {"ok"}


@pytest.mark.parametrize("limit", [50, 2])
def test_the_rest_of_a_segment_feature_is_tested_by_it(traffic, workspace, limit) -> None:
    """What is past the limit shares a segment, in which the feature has many values."""
    models.declare(workspace.db, "default", replace(Model("m"), segments=("c",), min_rows=100), 0)
    traffic.sink._folder._limits = Limits(segments=limit)
    for number in (0, 1):
        traffic.send(PREDICTIONS, day(number))
    traffic.end()
    workspace.evaluator().step()
    assert {m.segment for m in workspace.measured(column="c")} == ({""} if limit == 50 else {"", "c=other"})
