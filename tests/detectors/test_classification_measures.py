"""Accuracy, precision, recall, F1, agreement against scikit-learn, and their intervals by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from detectors import accuracy, agreement, confusion, f1, mcnemar, precision, recall
from detectors.class_average import ClassRatios
from detectors.confusion import count, count_clusters, merge_all

few = settings(max_examples=40, deadline=None, derandomize=True)

pairs = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.integers(1, 5)), min_size=1, max_size=60
)
MEASURES = {"precision": (precision, metrics.precision_score), "recall": (recall, metrics.recall_score)}
MEASURES["f1"] = (f1, metrics.f1_score)
all_measures = pytest.mark.parametrize("name", MEASURES)


def _columns(rows):
    labels, predictions, weights = zip(*rows, strict=True)
    return list(labels), list(predictions), np.array(weights, float)


@few
@given(pairs)
def test_accuracy_and_kappa_equal_scikit_learns(rows):
    labels, predictions, weights = _columns(rows)
    counts = count(labels, predictions, weights)
    ours = accuracy.value(counts)
    assert ours == pytest.approx(metrics.accuracy_score(labels, predictions, sample_weight=weights), abs=1e-12)
    assert counts.weights == pytest.approx(metrics.confusion_matrix(labels, predictions, sample_weight=weights))
    if len(counts.classes) > 1:
        scikits = metrics.cohen_kappa_score(labels, predictions, sample_weight=weights)
        assert agreement.kappa(agreement.churn(labels, predictions, weights)) == pytest.approx(scikits, abs=1e-12)


@all_measures
@pytest.mark.parametrize("average", ["macro", "weighted"])
@few
@given(pairs)
def test_averages_equal_scikit_learns(name, average, rows):
    labels, predictions, weights = _columns(rows)
    ours, scikits = MEASURES[name]
    expected = scikits(labels, predictions, average=average, sample_weight=weights, zero_division=0)
    assert ours.value(count(labels, predictions, weights), average) == pytest.approx(expected, abs=1e-12)


@all_measures
@few
@given(pairs)
def test_binary_equals_scikit_learns_and_is_none_where_it_warns(name, rows):
    labels, predictions, weights = _columns(rows)
    ours, scikits = MEASURES[name]
    truth, guess = ([int(x == "a") for x in side] for side in (labels, predictions))
    value = ours.value(count(labels, predictions, weights), "binary", "a")
    expected = scikits(truth, guess, sample_weight=weights, zero_division=np.nan)
    assert value is None if np.isnan(expected) else value == pytest.approx(expected, abs=1e-12)


@few
@given(pairs, pairs, pairs)
def test_merging_counts_equals_counting_the_union(a, b, c):
    def parts(rows):
        return count(*_columns(rows))

    left, right = parts(a).merge(parts(b)).merge(parts(c)), parts(c).merge(parts(b).merge(parts(a)))
    whole = parts([*a, *b, *c])
    for merged in (left, right, merge_all([parts(a), parts(b), parts(c)])):
        assert (merged.classes, merged.rows) == (whole.classes, whole.rows)
        assert merged.weights.tolist() == whole.weights.tolist()
        assert merged.squares.tolist() == whole.squares.tolist()


@all_measures
def test_nothing_counted_has_no_value(name):
    ours = MEASURES[name][0]
    assert accuracy.estimate(confusion.EMPTY).value is None
    assert ours.value(confusion.EMPTY, "macro") is None
    assert ours.value(confusion.EMPTY, "binary", "a") is None
    assert ours.value(count(["b"], ["b"]), "binary", "never seen") is None
    with pytest.raises(ValueError, match="positive class"):
        ours.value(confusion.EMPTY, "binary")


def test_accuracys_interval_is_wilsons_at_the_effective_size():
    labels, predictions = ["a"] * 50, ["a"] * 45 + ["b"] * 5
    wilson = stats.binomtest(45, 50).proportion_ci(method="wilson")
    for weights in (None, np.full(50, 10.0)):
        found = accuracy.estimate(count(labels, predictions, weights))
        assert (found.lower, found.upper) == (pytest.approx(wilson.low), pytest.approx(wilson.high))
        assert (found.rows, found.basis) == (50, "iid")


def _samples(size, sets, seed=0):
    rng = np.random.default_rng(seed)
    joint = np.array([[0.30, 0.05, 0.05], [0.08, 0.22, 0.05], [0.02, 0.08, 0.15]])
    cells = rng.choice(9, (sets, size), p=joint.ravel())
    names = np.array(["a", "b", "c"])
    return joint, [count(names[row // 3], names[row % 3]) for row in cells]


@pytest.mark.parametrize("average", ["binary", "macro", "weighted"])
@all_measures
def test_intervals_cover_at_95_percent(name, average):
    joint, samples = _samples(400, 400)
    ours = MEASURES[name][0]
    names = ("a", "b", "c")
    truth = ours.value(confusion.ConfusionCounts(names, joint, joint, 1), average, "a")
    found = [ours.estimate(counts, average, "a") for counts in samples]
    covered = np.mean([e.lower <= truth <= e.upper for e in found])
    assert covered == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / 400))


@all_measures
def test_the_gradient_is_the_change_when_a_row_is_added(name):
    """Against the finite difference, through the cluster influences of parts with one row more."""
    ours = MEASURES[name][0]
    rng = np.random.default_rng(3)
    base = rng.integers(5, 60, (3, 3)).astype(float)

    def make(weights):
        return confusion.ConfusionCounts(("a", "b", "c"), weights, np.zeros((3, 3)), 1)

    for average in ("macro", "weighted"):
        for place in np.ndindex(3, 3):
            step = np.zeros((3, 3))
            step[place] = 1e-5
            slope = (ours.value(make(base + step), average) - ours.value(make(base - step), average)) / 2e-5
            squares = np.zeros((3, 3))
            squares[place] = 1.0
            found = ours.estimate(confusion.ConfusionCounts(("a", "b", "c"), base, squares, 1), average)
            half = (found.upper - found.lower) / 2
            assert half == pytest.approx(stats.norm.ppf(0.975) * abs(slope), rel=1e-5, abs=1e-9)


def test_from_thirty_days_the_interval_holds_for_days_that_differ():
    """A day's accuracy varies from 60% to 100%: the i.i.d. interval covers far too seldom, the cluster-robust one does not."""
    rng = np.random.default_rng(7)
    covered, naive, truth = [], [], 0.8
    for _ in range(200):
        days = [rng.random(100) < rate for rate in rng.uniform(0.6, 1.0, 40)]
        counts, cells = count_clusters(
            ["a"] * 4000, np.where(np.concatenate(days), "a", "b"), np.repeat(range(40), 100)
        )
        found = [accuracy.estimate(counts, parts) for parts in (cells, None)]
        assert [e.basis for e in found] == ["cluster", "iid"]
        covered.append(found[0].lower <= truth <= found[0].upper)
        naive.append(found[1].lower <= truth <= found[1].upper)
    assert np.mean(covered) >= 0.88
    assert np.mean(naive) < 0.75


def test_below_thirty_clusters_the_interval_is_marked_iid():
    for days, basis in ((29, "iid"), (30, "cluster")):
        counts, cells = count_clusters(["a", "b"] * days, ["a", "a"] * days, np.repeat(range(days), 2))
        assert f1.estimate(counts, parts=cells).basis == basis


@all_measures
@few
@given(pairs)
def test_the_rows_of_each_cluster_move_a_measure_as_counts_without_them_do(name, rows):
    """The influence of a cluster is the derivative by its weight, to first order in it."""
    labels, predictions, weights = _columns(rows)
    keys = np.arange(len(rows)) % 3
    counts, cells = count_clusters(labels, predictions, keys, weights)
    assert counts.weights.tolist() == count(labels, predictions, weights).weights.tolist()
    ratios = ClassRatios(counts, *{"precision": (0.0, 1.0), "recall": (1.0, 0.0), "f1": (0.5, 0.5)}[name])
    value, step = MEASURES[name][0].value, 1e-6
    influences = cells.influences(ratios._gradient(ratios._mix("macro", None), "macro", value(counts)))
    for place, influence in enumerate(influences):
        heavier = count(labels, predictions, weights * np.where(keys == place, 1 + step, 1.0))
        assert (value(heavier) - value(counts)) / step == pytest.approx(influence, abs=1e-5)


def test_the_design_effect_is_how_many_times_the_variance_there_is():
    """Ten copies of each row, a cluster each: the variance is ten times that of as many independent rows."""
    rng = np.random.default_rng(2)
    predictions = np.repeat(rng.choice(["a", "b"], 500, p=[0.8, 0.2]), 10)
    counts, cells = count_clusters(["a"] * 5000, predictions, np.repeat(np.arange(500), 10))
    found = accuracy.estimate(counts, cells)
    assert found.design_effect == pytest.approx(10, rel=0.01)
    assert found.said.startswith("cluster, design effect 10")


@few
@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_the_binomial_test_and_its_approximation(b, c):
    exact = mcnemar.mcnemar(b, c)
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert exact.p == pytest.approx(expected, rel=1e-9)
    rough = mcnemar.mcnemar(b, c, exact=False)
    if b + c:
        assert rough.statistic == pytest.approx((abs(b - c) - 1) ** 2 / (b + c))
        assert rough.p == pytest.approx(stats.chi2.sf(rough.statistic, 1))
    if abs(b - c) > 1:
        assert rough.p == pytest.approx(exact.p, abs=0.05)


@pytest.mark.parametrize(
    ("b", "c", "exact", "statistic", "p"),
    [
        (86, 150, True, 86.0, 3.7159361395713866e-05),
        (86, 150, False, 16.81779661016949, 4.114562281345944e-05),
        (3, 11, True, 3.0, 0.057373046875),
        (3, 11, False, 3.5, 0.0613688291394023),
    ],
)
def test_mcnemar_equals_what_statsmodels_gives(b, c, exact, statistic, p):
    """Numbers of statsmodels.stats.contingency_tables.mcnemar; the first table is Agresti's approval ratings."""
    found = mcnemar.mcnemar(b, c, exact)
    assert (found.statistic, found.p) == (pytest.approx(statistic), pytest.approx(p, rel=1e-9))


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="negative"):
        mcnemar.mcnemar(-1, 3)


def test_agreement_is_one_on_the_same_predictions_and_none_beyond_chance_on_one_class():
    same = agreement.churn(["a", "b", "b"], ["a", "b", "b"])
    assert (agreement.share(same).value, agreement.kappa(same)) == (1.0, 1.0)
    assert agreement.kappa(agreement.churn(["a"], ["a"])) is None
    assert agreement.kappa(confusion.EMPTY) is None
