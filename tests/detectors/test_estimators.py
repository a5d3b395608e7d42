"""What is fitted to a labelled reference: which estimator, on which rows, against which windows; how it is stored, and doubted."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from detectors.estimated import TOO_FEW, measure_error
from detectors.outcomes import Outcomes, Task
from detectors.without_labels import cbpe, codec, fitting, trust
from detectors.without_labels.estimator import OfNumbers, OfSeveral, OfTwo
from detectors.without_labels.fitting import Cut, Featured
from detectors.without_labels.sampling_error import WIDTH
from kernel.clock import DAY_US
from kernel.errors import ContractError
from kernel.measurement import Measurement, Status
from kernel.windows import WindowSize

ROWS, DAYS = 6_000, 10
LATE = Task("binary", "late")
CUT = Cut(WindowSize("1d"), 100)


def moments(rows: int = ROWS) -> np.ndarray:
    return np.sort(np.random.default_rng(9).integers(0, DAYS * DAY_US, rows))


def two_classes(rows: int = ROWS, weights: np.ndarray | None = None) -> Outcomes:
    rng = np.random.default_rng(1)
    scores = rng.random(rows)
    actual = np.where(rng.random(rows) < 0.2 + 0.5 * scores, "late", "ok")
    predicted, when = np.where(scores > 0.5, "late", "ok"), moments(rows)
    return Outcomes(predicted, actual, {"late": scores}, weights, when // DAY_US, rows, when)


def taken(found: Outcomes, rows: np.ndarray) -> Outcomes:
    scores = {name: of[rows] for name, of in found.scores.items()}
    when = found.moments_us[rows]
    return Outcomes(found.predicted[rows], found.actual[rows], scores, None, when // DAY_US, rows.size, when)


def several_classes(rows: int = ROWS) -> Outcomes:
    rng = np.random.default_rng(2)
    scores = rng.dirichlet([1.0, 1.0, 1.0], rows)
    names, when = np.array(["a", "b", "c"]), moments(rows)
    actual = names[np.minimum(2, (scores.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1))]
    by_class = {name: scores[:, i] for i, name in enumerate(names.tolist())}
    return Outcomes(names[scores.argmax(axis=1)], actual, by_class, None, when // DAY_US, rows, when)


def numbers(rows: int = ROWS) -> tuple[Outcomes, Featured]:
    rng = np.random.default_rng(3)
    x, when = rng.random(rows), moments(rows)
    labels = rng.normal(0, 1 + 3 * x)
    found = Outcomes(np.zeros(rows), labels, {}, None, when // DAY_US, rows, when)
    sample = Featured((("x", "numbers"), ("c", "texts")), [x, ["u"] * rows], np.zeros(rows), labels, when)
    return found, sample


@pytest.fixture(scope="module")
def fitted() -> dict[type, OfTwo | OfSeveral | OfNumbers | None]:
    return {
        OfTwo: fitting.of_classes(two_classes(), LATE, CUT),
        OfSeveral: fitting.of_classes(several_classes(), Task("multiclass"), CUT),
        OfNumbers: fitting.of_numbers(*numbers(), CUT),
    }


@pytest.mark.parametrize("kind", [OfTwo, OfSeveral, OfNumbers])
def test_what_was_fitted_comes_back_from_json_as_it_was(kind, fitted) -> None:
    assert isinstance(fitted[kind], kind)
    text = json.dumps(codec.to_json(fitted[kind]), allow_nan=False)
    assert codec.from_json(json.loads(text)) == fitted[kind]
    assert len(text) < 1_000_000


def test_what_cannot_be_read_says_what_to_do() -> None:
    for stored in ({}, {"estimator": "a later one"}, {"estimator": "cbpe", "positive": 3}):
        with pytest.raises(ContractError, match="put the reference again"):
            codec.from_json(stored)


def test_a_number_that_is_none_is_not_stored() -> None:
    with pytest.raises(ValueError, match="not finite"):
        codec.to_json(OfTwo("late", cbpe.Fitted(None, {"accuracy": math.inf}, {})))


def test_thresholds_are_those_of_the_reference_s_own_windows(fitted) -> None:
    rows = two_classes()
    right = rows.predicted == rows.actual
    daily = np.array([right[rows.clusters == day].mean() for day in range(DAYS)])
    found = fitted[OfTwo].fitted.thresholds["accuracy"]
    assert (found.lower, found.upper) == pytest.approx((daily.mean() - 3 * daily.std(), daily.mean() + 3 * daily.std()))
    one = fitting.of_classes(rows, LATE, Cut(WindowSize("1mo"), 100))
    assert (one.fitted.thresholds, one.spread) == ({}, 0.0)  # of one window nobody knows how windows differ


def test_a_window_with_few_rows_is_no_threshold(fitted) -> None:
    rows = two_classes()
    alone = np.append(rows.moments_us[:-3], rows.moments_us[-3:] + 5 * DAY_US)  # three rows days later
    odd = replace(rows, clusters=alone // DAY_US, moments_us=alone)
    found = fitting.of_classes(odd, LATE, CUT).fitted.thresholds["accuracy"]
    assert found.lower == pytest.approx(fitted[OfTwo].fitted.thresholds["accuracy"].lower, abs=0.01)


def test_of_more_rows_than_are_fitted_on_thresholds_are_still_of_all(fitted) -> None:
    cut = replace(CUT, most_rows=1_000)
    found = fitting.of_classes(two_classes(), LATE, cut)
    assert found.fitted.thresholds == fitted[OfTwo].fitted.thresholds
    assert found.fitted.calibration != fitted[OfTwo].fitted.calibration
    assert found == fitting.of_classes(two_classes(), LATE, cut)  # the same rows are drawn


@pytest.mark.parametrize(
    "rows",
    [
        replace(two_classes(), actual=np.full(ROWS, "ok")),
        two_classes(rows=50),
        replace(two_classes(), scores={}),
        replace(two_classes(), scores={"late": np.full(ROWS, np.nan)}),
    ],
    ids=["one class", "few rows", "no scores", "no score of a row"],
)
def test_a_reference_that_says_nothing_has_no_estimator(rows) -> None:
    assert fitting.of_classes(rows, LATE, CUT) is None


def test_rows_without_a_score_are_left_out() -> None:
    whole = two_classes()
    holed = replace(whole, scores={"late": np.where(np.arange(ROWS) % 2, whole.scores["late"], np.nan)})
    half = taken(whole, np.arange(1, ROWS, 2))
    assert fitting.of_classes(holed, LATE, CUT) == fitting.of_classes(half, LATE, CUT)


def test_weights_count_as_so_many_rows() -> None:
    weights = np.where(np.arange(ROWS) % 2, 2.0, 1.0)
    repeated = taken(two_classes(), np.repeat(np.arange(ROWS), weights.astype(int)))
    found = [fitting.of_classes(rows, LATE, CUT).fitted for rows in (two_classes(weights=weights), repeated)]
    scores = np.linspace(0, 1, 20)
    assert found[0].chances(scores) == pytest.approx(found[1].chances(scores))
    assert found[0].thresholds["accuracy"].lower == pytest.approx(found[1].thresholds["accuracy"].lower)


def test_how_far_estimates_are_off_from_window_to_window_is_told_from_sampling() -> None:
    rng = np.random.default_rng(4)
    rows, error, off = np.full(400, 500.0), 0.4, 0.05
    sampled = rng.normal(0, error / np.sqrt(rows))
    assert trust.spread(sampled, rows, error) == pytest.approx(0.0, abs=0.008)
    assert trust.spread(sampled + rng.normal(0, off, 400), rows, error) == pytest.approx(off, rel=0.1)


def test_chance_is_outside_as_often_as_three_errors_have_it() -> None:
    rng = np.random.default_rng(5)
    error, labels, reference = 0.4, 300, 900
    gaps = rng.normal(0, error / math.sqrt(labels), 100_000) - rng.normal(0, error / math.sqrt(reference), 100_000)
    outside = np.mean([trust.miss(gap, error, labels, reference) > 1 for gap in gaps])
    assert outside == pytest.approx(2 * stats.norm.sf(WIDTH), rel=0.3)


@pytest.mark.parametrize(("windows", "outside"), [(1, 1), (20, 1), (2, 2), (20, 2)])
def test_an_estimate_is_doubted_where_chance_puts_so_many_outside_once_in_five_hundred(windows, outside) -> None:
    misses = np.full(30, 5.0)  # what is longer ago does not count
    misses[30 - 20 :] = 0.5
    misses[30 - outside :] = 1.5
    by_chance = stats.binom.sf(outside - 1, windows, 2 * stats.norm.sf(WIDTH))
    assert bool(trust.doubt(misses[-max(windows, 1) :] if windows < 20 else misses)) == (by_chance < 1 / 500)


@pytest.mark.parametrize(
    ("coverage", "found"), [(0.5, (0.75, Status.OK, "of accuracy")), (0.49, (None, Status.INSUFFICIENT, TOO_FEW))]
)
def test_the_error_of_an_estimate_needs_labels_for_half_of_the_rows(coverage, found) -> None:
    estimator = OfTwo("late", cbpe.Fitted(None, {"accuracy": 0.4}, {}))
    values = {"estimated_accuracy": 0.9, "accuracy": 0.945, "label_coverage": coverage}
    here = [Measurement(name, "", value, Status.OK, rows=800) for name, value in values.items()]
    (error,) = measure_error(estimator, here, {"accuracy": {"rows": 800}})
    assert (error.value if error.value is None else round(error.value, 6), error.status, error.basis) == found
