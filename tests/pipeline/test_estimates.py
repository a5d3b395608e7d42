"""Performance without labels, end to end: fitted when a labelled reference is put, measured in every window, and held against what
labels say once they come.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score

from api.reference_building import Place, Sent, from_log, from_rows, put
from detectors.without_labels import cbpe, cbpe_multiclass, dle
from detectors.without_labels.codec import from_json
from detectors.without_labels.scored import of_rows
from kernel.clock import DAY_US, to_rfc3339
from kernel.measurement import Status
from kernel.windows import WindowSize
from store import models, references
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.message import Message, Partition
from testing.measured_days import LABELS, PREDICTIONS, START_US, Record, Traffic, label

ROWS = 400
REFERENCE_DAYS = 6


def usual(score: np.ndarray) -> np.ndarray:
    """How likely the class is at a score of a model that is too sure of itself."""
    return 0.15 + 0.6 * score


def turned(score: np.ndarray) -> np.ndarray:
    """The same once scores no longer mean what they meant."""
    return 0.75 - 0.6 * score


def scored(
    day: int, chance: Callable[[np.ndarray], np.ndarray] = usual, tilt: float = 1.0, rows: int = ROWS
) -> list[Record]:
    """A day of predictions; `tilt` moves their scores, `chance` says what a score means."""
    rng = np.random.default_rng(day)
    score = rng.beta(tilt, 1.0, rows)
    late = rng.random(rows) < chance(score)
    return [
        {
            "model": "m", "version": "1", "id": f"{day}-{i}", "ts": to_rfc3339(START_US + day * DAY_US + i * (DAY_US // rows)),
            "features": {"x": float(score[i]), "c": "ab"[i % 2]}, "prediction": "late" if score[i] > 0.5 else "ok",
            "scores": {"late": float(score[i])}, "truth": "late" if late[i] else "ok",
        }
        for i in range(rows)
    ]  # fmt: skip


def priced(day: int, risky: float = 0.2, rows: int = ROWS) -> list[Record]:
    """A day of a regression that is five times as wrong where the feature c is "b"."""
    rng = np.random.default_rng(day)
    c, x = rng.random(rows) < risky, rng.random(rows)
    off = rng.normal(0, np.where(c, 5.0, 1.0))
    return [
        {
            "model": "m", "version": "1", "id": f"{day}-{i}", "ts": to_rfc3339(START_US + day * DAY_US + i * (DAY_US // rows)),
            "features": {"x": float(x[i]), "c": "b" if c[i] else "a"}, "prediction": float(100 * x[i]),
            "truth": float(100 * x[i] + off[i]),
        }
        for i in range(rows)
    ]  # fmt: skip


def sorted_out(day: int, tilt: float = 1.0, rows: int = ROWS) -> list[Record]:
    """A day of three classes whose scores are their chances."""
    rng = np.random.default_rng(day)
    scores = rng.dirichlet([tilt, 1.0, 1.0], rows)
    truth = (scores.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    return [
        {
            "model": "m", "version": "1", "id": f"{day}-{i}", "ts": to_rfc3339(START_US + day * DAY_US + i * (DAY_US // rows)),
            "features": {"x": 1.0, "night": i % 2 == 0, "gate": float(i % 3)}, "prediction": "abc"[int(scores[i].argmax())],
            "scores": dict(zip("abc", scores[i].tolist(), strict=True)), "truth": "abc"[min(2, int(truth[i]))],
        }
        for i in range(rows)
    ]  # fmt: skip


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    declare(workspace, task="binary", positive_class="late")
    return Traffic(workspace.sink(), workspace.clock, messages)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def anywhere(request, workspace, tmp_path) -> Iterator[Any]:
    """A workspace on either database."""
    if request.param == "sqlite":
        yield workspace
        return
    url = request.getfixturevalue("migrated_postgres_url")
    made = replace(workspace, folder=tmp_path / "shared", database=url)
    yield made
    made.db.close()


def declare(workspace, **chosen: Any) -> None:
    models.declare(workspace.db, "default", replace(Model("m", min_rows=100), **chosen), 0)


def send(traffic: Traffic, *days: list[Record], labels: bool = True) -> None:
    for rows in days:
        traffic.send(PREDICTIONS, rows)
        if labels:
            tell(traffic, rows)


def tell(traffic: Traffic, rows: list[Record]) -> None:
    traffic.send(LABELS, [label(row, day=int(row["id"].split("-")[0]) + 1) for row in rows])


def put_reference(workspace, *days: list[Record]) -> str:
    """Of rows that are sent, each with its label."""
    rows = [{**row, "label": row["truth"]} for day in days for row in day]
    place = Place(workspace.db, "default", workspace.clock, 50)
    message = Message(Partition("", 0), 0, json.dumps(rows).encode(), "application/json", {}, workspace.clock.now_us())
    return put(place, "m", from_rows(place, "m", Sent([message], {"source": "rows"}), "key"))


def put_reference_of_log(workspace, days: int) -> str:
    """Of what came, with the labels that came."""
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    place = Place(workspace.db, "default", workspace.clock, 50, reader)
    return put(place, "m", from_log(place, "m", reader, START_US, START_US + days * DAY_US))


def days_of(found: list[Any]) -> dict[int, Any]:
    return {(row.window_start_us - START_US) // DAY_US: row for row in found}


def truth_of(rows: list[Record]) -> tuple[list[str], list[str], list[float]]:
    return [r["truth"] for r in rows], [r["prediction"] for r in rows], [r["scores"]["late"] for r in rows]


def test_where_scores_move_the_estimate_is_what_labels_say_later(traffic, workspace) -> None:
    name = put_reference(workspace, *(scored(day) for day in range(REFERENCE_DAYS)))
    fitted = from_json(references.estimator(workspace.db, "default", "m", name)).fitted
    moved = {6: scored(6), 7: scored(7, tilt=0.6), 8: scored(8, tilt=2.0)}
    send(traffic, *moved.values(), labels=False)
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    before = {m: days_of(workspace.measured(metric=f"estimated_{m}")) for m in ("accuracy", "roc_auc", "recall")}
    for day, rows in moved.items():
        truth, predicted, score = truth_of(rows)
        found = before["accuracy"][day]
        assert found.lower < accuracy_score(truth, predicted) < found.upper
        of_batch = cbpe.estimate(fitted, of_rows(np.array(score), np.array(predicted) == "late"))
        assert {m: before[m][day].value for m in before} == pytest.approx(
            {m: of_batch[m].value for m in before}, abs=2e-3
        )
        area = before["roc_auc"][day]
        assert area.lower < roc_auc_score(np.array(truth) == "late", score) < area.upper
        assert (found.rows, found.reference_rows) == (ROWS, REFERENCE_DAYS * ROWS)
        assert found.expected == pytest.approx(0.65, abs=0.03)
        assert found.basis.startswith("cbpe, sees no concept drift")
    assert before["accuracy"][7].value > before["accuracy"][8].value + 0.02
    assert not workspace.measured(metric="estimate_error", window_start_us=START_US + 6 * DAY_US)
    tell(traffic, moved[7])
    worker.step()
    after = days_of(workspace.measured(metric="estimated_accuracy"))[7]
    assert (after.value, after.lower, after.basis) == tuple(
        getattr(before["accuracy"][7], name) for name in ("value", "lower", "basis")
    )
    assert days_of(workspace.measured(metric="estimate_error"))[7].value < 1


def test_estimates_are_told_and_never_alarm(traffic, workspace) -> None:
    """A threshold that is broken is said, for nobody has counted how often NannyML's break by themselves."""
    put_reference(workspace, *(scored(day) for day in range(REFERENCE_DAYS)))
    send(traffic, scored(6, tilt=0.05), labels=False)
    traffic.end()
    workspace.evaluator().step()
    (found,) = (
        row for row in workspace.decided(metric="estimated_recall") if row.window_start_us > START_US + 5 * DAY_US
    )
    assert found.value < 0.3
    assert "; below the reference's 0." in found.basis
    assert (found.status, found.abnormal, found.alpha) == ("ok", False, None)


def test_where_labels_show_estimates_to_be_off_they_are_no_longer_judged(anywhere, messages) -> None:
    declare(anywhere, task="binary", positive_class="late")
    traffic = Traffic(anywhere.sink(), anywhere.clock, messages)
    put_reference(anywhere, *(scored(day) for day in range(REFERENCE_DAYS)))
    drifted = [scored(day, turned) for day in range(6, 10)]
    send(traffic, *drifted, labels=False)
    traffic.end()
    worker = anywhere.evaluator()
    worker.step()
    estimates = days_of(anywhere.decided(metric="estimated_accuracy"))
    assert {day: estimates[day].status for day in range(6, 10)} == dict.fromkeys(range(6, 10), "ok")
    for rows in drifted[:2]:
        tell(traffic, rows)
        worker.step()
    errors = days_of(anywhere.measured(metric="estimate_error"))
    assert min(errors[6].value, errors[7].value) > 1
    realised = days_of(anywhere.measured(metric="accuracy"))
    after = days_of(anywhere.decided(metric="estimated_accuracy"))
    for day in (6, 7):
        assert after[day].value == pytest.approx(0.65, abs=0.05)
        assert realised[day].value < 0.5
    # The two windows that labels came for were to be believed then; the ones after them are not.
    statuses = [after[day].status for day in range(6, 10)]
    assert statuses == ["ok", "ok", "insufficient", "insufficient"]
    assert after[9].basis.endswith("not judged: outside its interval in 2 of the last 2 windows with labels")
    assert after[9].value == estimates[9].value


def test_labels_that_are_corrected_give_trust_back(traffic, workspace) -> None:
    put_reference(workspace, *(scored(day) for day in range(REFERENCE_DAYS)))
    days = [scored(day) for day in range(6, 9)]
    send(traffic, *days, labels=False)
    wrong = [[row | {"truth": "ok" if row["truth"] == "late" else "late"} for row in rows] for rows in days[:2]]
    for rows in wrong:
        tell(traffic, rows)
    traffic.end()
    worker = workspace.evaluator()
    worker.step()

    def status() -> str:
        return days_of(workspace.decided(metric="estimated_accuracy"))[8].status

    assert status() == "insufficient"
    traffic.send(LABELS, [label(row, day=20) for row in days[1]])
    worker.step()
    assert status() == "ok"
    traffic.send(LABELS, [label(row, day=21) for row in wrong[1]])
    worker.step()
    assert status() == "insufficient"
    traffic.send(PREDICTIONS, [row | {"id": f"late-{row['id']}-{i}"} for i in range(2) for row in days[1]])
    worker.step()
    assert days_of(workspace.measured(metric="estimate_error"))[7].status == "insufficient"  # now too few have a label
    assert status() == "ok"


def test_what_is_believed_does_not_hang_on_the_order_in_which_labels_come(workspace, messages, tmp_path) -> None:
    days = [scored(day, turned if day in (7, 8) else usual) for day in range(6, 12)]
    found = []
    for order in (None, [0, 1, 2, 3, 4], [4, 2, 3, 1, 0]):
        place = workspace if order is None else replace(workspace, folder=tmp_path / f"{order[0]}")
        place.folder.mkdir(exist_ok=True)
        declare(place, task="binary", positive_class="late")
        put_reference(place, *(scored(day) for day in range(REFERENCE_DAYS)))
        traffic = Traffic(place.sink(), place.clock, messages)
        send(traffic, *days, labels=False)
        traffic.end()
        worker = place.evaluator()
        for i in order or range(5):
            tell(traffic, days[i])
            if order is not None:
                worker.step()
        worker.step()
        found.append(
            [(d.window_start_us, d.metric, d.status, d.basis) for d in place.decided() if "estimate" in d.metric]
        )
        if place is not workspace:
            place.db.close()
    assert {status for _, metric, status, _ in found[0] if metric == "estimated_accuracy"} == {"ok", "insufficient"}
    assert sorted(found[0]) == sorted(found[1]) == sorted(found[2])


def test_labels_that_come_for_less_than_half_say_nothing_of_the_estimate(traffic, workspace) -> None:
    put_reference(workspace, *(scored(day) for day in range(REFERENCE_DAYS)))
    rows = scored(6, turned)
    send(traffic, rows, labels=False)
    tell(traffic, rows[: ROWS // 3])
    traffic.end()
    workspace.evaluator().step()
    found = days_of(workspace.measured(metric="estimate_error"))[6]
    assert (found.value, found.status) == (None, Status.INSUFFICIENT)


def test_classes_that_are_numbers_are_estimated_like_named_ones(traffic, workspace) -> None:
    declare(workspace, task="binary", positive_class="1")

    def numbered(day: int, tilt: float = 1.0) -> list[Record]:
        number = {"late": 1, "ok": 0}
        return [
            row
            | {name: number[row[name]] for name in ("prediction", "truth")}
            | {"scores": {"1": row["scores"]["late"]}}
            for row in scored(day, tilt=tilt)
        ]

    put_reference(workspace, *(numbered(day) for day in range(REFERENCE_DAYS)))
    rows = numbered(6, tilt=2.0)
    send(traffic, rows, labels=False)
    traffic.end()
    workspace.evaluator().step()
    truth, predicted = [row["truth"] for row in rows], [row["prediction"] for row in rows]
    for metric, value in (
        ("accuracy", accuracy_score(truth, predicted)), ("recall", recall_score(truth, predicted)),
    ):  # fmt: skip
        (found,) = workspace.measured(metric=f"estimated_{metric}")
        assert found.lower < value < found.upper


def test_segments_are_estimated_from_their_own_scores(traffic, workspace) -> None:
    declare(workspace, task="binary", positive_class="late", segments=("c",))
    put_reference(workspace, *(scored(day) for day in range(REFERENCE_DAYS)))
    rows = scored(6)
    for row in rows:
        if row["features"]["c"] == "b":
            row["scores"]["late"], row["prediction"] = 0.99, "late"
    send(traffic, rows, labels=False)
    traffic.end()
    workspace.evaluator().step()
    found = {
        row.segment: row
        for row in workspace.measured(metric="estimated_accuracy", window_start_us=START_US + 6 * DAY_US)
    }
    assert found.keys() == {"", "c=a", "c=b"}
    assert found["c=b"].value == pytest.approx(usual(np.array(0.99)), abs=0.06)
    assert found[""].value == pytest.approx((found["c=a"].value + found["c=b"].value) / 2, abs=0.01)
    assert (found["c=b"].rows, found["c=b"].expected) == (ROWS / 2, None)


def test_a_regression_is_estimated_from_its_rows(traffic, workspace) -> None:
    declare(workspace, task="regression", rollups=())
    put_reference(workspace, *(priced(day) for day in range(REFERENCE_DAYS)))
    moved = {6: priced(6), 7: priced(7, risky=0.7)}
    send(traffic, *moved.values(), labels=False)
    traffic.end()
    workspace.evaluator().step()
    found = days_of(workspace.measured(metric="estimated_mae"))
    for day, rows in moved.items():
        mae = np.mean([abs(row["truth"] - row["prediction"]) for row in rows])
        assert found[day].lower < mae < found[day].upper
        assert found[day].value == pytest.approx(mae, rel=0.15)
        assert found[day].basis.startswith("dle, sees no concept drift")
    assert "above the reference's" in found[7].basis
    assert "the reference's" not in found[6].basis
    assert not workspace.measured(metric="estimated_accuracy")


def test_a_reference_of_the_record_log_is_fitted_like_one_that_is_sent(traffic, workspace) -> None:
    declare(workspace, task="regression", positive_class="")
    days = [priced(day) for day in range(3)]
    send(traffic, *days)
    send(traffic, priced(3), labels=False)
    stored = [
        references.estimator(workspace.db, "default", "m", put_reference_of_log(workspace, days=4)),
        references.estimator(workspace.db, "default", "m", put_reference(workspace, *days)),
    ]
    fitted = [from_json(of) for of in stored]
    assert fitted[0].features == fitted[1].features == (("c", "texts"), ("x", "numbers"))
    assert fitted[0].fitted.thresholds["mae"].upper == pytest.approx(fitted[1].fitted.thresholds["mae"].upper)
    for c, mae in (("a", 0.8), ("b", 4.0)):
        found = [dle.estimate(of.fitted, [[c] * 50, np.linspace(0, 1, 50)], np.linspace(0, 100, 50)) for of in fitted]
        assert found[0]["mae"].value == pytest.approx(found[1]["mae"].value, rel=0.02)
        assert found[0]["mae"].value == pytest.approx(mae, rel=0.2)


def test_several_classes_are_estimated_from_their_rows(traffic, workspace) -> None:
    declare(workspace, task="multiclass", positive_class="")
    put_reference(workspace, *(sorted_out(day) for day in range(REFERENCE_DAYS)))
    rows = sorted_out(6, tilt=6.0)
    send(traffic, rows, labels=False)
    traffic.end()
    workspace.evaluator().step()
    found = {m: days_of(workspace.measured(metric=f"estimated_{m}"))[6] for m in ("accuracy", "f1", "roc_auc")}
    truth, predicted = [r["truth"] for r in rows], [r["prediction"] for r in rows]
    assert found["accuracy"].lower < accuracy_score(truth, predicted) < found["accuracy"].upper
    scores = np.array([[row["scores"][name] for name in "abc"] for row in rows])
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(truth, scores, multi_class="ovr"), abs=0.06)


def estimates_of(workspace, metrics: list[str], day: int) -> dict[str, dict[str, float]]:
    """By segment, then by metric."""
    found: dict[str, dict[str, float]] = {}
    for metric in metrics:
        for row in workspace.measured(metric=f"estimated_{metric}", window_start_us=START_US + day * DAY_US, size="1d"):
            found.setdefault(row.segment, {})[metric] = row.value
    return found


def test_segments_of_several_classes_are_what_their_rows_alone_say(traffic, workspace) -> None:
    declare(workspace, task="multiclass", positive_class="", segments=("night", "gate"))
    name = put_reference(workspace, *(sorted_out(day) for day in range(REFERENCE_DAYS)))
    fitted = from_json(references.estimator(workspace.db, "default", "m", name)).fitted
    rows = sorted_out(6, tilt=6.0)
    for row in rows[::2]:
        row["weight"] = 3.0
    send(traffic, rows, labels=False)
    traffic.end()
    workspace.evaluator().step()
    found = estimates_of(workspace, ["accuracy", "precision", "recall", "f1", "roc_auc"], 6)
    segments = {"": rows}
    for row in rows:
        segments.setdefault(f"night={str(row['features']['night']).lower()}", []).append(row)
        segments.setdefault(f"gate={row['features']['gate']:.0f}", []).append(row)
    assert found.keys() == segments.keys()
    for segment, mine in segments.items():
        scores = np.array([[row["scores"][name] for name in "abc"] for row in mine])
        predicted = np.array(["abc".index(row["prediction"]) for row in mine])
        alone = cbpe_multiclass.estimate(fitted, scores, predicted, np.array([row.get("weight", 1.0) for row in mine]))
        assert found[segment] == pytest.approx({metric: alone[metric].value for metric in found[segment]})


def test_segments_of_a_regression_are_what_their_rows_alone_say(traffic, workspace) -> None:
    declare(workspace, task="regression", segments=("c",), rollups=(WindowSize("1w"),))
    name = put_reference(workspace, *(priced(day) for day in range(REFERENCE_DAYS)))
    fitted = from_json(references.estimator(workspace.db, "default", "m", name))
    rows = priced(6, risky=0.4)
    send(traffic, rows, labels=False)
    traffic.end()
    workspace.evaluator().step()
    found = estimates_of(workspace, ["mae", "rmse", "mape"], 6)
    assert found.keys() == {"", "c=a", "c=b"}
    for segment in found:
        mine = [row for row in rows if f"c={row['features']['c']}" == segment or not segment]
        features = [[row["features"][feature] for row in mine] for feature, _ in fitted.features]
        columns = [of if isinstance(of[0], str) else np.array(of) for of in features]
        alone = dle.estimate(fitted.fitted, columns, np.array([row["prediction"] for row in mine]))
        assert found[segment] == pytest.approx({metric: alone[metric].value for metric in found[segment]})
    assert found["c=b"]["mae"] > 3 * found["c=a"]["mae"]
    whole = workspace.measured(metric="estimated_mae", size="1w")
    assert {row.segment: row.value for row in whole if row.value is not None} == pytest.approx(
        {segment: of["mae"] for segment, of in found.items()}
    )


def test_without_labels_in_the_reference_nothing_is_estimated(traffic, workspace) -> None:
    send(traffic, *(scored(day) for day in range(2)), labels=False)
    name = put_reference_of_log(workspace, days=1)
    traffic.end()
    workspace.evaluator().step()
    assert references.estimator(workspace.db, "default", "m", name) is None
    assert not [row for row in workspace.measured() if row.metric.startswith("estimate")]


def test_a_new_reference_drops_what_was_fitted_of_the_one_before(traffic, workspace) -> None:
    first, second = (put_reference(workspace, scored(day)) for day in range(2))
    assert references.estimator(workspace.db, "default", "m", first) is None
    assert references.estimator(workspace.db, "default", "m", second)["positive"] == "late"
