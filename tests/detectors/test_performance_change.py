"""Which metrics a change can be split of, from joined rows as the record log has them, and what small segments come to."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from detectors.outcomes import Task
from detectors.performance_change import Change, change
from kernel.errors import ContractError
from kernel.profile import Kind
from testing.labelled_rows import joined

ROWS = 600
LATE = Task("binary", "late")


def classes(seed: int) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """Rows of a binary task, their labels and scores; one in ten has no score, and one in a hundred no label."""
    rng = np.random.default_rng(seed)
    scores, labels = rng.random(ROWS), rng.choice(["late", "ok"], ROWS)
    predicted = np.where(scores > 0.5, "late", "ok").tolist()
    known = np.arange(ROWS) % 10 > 0
    held = [{"late": float(s), "ok": float(1 - s)} if has else {} for s, has in zip(scores, known, strict=True)]
    actual = [None if row % 100 == 50 else str(label) for row, label in enumerate(labels)]
    rows = joined(predicted, actual, held, weights=rng.uniform(0.5, 2, ROWS))
    return rows, np.where(np.arange(ROWS) % 100 == 50, "", labels), np.where(known, scores, np.nan)


def numbers(seed: int) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    predicted, actual = rng.normal(10, 1, ROWS), rng.normal(11, 1, ROWS)
    return joined(predicted.tolist(), actual.tolist()), predicted, actual


def split(before: pa.Table, after: pa.Table, task: Task, metric: str | None = None) -> Change:
    return change(before, after, task, {}, [], metric)


@pytest.mark.parametrize(
    ("metric", "of"), [("log_loss", metrics.log_loss), ("brier", metrics.brier_score_loss), ("accuracy", None)]
)
def test_metrics_of_classes_are_those_of_scikit_learn(metric, of) -> None:
    (before, *_), (after, labels, scores) = classes(1), classes(2)
    found = split(before, after, LATE, metric)
    known = (labels != "") & (np.isfinite(scores) if of else True)
    weights = after["weight"].to_numpy()[known]
    sure = scores[known] if of else np.array(after["prediction"].to_pylist())[known]
    right = labels[known] == "late" if of else labels[known]
    expected = (of or metrics.accuracy_score)(right, sure, sample_weight=weights)
    assert found.after == pytest.approx(expected, rel=1e-9)
    assert found.rows_after == known.sum()
    assert found.split.total.value == pytest.approx(found.after - found.before, abs=1e-12)


def test_metrics_of_numbers_are_means_of_their_errors() -> None:
    (before, *_), (after, predicted, actual) = numbers(1), numbers(2)
    assert split(before, after, Task()).metric == "mae"
    assert split(before, after, Task()).after == pytest.approx(metrics.mean_absolute_error(actual, predicted))
    assert split(before, after, Task(), "bias").after == pytest.approx((predicted - actual).mean())


@pytest.mark.parametrize("metric", ["roc_auc", "mae", "mape"])
def test_what_is_no_mean_over_these_rows_is_told(metric: str) -> None:
    with pytest.raises(ContractError, match=f"no '{metric}'; what can be split: accuracy, mae"):
        split(classes(1)[0], classes(2)[0], LATE, metric)


def test_a_time_with_few_labels_is_told() -> None:
    few = classes(1)[0].slice(0, 150)
    with pytest.raises(ContractError, match=r"before_start: 149 labelled rows"):
        split(few, classes(2)[0], LATE)
    with pytest.raises(ContractError, match=r"^start: 149 labelled rows"):
        split(classes(2)[0], few, LATE)


def test_many_small_segments_are_the_rest() -> None:
    rng = np.random.default_rng(3)
    many = pa.array([f"v{min(int(v), 79):02d}" for v in rng.exponential(15, ROWS)])

    def sides(seed: int) -> pa.Table:
        return classes(seed)[0].append_column("feature.carrier", many)

    found = change(sides(1), sides(2), LATE, {"feature.carrier": Kind.CATEGORICAL}, ["carrier"])
    carriers = {part.segment for part in found.segments["carrier"]}
    assert len(carriers) == 51
    assert {"other", "v00"} <= carriers
    for parts in found.segments.values():
        together = sum(part.mix.value + part.within.value for part in parts)  # type: ignore[operator,misc]
        assert together == pytest.approx(found.split.total.value, abs=1e-12)
    assert found.split.overlap > 0.95
