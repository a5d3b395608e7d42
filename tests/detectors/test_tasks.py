"""What is measured follows the declared task, not the classes that a window happens to hold."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from detectors.brier_decomposition import PARTS
from detectors.metrics import CALIBRATION, OF_CLASSES
from detectors.outcomes import Task, outcomes
from detectors.performance import WEIGHTED, estimates, measure_performance
from kernel.measurement import Status
from testing.labelled_rows import joined

NAMES = ["blue", "green", "red"]


def values(table: pa.Table, task: Task) -> dict[str, float | None]:
    return {name: e.value for name, e in estimates(outcomes(table, task), task).items()}


def some(rows: int, names: list[str], seed: int = 1) -> tuple[list[str], list[str], list[dict]]:
    rng = np.random.default_rng(seed)
    actual = rng.choice(names, rows).tolist()
    table = rng.dirichlet(np.ones(len(NAMES)), rows)
    scores = [dict(zip(NAMES, row.tolist(), strict=True)) for row in table]
    predicted = [names[i] for i in table[:, : len(names)].argmax(axis=1)]
    return predicted, actual, scores


def test_a_multiclass_day_with_two_classes_is_averaged_like_any_other() -> None:
    predicted, actual, _ = some(300, ["blue", "green"])
    found = values(joined(predicted, actual), Task("multiclass"))
    expected = metrics.precision_recall_fscore_support(actual, predicted, average="macro")
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx(expected[:3], rel=1e-12)
    expected = metrics.precision_recall_fscore_support(actual, predicted, average="weighted")
    weighted = found["precision_weighted"], found["recall_weighted"], found["f1_weighted"]
    assert weighted == pytest.approx(expected[:3], rel=1e-12)
    assert found["precision"] != pytest.approx(metrics.precision_score(actual, predicted, pos_label="green"), rel=1e-3)


@pytest.mark.parametrize("names", [NAMES, ["blue", "green"], ["red"]])
def test_multiclass_losses_are_those_of_scikit_learn(names) -> None:
    predicted, actual, scores = some(400, names)
    scores[0] = dict.fromkeys(NAMES, 0.0) | {"blue": 1.0}  # certain, and wrong where the label is another
    found = values(joined(predicted, actual, scores), Task("multiclass"))
    table = np.array([[row[name] for name in NAMES] for row in scores])
    assert found["log_loss"] == pytest.approx(metrics.log_loss(actual, y_proba=table, labels=NAMES), rel=1e-12)
    expected = metrics.brier_score_loss(actual, table, labels=NAMES, scale_by_half=False)
    assert found["brier"] == pytest.approx(expected, rel=1e-12)


def test_the_calibration_error_of_many_classes_is_that_of_the_predicted_one() -> None:
    predicted, actual, scores = some(2_000, NAMES)
    found = values(joined(predicted, actual, scores), Task("multiclass"))
    sure = np.array([row[name] for row, name in zip(scores, predicted, strict=True)])
    right = np.array(predicted) == np.array(actual)
    bins = np.digitize(sure, np.linspace(0, 1, 11)[1:-1])
    gaps = [abs((right - sure)[bins == place].sum()) for place in range(10)]
    assert found["calibration_error"] == pytest.approx(sum(gaps) / 2_000, rel=1e-9)


def test_rows_without_a_score_for_every_class_have_no_part_in_log_loss() -> None:
    predicted, actual, scores = some(200, NAMES)
    partial = [{"blue": row["blue"]} if i % 4 == 0 else row for i, row in enumerate(scores)]
    task = Task("multiclass")
    found = estimates(outcomes(joined(predicted, actual, partial, days=40), task), task)
    kept = [i for i in range(200) if i % 4]
    table = np.array([[scores[i][name] for name in NAMES] for i in kept])
    expected = metrics.log_loss([actual[i] for i in kept], y_proba=table, labels=NAMES)
    assert found["log_loss"].value == pytest.approx(expected, rel=1e-12)
    assert {(found[name].rows, found[name].basis) for name in ("log_loss", "brier", "calibration_error")} == {
        (150, "cluster")
    }


def test_a_label_that_no_score_is_for_had_no_probability() -> None:
    table = joined(["a", "b"], ["a", "c"], [{"a": 1.0, "b": 0.0}, {"a": 0.5, "b": 0.5}])
    assert values(table, Task("multiclass"))["log_loss"] == pytest.approx(-np.log(np.finfo(float).eps) / 2)


@pytest.mark.parametrize("texts", [False, True])
def test_a_binary_model_may_say_its_classes_in_numbers(texts) -> None:
    rng = np.random.default_rng(4)
    actual, score = rng.integers(0, 2, 500), rng.random(500)
    predicted = (score > 0.5).astype(int)
    labels = [str(v) for v in actual] if texts else actual.tolist()
    scores = [{"0": 1 - p, "1": p} for p in score.tolist()]
    found = values(joined(predicted.tolist(), labels, scores), Task("binary"))
    assert set(found) == {*OF_CLASSES, "temperature", "conformal_threshold"} - set(WEIGHTED)
    elsewhere = (*PARTS, "calibration_error", *CALIBRATION)  # test_calibration_measures.py, test_calibration_checks.py
    assert {name: found[name] for name in found if name not in elsewhere} == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(actual, predicted),
            "precision": metrics.precision_score(actual, predicted),
            "recall": metrics.recall_score(actual, predicted),
            "f1": metrics.f1_score(actual, predicted),
            "roc_auc": metrics.roc_auc_score(actual, score),
            "pr_auc": metrics.average_precision_score(actual, score),
            "log_loss": metrics.log_loss(actual, y_proba=score),
            "brier": metrics.brier_score_loss(actual, score),
        },
        rel=1e-9,
    )


def test_a_number_that_is_not_whole_names_no_class() -> None:
    found = outcomes(joined([0.0, 0.7, -0.0, 1e300], [0, 1, 0, 1]), Task("binary"))
    assert (found.predicted.tolist(), found.actual.tolist(), found.predictions) == (["0", "0"], ["0", "0"], 4)


@pytest.mark.parametrize(
    ("predicted", "scores", "positive"),
    [(["0", "0"], None, "1"), (["false"] * 2, None, "true"), (["late"] * 2, [{"late": 0.9, "ok": 0.1}] * 2, "ok")],
)
def test_a_binary_day_with_one_class_keeps_its_measures(predicted, scores, positive) -> None:
    table = joined(predicted, predicted, scores)
    found = values(table, Task("binary"))
    declared = values(table, Task("binary", positive))
    assert found == pytest.approx(declared, nan_ok=True)
    assert found["accuracy"] == 1.0


def test_a_binary_day_that_does_not_tell_its_positive_class_is_not_averaged() -> None:
    task = Task("binary")
    found = {m.metric: m for m in measure_performance(outcomes(joined(["ok"] * 9, ["ok"] * 9), task), {}, task)}
    assert [found[name].status for name in ("precision", "recall", "f1")] == [Status.INSUFFICIENT] * 3
    assert found["accuracy"].value == 1.0


def test_a_declared_regression_stays_one_beside_a_label_that_is_a_class() -> None:
    table = joined([1.0, 2.0, 3.0], [1.5, 2.5, "n/a"])
    found = values(table, Task("regression"))
    assert found["mae"] == 0.5
    assert outcomes(table, Task("regression")).predictions == 3


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_weighted_classes_are_those_of_scikit_learn(kind) -> None:
    names = NAMES if kind == "multiclass" else NAMES[:2]
    predicted, actual, scores = some(500, names)
    scores = [{name: row[name] / sum(row[n] for n in names) for name in names} for row in scores]
    weights = np.random.default_rng(3).choice([0.5, 1.0, 10.0], 500)
    found = values(joined(predicted, actual, scores, weights=weights), Task(kind, "green" * (kind == "binary")))
    average = {"average": "macro"} if kind == "multiclass" else {"pos_label": "green"}
    table = np.array([[row[name] for name in names] for row in scores])
    expected = {
        "accuracy": metrics.accuracy_score(actual, predicted, sample_weight=weights),
        "precision": metrics.precision_score(actual, predicted, sample_weight=weights, **average),
        "recall": metrics.recall_score(actual, predicted, sample_weight=weights, **average),
        "f1": metrics.f1_score(actual, predicted, sample_weight=weights, **average),
        "log_loss": metrics.log_loss(actual, y_proba=table, labels=names, sample_weight=weights),
    }
    if kind == "binary":
        green = np.array(actual) == "green"
        expected["roc_auc"] = metrics.roc_auc_score(green, table[:, 1], sample_weight=weights)
        expected["pr_auc"] = metrics.average_precision_score(green, table[:, 1], sample_weight=weights)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_weighted_numbers_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    actual, weights = rng.normal(1e6, 3, 400), rng.choice([0.5, 1.0, 10.0], 400)
    predicted = actual + rng.normal(1, 2, 400)
    found = values(joined(predicted.tolist(), actual.tolist(), weights=weights), Task("regression"))
    assert found == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(actual, predicted, sample_weight=weights),
            "rmse": metrics.root_mean_squared_error(actual, predicted, sample_weight=weights),
            "mape": metrics.mean_absolute_percentage_error(actual, predicted, sample_weight=weights),
            "r2": metrics.r2_score(actual, predicted, sample_weight=weights),
            "bias": np.average(predicted - actual, weights=weights),
        },
        rel=1e-9,
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("days", [1, 40])
def test_errors_beyond_float64_have_no_value_and_those_whose_squares_are_no_interval(days) -> None:
    """Also where rows are weighted, as a sampled stream's are; in shares of the label errors of any size are small."""
    task = Task("regression")
    for size, found_of in ((1e200, {"mae", "mape", "bias"}), (1.7e308, set())):
        weights = np.random.default_rng(1).choice([1.0, 2.0, 5.0], 120)
        table = joined([size, -size, 0.0] * 40, [-size, size, 1.0] * 40, days=days, weights=weights)
        found = estimates(outcomes(table, task), task)
        assert {name for name, e in found.items() if e.value is not None} == found_of
        assert {(e.lower, e.upper) for name, e in found.items() if name != "mape"} == {(None, None)}
        assert {m.status for m in measure_performance(outcomes(table, task), {}, task)} <= {"ok", "insufficient"}


def test_without_a_task_the_window_says_what_is_measured() -> None:
    assert "mae" in values(joined([1.0, 0.0], [1.0, 1.0]), Task())
    assert "accuracy" in values(joined(["a", "b"], ["a", "a"]), Task())


@pytest.mark.parametrize(
    ("predicted", "actual", "said"),
    [
        ([1.0, 0.0, 1.0], ["1", "0", "1"], "3 labels do not compare with their predictions"),
        (["late", "late", "late"], ["LATE", "LATE", None], "no label is a class that was predicted"),
        (["True", "False"], ["0", " 1.0"], "no label is a class that was predicted"),
        (["ok"] * 50, ["late"] * 50, ""),  # a quiet day, of which all came out otherwise
        (["late", "late", "fine"], ["fine", "late", None], ""),
    ],
)
def test_labels_of_another_kind_than_the_predictions_are_told(predicted, actual, said) -> None:
    found = outcomes(joined(predicted, actual), Task())
    coverage = next(iter(measure_performance(found, {}, Task())))
    assert coverage.metric == "label_coverage"
    assert coverage.basis.startswith(said)
    assert bool(coverage.basis) == bool(said)
