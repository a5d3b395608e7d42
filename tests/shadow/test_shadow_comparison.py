"""The comparison against scikit-learn and scipy, and its intervals against simulation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics

from shadow.comparison import Comparison, compare
from shadow.deltas import Delta
from shadow.pairs import ClassPairs, NumberPairs

Rng = np.random.Generator
CLASSES = ("late", "on_time")


def pairs_of(rng: Rng, rows: int, days: int, classes: tuple[str, ...] = CLASSES, shock: float = 0.0) -> ClassPairs:
    """A champion right in 70% and a candidate right in 80%; `shock` makes whole days hard for the champion."""
    actual = rng.integers(0, len(classes), rows)
    day = np.sort(rng.integers(0, days, rows))
    hard = shock * rng.choice([-1.0, 1.0], days)[day]
    right = rng.random(rows) < 0.7 - hard, rng.random(rows) < 0.8
    champion, candidate = (
        np.where(r, actual, (actual + rng.integers(1, len(classes), rows)) % len(classes)) for r in right
    )
    scores = [np.clip(rng.normal(0.35 + 0.3 * (guess == 0), 0.2), 0.01, 0.99) for guess in (champion, candidate)]
    return ClassPairs(
        classes, champion, candidate, actual, *scores, "late" if len(classes) == 2 else "", np.ones(rows), day
    )


def delta_of(found: Comparison, name: str) -> Delta:
    delta = found.metric(name)
    assert delta is not None
    return delta


@pytest.mark.parametrize("classes", [CLASSES, ("a", "b", "c")])
@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_scikit_learns(classes: tuple[str, ...], weighted: bool) -> None:
    rng = np.random.default_rng(1)
    pairs = pairs_of(rng, 1_000, 5, classes)
    if weighted:
        pairs = replace(pairs, weights=rng.integers(1, 4, 1_000).astype(float))
    found, weights, truth = compare(pairs), pairs.weights, pairs.actual
    average: dict[str, Any] = {"average": "binary", "pos_label": 0} if len(classes) == 2 else {"average": "macro"}
    for side, guess in (("champion", pairs.champion), ("candidate", pairs.candidate)):
        said = {name: getattr(delta_of(found, name), side) for name in ("accuracy", "precision", "recall", "f1")}
        assert said["accuracy"] == pytest.approx(metrics.accuracy_score(truth, guess, sample_weight=weights))
        for name in ("precision", "recall", "f1"):
            theirs = getattr(metrics, f"{name}_score")(truth, guess, sample_weight=weights, **average)
            assert said[name] == pytest.approx(theirs), name
    agreed = metrics.accuracy_score(pairs.champion, pairs.candidate, sample_weight=weights)
    assert found.agreement == pytest.approx(agreed)
    assert found.kappa == pytest.approx(
        metrics.cohen_kappa_score(pairs.champion, pairs.candidate, sample_weight=weights)
    )
    np.testing.assert_array_equal(found.churn, metrics.confusion_matrix(pairs.champion, pairs.candidate))
    assert (found.metric("roc_auc") is None) == (len(classes) == 3)


def test_the_area_and_its_interval_are_delongs() -> None:
    pairs = pairs_of(np.random.default_rng(2), 400, 5)
    found, positives = delta_of(compare(pairs), "roc_auc"), pairs.actual == 0
    assert found.champion == pytest.approx(metrics.roc_auc_score(positives, pairs.champion_scores))
    assert found.candidate == pytest.approx(metrics.roc_auc_score(positives, pairs.candidate_scores))
    variance = _delong_variance(pairs.champion_scores, pairs.candidate_scores, positives)
    assert found.difference is not None
    assert (found.lower, found.upper) == pytest.approx(stats.norm.interval(0.95, found.difference, variance**0.5))


def test_a_mean_loss_has_the_paired_t_tests_variance() -> None:
    pairs = pairs_of(np.random.default_rng(3), 500, 5)
    found, positives = delta_of(compare(pairs), "log_loss"), pairs.actual == 0
    one, other = (-np.log(np.where(positives, s, 1 - s)) for s in (pairs.champion_scores, pairs.candidate_scores))
    assert found.champion == pytest.approx(metrics.log_loss(positives, pairs.champion_scores))
    interval = stats.norm.interval(0.95, (other - one).mean(), stats.sem(other - one))
    assert (found.lower, found.upper) == pytest.approx(interval)


def test_mcnemar_is_the_binomial_test_when_few_differ_and_chi_square_else() -> None:
    few = pairs_of(np.random.default_rng(4), 40, 5)
    found = compare(few).mcnemar
    assert found is not None
    one, other = few.champion == few.actual, few.candidate == few.actual
    assert (found.b, found.c) == (int((one & ~other).sum()), int((other & ~one).sum()))
    assert found.p_value == pytest.approx(stats.binomtest(found.b, found.b + found.c).pvalue)
    found = compare(pairs_of(np.random.default_rng(4), 4_000, 5)).mcnemar
    assert found is not None
    statistic = (abs(found.b - found.c) - 1) ** 2 / (found.b + found.c)
    assert (found.statistic, found.p_value) == pytest.approx((statistic, stats.chi2.sf(statistic, 1)))


def test_from_thirty_days_the_interval_is_a_bootstrap_of_days() -> None:
    rng = np.random.default_rng(5)
    pairs = pairs_of(rng, 3_000, 60, shock=0.2)
    drawn = [compare(_resampled(pairs, rng)) for _ in range(300)]
    student = stats.t.ppf(0.975, len(np.unique(pairs.days)) - 1)
    for found in compare(pairs).metrics:
        assert found.basis == "cluster"
        assert found.upper is not None
        assert found.lower is not None
        theirs = np.std(np.array([delta_of(other, found.metric).difference for other in drawn], float))
        assert (found.upper - found.lower) / 2 / student == pytest.approx(theirs, rel=0.15), found.metric


def test_days_that_are_hard_as_a_whole_widen_the_interval() -> None:
    pairs = pairs_of(np.random.default_rng(6), 6_000, 40, shock=0.25)
    together = delta_of(compare(pairs), "accuracy")
    apart = delta_of(compare(replace(pairs, days=pairs.days % 29)), "accuracy")
    assert (together.basis, apart.basis) == ("cluster", "iid")
    assert together.upper is not None
    assert together.lower is not None
    assert apart.upper is not None
    assert apart.lower is not None
    assert together.upper - together.lower > 2 * (apart.upper - apart.lower)


def test_models_that_never_differ_leave_room_for_a_difference() -> None:
    pairs = pairs_of(np.random.default_rng(7), 50, 5)
    found = delta_of(compare(replace(pairs, candidate=pairs.champion)), "accuracy")
    assert found.difference == 0
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < -0.03
    assert found.upper > 0.03


def test_what_either_model_left_out_is_not_compared() -> None:
    pairs = pairs_of(np.random.default_rng(8), 10, 5)
    gaps = {"champion": [0], "candidate": [0, 1], "actual": [2, 3]}
    holed = {name: np.where(np.isin(np.arange(10), rows), -1, getattr(pairs, name)) for name, rows in gaps.items()}
    found = compare(replace(pairs, **holed))
    assert (found.rows, found.unscored, found.labels, np.sum(found.churn)) == (10, 1, 8, 8)
    assert delta_of(found, "accuracy").rows == 6


def test_regressions_compare_by_their_errors() -> None:
    rng = np.random.default_rng(9)
    actual = rng.normal(size=400)
    champion, candidate = actual + rng.normal(0, 1, 400), actual + rng.normal(0, 0.5, 400)
    found = compare(NumberPairs(champion, candidate, actual, np.ones(400), np.arange(400) // 100))
    assert (found.agreement, found.kappa, found.classes, found.churn, found.mcnemar) == (None, None, (), (), None)
    mae, rmse = delta_of(found, "mae"), delta_of(found, "rmse")
    assert mae.champion == pytest.approx(metrics.mean_absolute_error(actual, champion))
    assert rmse.candidate == pytest.approx(metrics.root_mean_squared_error(actual, candidate))
    errors = np.abs(candidate - actual) - np.abs(champion - actual)
    assert (mae.lower, mae.upper) == pytest.approx(stats.norm.interval(0.95, errors.mean(), stats.sem(errors)))
    squares = np.array([(candidate - actual) ** 2, (champion - actual) ** 2])
    drawn = [
        np.sqrt(squares[0, rows].mean()) - np.sqrt(squares[1, rows].mean())
        for rows in (rng.integers(0, 400, 400) for _ in range(1_000))
    ]
    assert rmse.upper is not None
    assert rmse.lower is not None
    assert (rmse.upper - rmse.lower) / 3.92 == pytest.approx(np.std(drawn), rel=0.1)


def test_no_rows_at_all() -> None:
    nothing = pairs_of(np.random.default_rng(10), 10, 5).only(np.zeros(10, bool))
    found = compare(nothing)
    assert (found.rows, found.agreement, found.kappa, found.metrics, found.label_coverage) == (0, None, None, (), None)


def _resampled(pairs: ClassPairs, rng: Rng) -> ClassPairs:
    """Days drawn with replacement, each draw a day of its own."""
    drawn = rng.choice(np.unique(pairs.days), len(np.unique(pairs.days)))
    rows = [np.flatnonzero(pairs.days == day) for day in drawn]
    order = np.concatenate(rows)
    columns = ("champion", "candidate", "actual", "champion_scores", "candidate_scores", "weights")
    taken = {name: getattr(pairs, name)[order] for name in columns}
    return replace(pairs, **taken, days=np.repeat(np.arange(len(drawn)), [len(r) for r in rows]))


def _delong_variance(one: NDArray[Any], other: NDArray[Any], positives: NDArray[np.bool_]) -> float:
    """By the definition: every positive against every negative."""

    def kernel(scores: NDArray[Any]) -> NDArray[Any]:
        up, down = scores[positives][:, None], scores[~positives][None, :]
        return np.asarray((up > down) + 0.5 * (up == down))

    psi = kernel(other) - kernel(one)
    across, along = psi.mean(axis=1), psi.mean(axis=0)
    return float(across.var(ddof=1) / across.size + along.var(ddof=1) / along.size)
