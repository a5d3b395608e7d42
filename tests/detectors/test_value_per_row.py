"""What predictions are worth: against plain sums over the rows, labelled and not."""

import numpy as np
import pytest

from detectors import value_per_row
from detectors.outcomes import Outcomes, Task
from detectors.performance import estimates, measure_performance
from detectors.without_labels import cbpe, estimated_value
from detectors.without_labels.scored import of_rows
from kernel.measurement import Status
from kernel.worth import Worth

CELLS = {"late": {"late": 10.0, "ok": -5.0}, "ok": {"late": -1.0}}
EUROS = Worth("EUR", CELLS)


def of_classes(rows: int = 400, weights: np.ndarray | None = None, days: int = 1) -> Outcomes:
    rng = np.random.default_rng(1)
    predicted, actual = rng.choice(["late", "ok"], (2, rows))
    return Outcomes(predicted, actual, {}, weights, np.arange(rows) % days, rows)


def worths(found: Outcomes) -> np.ndarray:
    pairs = zip(found.actual.tolist(), found.predicted.tolist(), strict=True)
    return np.array([CELLS.get(label, {}).get(prediction, 0.0) for label, prediction in pairs])


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_worth_what_their_cells_say(weighted) -> None:
    weights = np.random.default_rng(2).choice([1.0, 4.0], 400) if weighted else None
    found = of_classes(weights=weights)
    told = {m.metric: m for m in measure_performance(found, {}, Task("binary", "late", worth=EUROS))}
    each = worths(found)
    assert told["value_per_row"].value == pytest.approx(np.average(each, weights=weights))
    assert told["value"].value == pytest.approx(each @ (np.ones(400) if weights is None else weights))
    assert (told["value"].expected, told["value"].excess, told["value"].rows) == (None, None, 400)


def test_the_interval_is_that_of_a_mean_and_of_as_many_rows() -> None:
    found = of_classes()
    told = {m.metric: m for m in measure_performance(found, {}, Task("binary", "late", worth=EUROS))}
    each = worths(found)
    half = 1.959964 * each.std(ddof=1) / np.sqrt(400)
    assert told["value_per_row"].lower == pytest.approx(each.mean() - half, rel=1e-6)
    assert (told["value"].lower, told["value"].upper) == pytest.approx(
        (400 * told["value_per_row"].lower, 400 * told["value_per_row"].upper)
    )
    assert estimates(of_classes(days=50), Task("binary", "late", worth=EUROS))["value_per_row"].basis == "cluster"


def test_a_drop_is_what_as_many_rows_were_worth_in_the_reference_less_what_they_are() -> None:
    found = of_classes(days=50)
    before = {"value_per_row": {"value": 8.0, "lower": 7.9, "upper": 8.1, "rows": 5_000}}
    told = {m.metric: m for m in measure_performance(found, before, Task("binary", "late", worth=EUROS))}
    assert told["value"].expected == 8.0 * 400
    assert told["value"].excess == pytest.approx(worths(found).sum() - 3_200)
    assert told["value"].status is told["value_per_row"].status is Status.OK  # told, however far it fell


def test_numbers_are_worth_by_their_error() -> None:
    rng = np.random.default_rng(3)
    predicted, actual = rng.normal(size=(2, 200))
    task = Task("regression", worth=Worth("EUR", per_error=-2.0))
    found = estimates(Outcomes(predicted, actual, {}, None, np.zeros(200, np.int64), 200), task)
    assert found["value_per_row"].value == pytest.approx(-2 * found["mae"].value)
    assert found["value_per_row"].lower == pytest.approx(-2 * found["mae"].upper)


@pytest.mark.parametrize(
    "task", [Task("binary", "late"), Task("regression"), Task("binary", worth=Worth("EUR", {}, -2.0))]
)
def test_nothing_is_worth_anything_where_nobody_said_so(task) -> None:
    found = of_classes()
    if task.kind == "regression":
        found = Outcomes(np.ones(9), np.zeros(9), {}, None, np.zeros(9, np.int64), 9)
    assert "value_per_row" not in estimates(found, task)


def test_what_is_expected_is_what_comes_where_scores_are_chances() -> None:
    rng = np.random.default_rng(4)
    scores = rng.random(40_000)
    happened, predicted = rng.random(40_000) < scores, scores > 0.4
    before, now = slice(0, 20_000), slice(20_000, 40_000)
    fitted = cbpe.fit(of_rows(scores[before], predicted[before]), happened[before], resamples=0)
    found = estimated_value.of_two(fitted, of_rows(scores[now], predicted[now]), "late", CELLS)
    names = [np.where(side[now], "late", "ok") for side in (happened, predicted)]
    assert found.lower <= value_per_row.of_classes(*names, CELLS).mean() <= found.upper
    assert found.upper - found.lower < 0.3


def test_of_more_classes_than_two_no_worth_is_expected() -> None:
    fitted = cbpe.Fitted(None, {}, {}, dict.fromkeys(cbpe.OUTCOMES, 0.25))
    rows = of_rows(np.array([0.9]), np.array([True]))
    assert estimated_value.of_two(fitted, rows, "late", {**CELLS, "cancelled": {"late": -50.0}}) is None
