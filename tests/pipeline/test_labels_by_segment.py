"""What labels say of each version and segment, in windows and roll-ups; by a declared cluster, and of ranked lists."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, brier_score_loss, ndcg_score

from api.reference_building import Place, Sent, from_log, from_rows, make
from driftglass_client.wire import CONTENT_JSON
from kernel.clock import DAY_US
from kernel.profiling import Limits
from kernel.windows import WindowSize
from store import models, references
from store.models import Model, Ranking
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.message import Message, Partition
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

MONTH = (WindowSize("1mo"),)


@pytest.fixture
def declared(workspace, messages) -> Any:
    """A model with these properties, and what it takes in."""

    def declare(**properties: Any) -> Traffic:
        models.declare(workspace.db, "default", Model("m", min_rows=100, **properties), 0)
        return Traffic(workspace.sink(), workspace.clock, messages)

    return declare


def mistaken(rows: list[dict], segment: str, share: float = 0.5) -> list[dict]:
    """The labels of some rows; in one segment this share of them is turned round."""
    rng = np.random.default_rng(4)
    turned = [r["features"]["c"] == segment and rng.random() < share for r in rows]
    return [
        label(r, {"late": "ok", "ok": "late"}[r["truth"]] if t else None, day=40)
        for r, t in zip(rows, turned, strict=True)
    ]


def by_series(workspace: Any, metric: str, size: str = "1d", day: int = 0) -> dict[tuple[str, str], Any]:
    start_us = START_US + day * DAY_US
    found = workspace.measured(metric=metric, size=size, window_start_us=start_us)
    return {(m.version, m.segment): m for m in found}


def test_every_version_and_segment_has_the_batch_answer_in_windows_and_roll_ups(declared, workspace) -> None:
    traffic = declared(task="binary", positive_class="late", segments=("c", "flag", "gate"), rollups=MONTH)
    days = [a_day(0), a_day(1)]
    for row in (row for rows in days for row in rows):
        row["version"] = "2" if row["features"]["x"] > 0 else "1"
        row["features"] |= {"flag": row["features"]["x"] > 1, "gate": int(row["features"]["x"] > 0.5)}
    labels = [label for rows in days for label in mistaken(rows, "b")]
    for rows in days:
        traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, labels)
    traffic.end()
    workspace.evaluator().step()
    said = {one["id"]: one["label"] for one in labels}
    for size, rows in (("1d", days[0]), ("1mo", days[0] + days[1])):
        accuracy, area, brier = (by_series(workspace, metric, size) for metric in ("accuracy", "pr_auc", "brier"))
        named = "", "c=a", "c=b", "c=c", "flag=false", "flag=true", "gate=0", "gate=1"
        assert accuracy.keys() == {(v, s) for v in "12" for s in named} - {("1", "flag=true"), ("1", "gate=1")}
        for version, segment in accuracy:
            mine = [r for r in rows if r["version"] == version and of_segment(r, segment)]
            truth = np.array([said[r["id"]] for r in mine])
            score = [r["scores"]["late"] for r in mine]
            key = version, segment
            assert accuracy[key].value == pytest.approx(accuracy_score(truth, [r["prediction"] for r in mine]))
            assert area[key].value == pytest.approx(average_precision_score(truth == "late", score))
            assert brier[key].value == pytest.approx(brier_score_loss(truth == "late", score))
            assert accuracy[key].rows == len(mine)


def of_segment(row: dict, segment: str) -> bool:
    name, _, value = segment.partition("=")
    return not name or str(row["features"][name]).lower() == value


def test_the_rest_of_a_segment_feature_has_the_batch_answer_too(declared, workspace) -> None:
    traffic = declared(task="binary", positive_class="late", segments=("c",))
    traffic.sink._folder._limits = Limits(segments=1)
    rows = a_day(0)
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(row) for row in rows])
    traffic.end()
    workspace.evaluator().step()
    found = by_series(workspace, "accuracy")
    (told_apart,) = {segment for _, segment in found} - {"", "c=other"}
    rest = [row for row in rows if not of_segment(row, told_apart)]
    expected = accuracy_score([row["truth"] for row in rest], [row["prediction"] for row in rest])
    assert (found["1", "c=other"].value, found["1", "c=other"].rows) == (pytest.approx(expected), len(rest))


def test_texts_that_read_like_booleans_are_texts_and_booleans_are_named_in_every_form(declared, workspace) -> None:
    """ "true" is told apart, "1" is one of the rest; a boolean comes as one, as a text and as a number."""
    traffic = declared(task="binary", positive_class="late", segments=("c", "flag"))
    traffic.sink._folder._limits = Limits(segments=1)
    rows = a_day(0)
    for place, row in enumerate(rows):
        text = "true" if place < 100 else ["true", "1", "0", "false"][place % 4]
        flag = place % 3 == 0
        row["features"] = {"c": text, "flag": flag if place < 300 else str(flag).lower() if place < 450 else int(flag)}
    for some in (rows[:100], rows[100:300], rows[300:450], rows[450:]):
        traffic.send(PREDICTIONS, some)
    traffic.send(LABELS, [label(row) for row in rows])
    traffic.end()
    place = Place(workspace.db, "default", workspace.clock, 1)
    make(place, "m", lambda: from_rows(place, "m", sent([row | {"label": row["truth"]} for row in rows]), "k"))
    workspace.evaluator().step()
    expected = {
        "": rows,
        "c=true": [row for row in rows if row["features"]["c"] == "true"],
        "c=other": [row for row in rows if row["features"]["c"] != "true"],
        "flag=true": rows[::3],
        "flag=false": [row for place, row in enumerate(rows) if place % 3],
    }
    found = {segment: (m.value, m.rows, m.expected) for (_, segment), m in by_series(workspace, "accuracy").items()}
    right = {name: np.mean([row["truth"] == row["prediction"] for row in of]) for name, of in expected.items()}
    assert found == {
        name: (pytest.approx(right[name]), len(of), pytest.approx(right[name])) for name, of in expected.items()
    }


def test_a_segment_is_held_against_the_references_own(declared, workspace) -> None:
    traffic = declared(task="binary", positive_class="late", segments=("c",), rollups=MONTH)
    reference = [row | {"label": row["truth"]} for row in a_day(0, rows=3_000, seed=1)]
    for row in reference:
        row["label"] = "late" if row["features"]["c"] == "a" else row["label"]  # in which the model is bad, as ever
    rows = [row for day in range(31) for row in a_day(day, rows=150)]
    for row in rows:
        row["features"]["c"] = "new" if row["features"]["x"] > 1.5 else row["features"]["c"]
        row["truth"] = "late" if row["features"]["c"] == "a" else row["truth"]
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, mistaken(rows, "b", share=0.4))
    traffic.end()
    place = Place(workspace.db, "default", workspace.clock, 50)
    make(place, "m", lambda: from_rows(place, "m", sent(reference), "k"))
    workspace.evaluator().step()
    month = by_series(workspace, "accuracy", "1mo")
    assert {segment: m.status for (_, segment), m in month.items()} == {
        "": "degraded", "c=a": "ok", "c=b": "degraded", "c=c": "ok", "c=new": "ok",
    }  # fmt: skip
    of_a = [r for r in reference if r["features"]["c"] == "a"]
    right = accuracy_score([r["label"] for r in of_a], [r["prediction"] for r in of_a])
    assert (month["1", "c=a"].expected, month["1", "c=a"].reference_rows) == (pytest.approx(right), len(of_a))
    assert (month["1", "c=new"].expected, month["1", "c=new"].reference_rows) == (None, None)
    assert month["1", "c=b"].basis.startswith("cluster, design effect ")
    drift = {m.segment for m in workspace.measured(metric="psi", column="label", size="1mo")}
    assert drift == {"", "c=a", "c=b", "c=c"}


def sent(rows: list[dict]) -> Sent:
    body = json.dumps(rows).encode()
    return Sent([Message(Partition("", 0), 0, body, CONTENT_JSON, {}, START_US + DAY_US)], {"source": "rows"})


def test_a_reference_from_the_record_log_has_its_segments_too(declared, workspace) -> None:
    traffic = declared(task="binary", positive_class="late", segments=("c",), cluster="customer")
    rows = a_day(0)
    for place, row in enumerate(rows):
        row["tags"] = {"customer": f"customer {place % 50}"}
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(row) for row in rows])
    traffic.end()
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    place = Place(workspace.db, "default", workspace.clock, 50)
    make(place, "m", lambda: from_log(place, "m", reader, START_US, START_US + DAY_US))
    workspace.evaluator().step()
    for (_, segment), found in by_series(workspace, "accuracy").items():
        assert found.value == found.expected, segment
        assert found.basis.startswith("cluster, design effect "), segment
    assert references.active(workspace.db, "default", "m").performance["accuracy"]["rows"] == 600


@pytest.mark.parametrize("where", ["tags", "features"])
def test_errors_cluster_by_the_declared_key_within_a_day(declared, workspace, where) -> None:
    """Everything that a customer gets is right or wrong together, which one day's rows would not tell."""
    traffic = declared(task="binary", positive_class="late", cluster="customer")
    rows = a_day(0)
    for place, row in enumerate(rows):
        row.setdefault(where, {})["customer"] = f"customer {place // 15}"
        row["prediction"] = "late"
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(row, "ok" if place // 15 % 4 == 0 else "late") for place, row in enumerate(rows)])
    traffic.end()
    workspace.evaluator().step()
    ((_, found),) = by_series(workspace, "accuracy").items()
    assert found.value == 0.75
    name, _, effect = found.basis.partition(", design effect ")
    assert (name, float(effect)) == ("cluster", pytest.approx(15 * 40 / 39, rel=0.01))


def test_a_matrix_of_what_was_predicted_as_what_is_stored(declared, workspace) -> None:
    traffic = declared(task="binary", positive_class="late")
    rows = a_day(0)
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(row) for row in rows])
    traffic.end()
    workspace.evaluator().step()
    found = {m.column: m.value for m in workspace.measured(metric="confusion")}
    assert found == {
        f"{truth} as {said}": sum(r["truth"] == truth and r["prediction"] == said for r in rows)
        for truth in ("late", "ok")
        for said in ("late", "ok")
    }


def test_a_ranking_is_measured_by_its_lists_and_so_is_its_reference(declared, workspace) -> None:
    """Every other list has labels, and in these an item without one is of no relevance."""
    traffic = declared(task="ranking", ranking=Ranking("request", k=3))
    rng = np.random.default_rng(2)
    relevance = rng.integers(0, 3, 200)
    rows = a_day(0, rows=200)
    for place, row in enumerate(rows):
        row["prediction"] = float(relevance[place] + rng.normal())
        row["tags"] = {"request": f"r{place // 5}"}
        del row["scores"]
    told = [place for place in range(200) if place // 5 % 2 and relevance[place]]
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(rows[place]) | {"label": float(relevance[place])} for place in told])
    traffic.end()
    place = Place(workspace.db, "default", workspace.clock, 50)
    with_labels = [row | ({"label": float(relevance[i])} if i in told else {}) for i, row in enumerate(rows)]
    make(place, "m", lambda: from_rows(place, "m", sent(with_labels), "k"))
    workspace.evaluator().step()
    ((_, found),) = by_series(workspace, "ndcg").items()
    scores = np.array([row["prediction"] for row in rows]).reshape(-1, 5)
    lists = sorted({i // 5 for i in told})
    expected = ndcg_score(relevance.reshape(-1, 5)[lists], scores[lists], k=3)
    assert (found.value, found.expected) == (pytest.approx(expected), pytest.approx(expected))
    assert (found.rows, found.reference_rows) == (len(lists), len(lists))
    assert {m.metric for m in workspace.measured()} & {"mae", "rmse", "accuracy"} == set()
