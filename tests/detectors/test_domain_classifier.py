"""The domain classifier: against scikit-learn, and the level of its test and the coverage of its interval by simulation."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from detectors.multivariate import domain_classifier, logistic
from detectors.multivariate.classifier_columns import expand
from detectors.multivariate.domain_classifier import FOLDS, measure, null_variance
from detectors.multivariate.encoding import one_hot


def _normal(seed: int, rows: int, columns: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (rows, columns))


def test_the_regression_is_scikit_learns():
    rows = _normal(1, 300, 6)
    positives = _normal(2, 300, 1)[:, 0] + rows[:, 0] > 0.4
    ours = logistic.fit(rows, positives, penalty=3.0)
    fitted = LogisticRegression(C=1 / 3.0, tol=1e-8, max_iter=1000).fit(rows, positives)
    assert ours == pytest.approx(np.append(fitted.coef_[0], fitted.intercept_), abs=2e-4)


@pytest.mark.parametrize(("columns", "shift"), [(3, 0.3), (40, 0.1), (100, 0.1)])
def test_the_area_is_that_of_scikit_learn_on_the_same_folds(columns, shift):
    window, reference = _normal(1, 300, columns, shift), _normal(2, 400, columns)
    generator = np.random.default_rng(7)
    order = [generator.permutation(len(side)) for side in (window, reference)]  # which rows are taken: all
    folds = np.concatenate([generator.permutation(len(side)) % FOLDS for side in order])
    features, positives = expand(np.vstack([window, reference])), np.arange(700) < 300
    areas = []
    for fold in range(1, FOLDS):
        fitted = LogisticRegression(C=1 / features.shape[1], tol=1e-8, max_iter=1000)
        fitted.fit(features[folds < fold], positives[folds < fold])
        now = folds == fold
        areas.append(roc_auc_score(positives[now], fitted.decision_function(features[now])))
    assert measure(window, reference, seed=7).estimate.value == pytest.approx(np.mean(areas), abs=2e-3)


def test_the_variance_of_nothing_is_scipys():
    scores, positives = np.round(_normal(3, 80, 1)[:, 0], 1), np.arange(80) < 30
    area = (stats.rankdata(scores)[positives].sum() - 30 * 31 / 2) / (30 * 50)
    ours = 2 * stats.norm.sf(abs(area - 0.5) / np.sqrt(null_variance(scores, positives)))
    theirs = stats.mannwhitneyu(scores[positives], scores[~positives], method="asymptotic", use_continuity=False)
    assert ours == pytest.approx(theirs.pvalue, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "columns", "rounds"), [(60, 90, 3, 300), (100, 300, 30, 150), (50, 50, 80, 150)])
def test_the_level_is_kept_by_simulation(n, m, columns, rounds):
    """Clean pairs: rejections at 5% and 20% within 4 standard errors, and no area to speak of."""
    found = [measure(_normal(2 * i, n, columns), _normal(2 * i + 1, m, columns), seed=i) for i in range(rounds)]
    ps = np.array([f.p for f in found])
    for level in (0.05, 0.2):
        assert abs((ps <= level).mean() - level) <= 4 * np.sqrt(level * (1 - level) / rounds)
    areas = np.array([f.estimate.value for f in found])
    assert abs(areas.mean() - 0.5) <= 4 * areas.std() / np.sqrt(rounds)


def test_the_interval_covers_by_simulation():
    """A shift so plain that every fold learns nearly the best direction: its area is in at least 90% of 95% intervals."""
    best = stats.norm.cdf(1.0 / np.sqrt(2))
    found = [measure(_normal(2 * i, 300, 1, 1.0), _normal(2 * i + 1, 300, 1), seed=i).estimate for i in range(100)]
    assert sum(f.lower <= best <= f.upper for f in found) >= 90


@pytest.mark.parametrize("kind", ["shift", "spread", "dependence", "embedding", "category"])
def test_known_changes_are_seen(kind):
    columns = 200 if kind == "embedding" else 4
    window, reference = _normal(1, 700, columns), _normal(2, 900, columns)
    if kind in ("shift", "embedding"):
        window += 0.15
    elif kind == "spread":
        window *= 1.3
    elif kind == "dependence":
        window[:, 1] = 0.6 * window[:, 0] + 0.8 * window[:, 1]
    else:
        rng = np.random.default_rng(3)
        coded = one_hot(
            rng.choice(["JFK", "EWR", "LGA"], 700, p=[0.4, 0.3, 0.3]).tolist(),
            rng.choice(["JFK", "EWR", "LGA"], 900, p=[0.25, 0.45, 0.3]).tolist(),
        )
        window, reference = np.hstack([window, coded[0]]), np.hstack([reference, coded[1]])
    found = measure(window, reference)
    assert found.p < 1e-4
    assert found.estimate.lower > 0.5


def test_a_change_of_where_the_holes_are_is_seen():
    window, reference = _normal(1, 400, 2), _normal(2, 400, 2)
    window[:80, 1] = np.nan
    reference[:20, 1] = np.nan
    assert measure(window, reference).p < 1e-3


def test_the_same_seed_gives_the_same_answer():
    window, reference = _normal(1, 80, 2), _normal(2, 90, 2)
    assert measure(window, reference, seed=3) == measure(window, reference, seed=3)
    assert measure(window, reference, seed=3) != measure(window, reference, seed=4)


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_constant_columns_say_nothing(value):
    found = measure(np.full((60, 2), value), np.full((70, 2), value))
    assert (found.estimate.value, found.p) == (0.5, 1.0)


def test_infinite_values_are_the_furthest():
    window, reference = _normal(1, 80, 2), _normal(2, 90, 2)
    window[:9, 0] = np.inf
    assert 0 < measure(window, reference).p < 1


@pytest.mark.parametrize(("n", "m"), [(0, 100), (1, 100), (100, 49)])
def test_too_few_rows_have_no_area(n, m):
    found = measure(np.zeros((n, 2)), np.zeros((m, 2)))
    assert (found.estimate.value, found.p) == (None, None)


def test_shapes_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="same columns"):
        measure(np.zeros((60, 2)), np.zeros((60, 3)))


def test_no_more_rows_are_taken_than_the_bound(monkeypatch):
    monkeypatch.setattr(domain_classifier, "_MOST_ROWS", 60)
    assert measure(_normal(1, 500, 2), _normal(2, 900, 2)).estimate.rows == 120


def test_the_most_frequent_categories_have_columns():
    window, reference = one_hot(["a", "b", None, "c"], ["a", "b", "b", None, None, None], most=2)
    assert window.tolist() == [[0, 0], [0, 1], [1, 0], [0, 0]]
    assert reference.sum(axis=0).tolist() == [3, 2]
