"""Reliability diagram, temperature and conformal coverage: against scikit-learn, direct minimisation and simulation."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from detectors import conformal, temperature
from detectors.forecasts import of_several, of_two
from detectors.outcomes import Outcomes, Task
from detectors.performance import estimates, measure_performance
from detectors.reliability import measure_reliability

BINARY, SEVERAL = Task("binary", "late"), Task("multiclass")


def of_classes(scores: np.ndarray, happened: np.ndarray, days: int = 1, weights: np.ndarray | None = None) -> Outcomes:
    names = [np.where(side, "late", "ok") for side in (scores > 0.5, happened)]
    return Outcomes(*names, {"late": scores}, weights, np.arange(len(scores)) % days, len(scores))


def drawn(seed: int, heat: float = 1.0, rows: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose log-odds are so many times too large, and what happened."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.5, 1.2, rows)
    return expit(heat * odds), rng.random(rows) < expit(odds)


def test_bins_are_those_of_scikit_learns_reliability_curve() -> None:
    scores, happened = drawn(1, heat=2.0)
    found = list(measure_reliability(of_two(of_classes(scores, happened), "late")))
    frequency, mean = calibration_curve(happened, scores, n_bins=10)
    assert [m.value for m in found] == pytest.approx(frequency.tolist())
    assert [m.expected for m in found] == pytest.approx(mean.tolist())
    assert [m.column for m in found] == [f"{k / 10:g} to {(k + 1) / 10:g}" for k in range(10)]
    rows = np.histogram(scores, 10, (0, 1))[0]
    assert [m.rows for m in found] == rows.tolist()
    known = binomtest(round(frequency[2] * rows[2]), int(rows[2])).proportion_ci(method="wilson")
    assert (found[2].lower, found[2].upper) == pytest.approx((known.low, known.high))
    over_days = list(measure_reliability(of_two(of_classes(scores, happened, days=40), "late")))
    assert over_days[2].basis.startswith("cluster, design effect ")
    assert over_days[2].value == found[2].value


def test_a_bin_whose_rows_are_all_alike_is_not_sure_of_it_whatever_the_clusters() -> None:
    rows = of_classes(np.full(60, 0.05), np.zeros(60, bool), days=40)
    (found,) = measure_reliability(of_two(rows, "late"))
    assert (found.value, found.lower, found.upper) == (
        0.0,
        0.0,
        pytest.approx(binomtest(0, 60).proportion_ci(method="wilson").high),
    )


def test_bins_of_several_classes_are_of_the_predicted_one_and_empty_bins_are_not_there() -> None:
    scores = {"a": np.array([0.7, 0.72, 0.1]), "b": np.array([0.2, 0.2, 0.3]), "c": np.array([0.1, 0.08, 0.6])}
    rows = Outcomes(np.array(["a", "a", "c"]), np.array(["a", "b", "c"]), scores, None, np.zeros(3, np.int64), 3)
    found = {m.column: (m.value, pytest.approx(m.expected)) for m in measure_reliability(of_several(rows))}
    assert found == {"0.6 to 0.7": (1.0, 0.6), "0.7 to 0.8": (0.5, 0.71)}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("heat", [0.4, 1.0, 3.0])
def test_the_temperature_has_the_least_log_loss(heat, weighted) -> None:
    scores, happened = drawn(2, heat)
    weights = np.random.default_rng(3).choice([1.0, 4.0], scores.size) if weighted else None
    found = estimates(of_classes(scores, happened, weights=weights), BINARY)["temperature"]
    odds = np.log(scores / (1 - scores))

    def loss(log_heat: float) -> float:
        return log_loss(happened, y_proba=expit(odds / np.exp(log_heat)), sample_weight=weights)

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert found.value == pytest.approx(np.exp(best.x), rel=1e-5)
    assert found.lower < heat < found.upper


def test_the_temperature_of_several_classes_too() -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(3_000, 4))
    happened = np.array([rng.choice(4, p=p) for p in softmax(logits, axis=1)])
    said = softmax(1.7 * logits, axis=1)
    names = np.array(list("abcd"))
    scores = {name: said[:, k] for k, name in enumerate(names.tolist())}
    rows = Outcomes(names[said.argmax(axis=1)], names[happened], scores, None, np.zeros(3_000, np.int64), 3_000)
    found = estimates(rows, SEVERAL)["temperature"]

    def loss(log_heat: float) -> float:
        return -log_softmax(1.7 * logits / np.exp(log_heat), axis=1)[np.arange(3_000), happened].mean()

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert found.value == pytest.approx(np.exp(best.x), rel=1e-5)
    assert found.lower < 1.7 < found.upper


@pytest.mark.parametrize(
    ("scores", "happened"),
    [
        ([0.9, 0.8, 0.1, 0.2], [True, True, False, False]),
        ([0.9, 0.8, 0.1, 0.2], [False, False, True, True]),
        ([0.5] * 4, [True, False, True, False]),
        ([], []),
    ],
    ids=["parts the classes", "says the opposite", "says nothing", "no rows"],
)
def test_there_is_no_temperature_where_none_is_the_best(scores, happened) -> None:
    table = np.column_stack([1 - np.array(scores), np.array(scores)])
    assert temperature.estimate(table, np.array(happened, np.int64)).value is None


def test_intervals_of_the_temperature_hold_it_as_often_as_they_say() -> None:
    """Days whose scores are too sure or not sure enough by themselves, where independent rows would not do."""
    rng = np.random.default_rng(5)
    days = np.repeat(np.arange(60), 30)
    held = independent = 0
    truth = _limit(rng)
    for _ in range(200):
        table, happened = _by_day(rng, days)
        robust, plain = (temperature.estimate(table, happened, keys=keys) for keys in (days, None))
        held += robust.lower <= truth <= robust.upper
        independent += plain.lower <= truth <= plain.upper
    assert held / 200 > 0.9
    assert independent < held


def _by_day(rng: np.random.Generator, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    odds = rng.normal(size=days.size)
    chance = expit(odds * rng.choice([0.2, 1.8], int(days.max()) + 1)[days])
    said = expit(2 * odds)
    return np.column_stack([1 - said, said]), (rng.random(days.size) < chance).astype(np.int64)


def _limit(rng: np.random.Generator) -> float:
    """The temperature of very many days."""
    return temperature.estimate(*_by_day(rng, np.repeat(np.arange(6_000), 30))).value


def test_the_threshold_is_the_rank_that_split_conformal_prediction_takes() -> None:
    of_labels = np.random.default_rng(6).random(387)
    scores = np.sort(1 - of_labels)
    rank = int(np.ceil(388 * 0.9))  # of the scores of nonconformity
    assert conformal.threshold(of_labels).value == pytest.approx(1 - scores[rank - 1])
    found = conformal.threshold(of_labels)
    assert found.lower < found.value < found.upper
    assert conformal.threshold(of_labels[:8]).value == 0.0  # too few to leave a class out


def test_sets_hold_what_happens_in_nine_of_ten_rows_to_come() -> None:
    """In the mean over references of 99 rows, where 90 in 100 are promised exactly."""
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(400):
        least = conformal.threshold(rng.beta(2, 1, 99)).value
        covered.append(conformal.held(rng.beta(2, 1, 500), least).mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.006)


def test_a_window_is_held_against_the_threshold_of_the_reference() -> None:
    before, now = of_classes(*drawn(8)), of_classes(*drawn(9, heat=4.0), days=40)
    reference = {
        name: {"value": e.value, "lower": e.lower, "upper": e.upper, "rows": e.rows}
        for name, e in estimates(before, BINARY).items()
    }
    told = {m.metric: m for m in measure_performance(now, reference, BINARY)}
    scores, happened = now.scores["late"], now.actual == "late"
    least = reference["conformal_threshold"]["value"]
    coverage = told["conformal_coverage"]
    assert coverage.value == pytest.approx((np.where(happened, scores, 1 - scores) >= least).mean())
    assert (coverage.expected, coverage.reference_rows, coverage.status) == (0.9, 2_000, "ok")
    assert coverage.upper < 0.9
    assert coverage.basis.startswith("cluster")
    assert told["temperature"].expected == reference["temperature"]["value"]
    assert "conformal_coverage" not in {m.metric for m in measure_performance(now, {}, BINARY)}
