"""Groups that are to be treated alike: what windows and roll-ups say of each is what their rows say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import recall_score

from detectors import opportunity_gap
from kernel.clock import DAY_US, to_rfc3339
from kernel.windows import WindowSize
from store import models
from store.joined_columns import JoinedColumns
from store.models import Model
from store.predicted_shares import SUMS
from store.record_reads import RecordReader
from store.records import RecordLog
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

MONTH = (WindowSize("1mo"),)


def traffic_of(workspace: Any, messages: Any, **properties: Any) -> Traffic:
    declared = Model("m", "binary", min_rows=100, segments=("c", "gate"), **properties)
    models.declare(workspace.db, "default", declared, 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def of_groups(workspace: Any, metric: str, size: str = "1d") -> dict[tuple[str, str], Any]:
    found = workspace.measured(metric=metric, size=size, window_start_us=START_US)
    return {(m.version, m.segment): m for m in found}


def a_biased_day(day: int, positive: Any, negative: Any) -> list[dict]:
    rows = a_day(day)
    for place, row in enumerate(rows):
        row["version"], row["features"]["gate"] = str(1 + place % 2), "x"
        chosen = row["scores"]["late"] > (0.6 if row["features"]["c"] == "b" else 0.4)
        row["prediction"] = positive if chosen else negative
        row["truth"] = positive if row["truth"] == "late" else negative
        del row["scores"]
    return rows


@pytest.mark.parametrize(("positive", "negative"), [("late", "ok"), (1, 0)])
def test_each_group_is_held_against_the_rest_of_its_version(workspace, messages, positive, negative) -> None:
    traffic = traffic_of(workspace, messages, positive_class=str(positive), fairness=("c",), rollups=MONTH)
    days = [a_biased_day(day, positive, negative) for day in range(2)]
    for rows in days:
        traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()
    assert of_groups(workspace, "opportunity_gap") == {}
    traffic.send(LABELS, [label(row) | {"label": row["truth"]} for rows in days for row in rows])
    workspace.evaluator().step()
    for size, rows in (("1d", days[0]), ("1mo", days[0] + days[1])):
        parity, impact, gap = (
            of_groups(workspace, metric, size)
            for metric in ("parity_difference", "disparate_impact", "opportunity_gap")
        )
        assert parity.keys() == impact.keys() == gap.keys() == {(v, f"c={c}") for v in "12" for c in "abc"}
        for version, segment in parity:
            mine = [row for row in rows if row["version"] == version]
            group = np.array([f"c={row['features']['c']}" == segment for row in mine])
            said, truth = (np.array([row[side] == positive for row in mine]) for side in ("prediction", "truth"))
            share, other = said[group].mean(), said[~group].mean()
            assert parity[version, segment].value == pytest.approx(share - other)
            assert impact[version, segment].value == pytest.approx(share / other)
            recalls = [recall_score(truth[side], said[side]) for side in (group, ~group)]
            assert gap[version, segment].value == pytest.approx(recalls[0] - recalls[1])
        assert parity["1", "c=b"].upper < 0
        assert impact["1", "c=b"].upper < 1
        assert {m.status for of in (parity, impact, gap) for m in of.values()} == {"ok"}


def test_intervals_hold_for_the_declared_cluster_and_of_a_month_without_one_for_its_days(workspace, messages) -> None:
    chosen = {"positive_class": "late", "fairness": ("c",), "rollups": MONTH}
    traffic = traffic_of(workspace, messages, **chosen, cluster="customer")
    rng = np.random.default_rng(9)
    sent = []
    for day in range(31):
        rows = a_biased_day(day, "late", "ok")[::4]
        for row in rows:
            row |= {
                "version": "1",
                "tags": {"customer": f"k{rng.integers(0, 36)}"},
                "weight": float(rng.choice([1, 2])),
            }
        rows[0] |= {"prediction": None, "error": "ValueError"}
        traffic.send(PREDICTIONS, [*rows, *rows[:20]])
        sent += rows
    traffic.end()
    workspace.evaluator().step()
    first = [row for row in sent if row["id"].startswith("0-")]
    _hold_by(workspace, "1d", first, lambda row: row["tags"]["customer"])
    _hold_by(workspace, "1mo", sent, lambda row: row["tags"]["customer"])
    declared = models.one(workspace.db, "default", "m")
    models.declare(workspace.db, "default", replace(declared, cluster=""), 0)
    more = [row | {"id": f"new-{row['id']}"} for row in first]
    traffic.send(PREDICTIONS, more)  # so that both windows are measured again
    traffic.end()
    workspace.evaluator().step()
    assert {m.basis for m in of_groups(workspace, "parity_difference").values()} == {"iid"}
    _hold_by(workspace, "1mo", sent + more, lambda row: row["ts"][:10])


@pytest.mark.parametrize(("positive", "negative"), [("late", "ok"), (1, 0), (True, False), ("9" * 39, "ok")])
def test_what_predictions_add_up_to_is_what_their_rows_do(workspace, messages, positive, negative) -> None:
    traffic = traffic_of(workspace, messages)
    days = [a_biased_day(day, positive, negative)[:60] for day in range(2)]
    for rows in days:
        for place, row in enumerate(rows):
            row |= {"tags": {"customer": f"k{place % 7}"}, "weight": float(1 + place % 3)}
        rows[0] |= {"prediction": None, "error": "ValueError"}
        traffic.send(PREDICTIONS, [*rows, *rows[:20]])
    name = str(positive).lower() if isinstance(positive, bool) else str(positive)
    reader, span = (
        RecordReader(RecordLog(str(workspace.folder / "records")), "default"),
        (START_US, START_US + 2 * DAY_US),
    )
    more = JoinedColumns(["c"], {"cluster": "customer"})
    found = reader.predicted_shares("m", span, name, more).to_pylist()
    expected: dict[tuple, np.ndarray] = {}
    for row in (row for rows in days for row in rows if row["prediction"] is not None):
        key = row["version"], row["ts"][:10], row["tags"]["customer"], row["features"]["c"]
        hit, w = row["prediction"] == positive, row["weight"]
        expected[key] = expected.get(key, np.zeros(4)) + np.array([w, w * hit, w * w, w * w * hit])
    sums = {
        (row["version"], to_rfc3339(row["ts_us"])[:10], row["cluster"], row["feature.c"]): [row[name] for name in SUMS]
        for row in found
    }
    assert len(found) == len(sums)
    assert sums == {key: of.tolist() for key, of in expected.items()}


def _hold_by(workspace: Any, size: str, rows: list[dict], key: Callable[[dict], str]) -> None:
    """The intervals of predictions are those of the gap of opportunity of the same rows, by cluster."""
    parity, impact = (of_groups(workspace, metric, size) for metric in ("parity_difference", "disparate_impact"))
    assert parity
    for (version, segment), found in parity.items():
        mine = [row for row in rows if row["version"] == version and row["prediction"] is not None]
        group = np.array([f"c={row['features']['c']}" == segment for row in mine])
        said, weights = np.array([row["prediction"] == "late" for row in mine]), np.array([r["weight"] for r in mine])
        keys = np.unique([key(row) for row in mine], return_inverse=True)[1]
        same = opportunity_gap.estimate(said, group, weights, keys)
        assert (found.value, found.lower, found.upper) == pytest.approx((same.value, same.lower, same.upper))
        assert found.basis.startswith("cluster, design effect")
        assert impact[version, segment].basis.startswith("cluster, design effect")


def test_a_class_that_was_never_predicted_is_given_to_nobody(workspace, messages) -> None:
    traffic = traffic_of(workspace, messages, positive_class="cancelled", fairness=("c",))
    traffic.send(PREDICTIONS, a_biased_day(0, "late", "ok"))
    traffic.end()
    workspace.evaluator().step()
    assert {m.value for m in of_groups(workspace, "parity_difference").values()} == {0.0}
    assert {m.status for m in of_groups(workspace, "disparate_impact").values()} == {"insufficient"}


def test_segments_that_are_no_groups_are_held_against_nobody(workspace, messages) -> None:
    traffic = traffic_of(workspace, messages, positive_class="late")
    rows = a_biased_day(0, "late", "ok")
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(row) for row in rows])
    traffic.end()
    workspace.evaluator().step()
    assert workspace.measured(metric="recall", segment="c=a", window_start_us=START_US)
    for metric in ("parity_difference", "disparate_impact", "opportunity_gap"):
        assert workspace.measured(metric=metric) == []


def test_a_gap_is_provisional_until_all_labels_are_there(workspace, messages) -> None:
    traffic = traffic_of(workspace, messages, positive_class="late", fairness=("c",))
    days = [a_biased_day(day, "late", "ok") for day in range(12)]
    for rows in days:
        traffic.send(PREDICTIONS, rows)
    for day, rows in enumerate(days[:9]):
        traffic.send(LABELS, [label(row, day=day + 1 + place % 4) for place, row in enumerate(rows)])
    traffic.end()
    workspace.evaluator().step()
    found = workspace.measured(metric="opportunity_gap", version="1", segment="c=a")
    performance = workspace.measured(metric="recall", version="1", segment="c=a")
    states = {m.window_start_us: m.status for m in performance}
    assert {m.window_start_us: m.status for m in found} == {start: states[start] for start in states}
    assert states[START_US] == "ok"
    assert states[START_US + 8 * DAY_US] == "provisional"
    corrected = workspace.measured(metric="corrected_opportunity_gap", version="1", segment="c=a")
    assert {m.window_start_us for m in corrected} == states.keys()
    gaps = {m.window_start_us: m.value for m in found}
    told = {m.window_start_us: m.value for m in corrected}
    assert told[START_US] == pytest.approx(gaps[START_US])  # all labels are there
