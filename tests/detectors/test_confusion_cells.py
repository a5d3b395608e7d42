"""The confusion matrix as it is stored: against scikit-learn's, with the rarest classes as one."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from detectors.confusion_cells import MOST_CLASSES, OTHER, cell, measure_confusion
from detectors.outcomes import Outcomes
from kernel.measurement import Status


def outcomes(actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None, days: int = 1) -> Outcomes:
    return Outcomes(predicted, actual, {}, weights, np.arange(len(actual)) % days, len(actual))


@pytest.mark.parametrize("weighted", [False, True])
def test_cells_are_those_of_scikit_learn(weighted) -> None:
    rng = np.random.default_rng(1)
    actual, predicted = rng.choice(["a", "b", "c"], (2, 500))
    weights = rng.choice([1.0, 4.0], 500) if weighted else None
    found = list(measure_confusion(outcomes(actual, predicted, weights)))
    expected = confusion_matrix(actual, predicted, sample_weight=weights)
    assert [m.value for m in found] == pytest.approx(expected.ravel().tolist())
    assert [cell(m.column) for m in found] == [(a, b) for a in "abc" for b in "abc"]
    assert {(m.metric, m.status, m.rows) for m in found} == {("confusion", Status.OK, 500)}


def test_a_cell_has_the_interval_of_its_share() -> None:
    actual, predicted = np.array(["a"] * 60 + ["b"] * 40), np.array(["a"] * 70 + ["b"] * 30)
    found = {m.column: m for m in measure_confusion(outcomes(actual, predicted))}
    assert (found["b as a"].value, found["a as b"].value) == (10.0, 0.0)
    wilson = binomtest(10, 100).proportion_ci(method="wilson")
    assert (found["b as a"].lower, found["b as a"].upper) == pytest.approx((100 * wilson.low, 100 * wilson.high))
    over_days = {m.column: m for m in measure_confusion(outcomes(actual, predicted, days=50))}
    assert over_days["b as a"].basis.startswith("cluster, design effect ")


def test_the_rarest_classes_and_names_too_long_for_a_key_share_a_cell() -> None:
    names = np.array([f"class {i:02}" for i in range(15)] + ["x" * 200])
    rows = np.repeat(names, [*range(30, 15, -1), 100])
    found = {m.column: m.value for m in measure_confusion(outcomes(rows, rows))}
    assert len(found) == (MOST_CLASSES + 1) ** 2
    assert found[f"{OTHER} as {OTHER}"] == Counter(rows.tolist())["x" * 200] + sum(range(16, 21))
    assert sum(found.values()) == len(rows)
    assert max(map(len, found)) <= 255


def test_numbers_and_no_rows_have_no_matrix() -> None:
    assert list(measure_confusion(outcomes(np.array([1.0]), np.array([2.0])))) == []
    assert list(measure_confusion(outcomes(np.array([], str), np.array([], str)))) == []
