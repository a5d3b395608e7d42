"""ROC AUC, average precision, log loss, Brier, regression against scikit-learn; DeLong against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn import metrics

from detectors import (
    average_precision,
    bias,
    brier,
    calibration_error,
    log_loss,
    mae,
    mape,
    mean_sums,
    r2,
    rmse,
    roc_auc,
)
from detectors.delong import placements

few = settings(max_examples=40, deadline=None, derandomize=True)

scored = st.lists(
    st.tuples(st.integers(0, 12).map(lambda k: k / 12), st.booleans(), st.integers(1, 4)), min_size=2, max_size=80
)


def _arrays(rows):
    scores, positives, weights = (np.array(side) for side in zip(*rows, strict=True))
    return scores.astype(float), positives.astype(bool), weights.astype(float)


@few
@given(scored)
def test_areas_equal_scikit_learns(rows):
    scores, positives, weights = _arrays(rows)
    if not positives.any():
        assert average_precision.value(scores, positives, weights) is None
    else:
        expected = metrics.average_precision_score(positives, scores, sample_weight=weights)
        assert average_precision.value(scores, positives, weights) == pytest.approx(expected, abs=1e-12)
    if positives.all() or not positives.any():
        assert roc_auc.value(scores, positives, weights) is None
    else:
        expected = metrics.roc_auc_score(positives, scores, sample_weight=weights)
        assert roc_auc.value(scores, positives, weights) == pytest.approx(expected, abs=1e-12)


@few
@given(scored)
def test_delong_equals_its_definition(rows):
    scores, positives, _ = _arrays(rows)
    up, down = scores[positives], scores[~positives]
    if min(up.size, down.size) < 2:
        return
    kernel = (up[:, None] > down) + 0.5 * (up[:, None] == down)
    variance = kernel.mean(axis=1).var(ddof=1) / up.size + kernel.mean(axis=0).var(ddof=1) / down.size
    found = placements(scores, positives)
    assert found.area == pytest.approx(kernel.mean(), abs=1e-12)
    assert found.error == pytest.approx(np.sqrt(variance), abs=1e-12)
    assert found.influences.sum() == pytest.approx(0, abs=1e-12)


def test_delongs_interval_covers_the_true_area():
    rng = np.random.default_rng(0)
    truth = special.ndtr(1 / np.sqrt(2))
    covered = []
    for _ in range(500):
        positives = np.arange(200) < 60
        found = roc_auc.estimate(rng.normal(positives.astype(float)), positives)
        covered.append(found.lower <= truth <= found.upper)
    assert np.mean(covered) == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / 500))


def test_a_clustered_area_has_a_wider_interval():
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(40), 50)
    positives = rng.random(2000) < 0.4
    scores = rng.normal(positives * rng.uniform(-1, 3, 40)[days])
    iid, robust = roc_auc.estimate(scores, positives), roc_auc.estimate(scores, positives, cluster_keys=days)
    few = roc_auc.estimate(scores, positives, cluster_keys=days % 29)
    assert (iid.basis, robust.basis, few.basis) == ("iid", "cluster", "iid")
    assert robust.value == iid.value
    assert robust.upper - robust.lower > 1.5 * (iid.upper - iid.lower)


def test_the_interval_of_average_precision_covers_and_is_wider_where_rows_cluster():
    rng = np.random.default_rng(3)
    many = rng.random(400_000) < 0.2
    truth = average_precision.value(rng.normal(many.astype(float)), many)
    covered = []
    for _ in range(300):
        positives = rng.random(1_000) < 0.2
        found = average_precision.estimate(rng.normal(positives.astype(float)), positives)
        covered.append(found.lower <= truth <= found.upper)
    assert np.mean(covered) == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / 300))
    copied = [np.repeat(side, 4) for side in (rng.normal(positives.astype(float)), positives)]
    robust = average_precision.estimate(*copied, keys=np.repeat(np.arange(1_000), 4))
    assert robust.design_effect == pytest.approx(4, rel=0.01)


@few
@given(scored)
def test_the_influence_on_average_precision_is_the_change_when_a_row_weighs_more(rows):
    scores, positives, weights = _arrays(rows)
    if min(positives.sum(), (~positives).sum()) < 2:
        return
    error, step = 0.0, 1e-6
    whole = average_precision.value(scores, positives, weights)
    for place in range(scores.size):
        more = weights * np.where(np.arange(scores.size) == place, 1 + step, 1.0)
        error += ((average_precision.value(scores, positives, more) - whole) / step) ** 2
    half = stats.norm.ppf(0.975) * np.sqrt(error * scores.size / (scores.size - 1))
    found = average_precision.estimate(scores, positives, weights)
    assert found.lower == pytest.approx(max(0.0, whole - half), abs=1e-4)
    assert found.upper == pytest.approx(min(1.0, whole + half), abs=1e-4)


def test_areas_of_pathological_scores():
    positives = np.array([True, False, True, False])
    assert roc_auc.estimate(np.full(4, 0.5), positives).value == 0.5
    assert roc_auc.estimate(np.array([1.0, 0, 1, 0]), positives).value == 1.0
    one = roc_auc.estimate(np.array([0.9, 0.1]), np.array([True, False]))
    assert (one.value, one.lower, one.upper) == (1.0, None, None)
    assert roc_auc.estimate(np.empty(0), np.empty(0, bool)).value is None
    with pytest.raises(ValueError, match="scores that are numbers"):
        roc_auc.value(np.array([np.nan, 1, 2, 3]), positives)


@few
@given(scored)
def test_binary_losses_equal_scikit_learns(rows):
    scores, positives, weights = _arrays(rows)
    labels = {"labels": [False, True], "sample_weight": weights}
    ours = log_loss.binary_sums(scores, positives, weights).value
    assert ours == pytest.approx(metrics.log_loss(positives, scores, **labels), rel=1e-12)
    ours = brier.binary_sums(scores, positives, weights).value
    expected = metrics.brier_score_loss(positives, scores, sample_weight=weights, pos_label=True)
    assert ours == pytest.approx(expected, rel=1e-12)


def test_multiclass_losses_equal_scikit_learns():
    rng = np.random.default_rng(2)
    scores, labels = rng.dirichlet(np.ones(4), 500), rng.integers(0, 4, 500)
    weights = rng.uniform(0.5, 3, 500)
    scores[:3] = np.eye(4)[1]
    ours = log_loss.sums(scores, labels, weights).value
    assert ours == pytest.approx(metrics.log_loss(labels, scores, sample_weight=weights), rel=1e-12)
    expected = metrics.brier_score_loss(labels, scores, sample_weight=weights, scale_by_half=False)
    assert brier.sums(scores, labels, weights).value == pytest.approx(expected, rel=1e-12)
    unknown = log_loss.sums(scores[3:5], np.array([-1, -1])).value
    assert unknown == pytest.approx(-np.log(np.finfo(float).eps))


def test_calibration_error_by_hand_and_at_the_edges():
    probability, positives = np.array([0.05, 0.95, 0.95, 1.0]), np.array([False, True, False, True])
    assert calibration_error.value(probability, positives) == pytest.approx((0.05 + 0.9) / 4)
    assert calibration_error.value(np.empty(0), np.empty(0, bool)) is None


columns = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 4)).map(lambda r: tuple(map(float, r))),
    min_size=2,
    max_size=60,
)
REGRESSION = {
    "mae": (mae, metrics.mean_absolute_error),
    "rmse": (rmse, metrics.root_mean_squared_error),
    "mape": (mape, metrics.mean_absolute_percentage_error),
    "r2": (r2, metrics.r2_score),
}


@pytest.mark.parametrize("name", REGRESSION)
@few
@given(columns)
def test_regression_equals_scikit_learns_and_merges(name, rows):
    labels, predictions, weights = (np.array(side) for side in zip(*rows, strict=True))
    ours, scikits = REGRESSION[name]
    half = labels.size // 2
    slices = (slice(None, half), slice(half, None))
    parts = [ours.sums(labels[part], predictions[part], weights[part]) for part in slices]
    merged, whole = parts[0].merge(parts[1]), ours.sums(labels, predictions, weights)
    value = merged.value if name == "r2" else ours.estimate(merged).value
    if name == "r2" and np.ptp(labels) == 0:
        assert value is None or value < -1e6
        return
    expected = scikits(labels, predictions, sample_weight=weights)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    value = ours.estimate(labels, predictions, weights).value if name == "r2" else ours.estimate(whole).value
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_bias_has_the_sign_of_what_the_model_says_too_much():
    found = bias.estimate(bias.sums(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 3.0])))
    assert found.value == pytest.approx(1.0)
    assert found.lower < 0 < found.upper


def test_r2_bears_a_large_offset():
    rng = np.random.default_rng(4)
    labels = 1e9 + rng.normal(size=1000)
    predictions = labels + rng.normal(size=1000) * 0.1
    parts = [r2.sums(labels[part::10], predictions[part::10]) for part in range(10)]
    total = r2.R2Sums()
    for part in parts:
        total = total.merge(part)
    assert total.value == pytest.approx(metrics.r2_score(labels, predictions), rel=1e-6)


def test_r2_has_a_cluster_robust_interval_that_covers():
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(200):
        parts = []
        for _ in range(40):
            labels = rng.normal(0, 2, 50)
            parts.append((labels, labels + rng.normal(size=50)))
        labels, predictions = map(np.concatenate, zip(*parts, strict=True))
        found = r2.estimate(labels, predictions, keys=np.repeat(range(40), 50))
        assert found.basis == "cluster"
        covered.append(found.lower <= 0.75 <= found.upper)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.07)


@few
@given(columns, columns)
def test_mean_sums_merge_to_the_sums_of_all_rows(first, second):
    (x, _, v), (y, _, w) = (tuple(np.array(side) for side in zip(*rows, strict=True)) for rows in (first, second))
    one, other = mean_sums.sum_up(x, v), mean_sums.sum_up(y, w)
    whole = mean_sums.sum_up(np.concatenate([x, y]), np.concatenate([v, w]))
    for merged in (one.merge(other), other.merge(one), mean_sums.merge_all([one, other])):
        assert merged.rows == whole.rows
        for field in ("weight", "total", "squares", "centre", "spread"):
            assert getattr(merged, field) == pytest.approx(getattr(whole, field), rel=1e-9, abs=1e-6)


def test_mean_sums_bear_a_large_offset_and_agree_with_student():
    x = 1e9 + np.random.default_rng(6).normal(size=5000)
    merged = mean_sums.merge_all([mean_sums.sum_up(part) for part in np.array_split(x, 50)])
    found = mean_sums.estimate(merged)
    half = stats.norm.ppf(0.975) * stats.sem(x)
    assert (found.upper - found.lower) / 2 == pytest.approx(half, rel=1e-3)


def test_no_rows_and_one_row():
    assert mean_sums.estimate(mean_sums.MeanSums()).value is None
    one = mean_sums.estimate(mean_sums.sum_up(np.array([3.0])))
    assert (one.value, one.lower, one.upper, one.rows) == (3.0, None, None, 1)
    assert r2.estimate(np.empty(0), np.empty(0)).value is None
    empty = log_loss.sums(np.empty((0, 3)), np.empty(0, int))
    assert log_loss.estimate(empty).value is None


def test_a_loss_clustered_by_day_has_a_wider_interval():
    rng = np.random.default_rng(8)
    days = np.repeat(np.arange(30), 100)
    losses = rng.gamma(2, 1, 3000) + rng.normal(size=30)[days]
    total = mean_sums.sum_up(losses)
    iid, robust = mean_sums.estimate(total), mean_sums.estimate(total, mean_sums.by_cluster(losses, days))
    assert (iid.basis, robust.basis) == ("iid", "cluster")
    assert robust.design_effect == pytest.approx(
        ((robust.upper - robust.lower) / (iid.upper - iid.lower)) ** 2, rel=0.1
    )
    assert robust.upper - robust.lower > 3 * (iid.upper - iid.lower)
