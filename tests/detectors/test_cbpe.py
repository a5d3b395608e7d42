"""Performance of classifiers without labels: beside the truth where only the scores moved, and cells beside the rows they hold."""

import math

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import StratifiedShuffleSplit

from detectors.without_labels import (
    calibration,
    cbpe,
    cbpe_multiclass,
    expected_ranking,
    isotonic,
    sampling_error,
    scored,
    splits,
)
from detectors.without_labels.scored import of_cells, of_rows
from kernel.column_spec import ColumnSpec
from kernel.profile import ColumnProfile, Kind
from kernel.profiling import profile_rows
from kernel.scores import SCORE_CELLS, score_bounds

SCORE = "score.late"
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=15, deadline=None)


def column(scores: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> ColumnProfile:
    rows = {SCORE: scores, "prediction": np.where(predicted, "late", "on_time")}
    table = pa.table(rows if weights is None else rows | {"weight": weights})
    return profile_rows(table, {SCORE: ColumnSpec(Kind.SCORE)}).columns[SCORE]


def chance(scores: np.ndarray) -> np.ndarray:
    """How likely the class is at a score of a model that is too sure of itself."""
    return 0.1 + 0.7 * scores**2


def labels_of(chances: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(chances.size) < chances


@pytest.fixture(scope="module")
def fitted() -> cbpe.Fitted:
    scores = np.random.default_rng(1).beta(1.0, 1.2, 40_000)
    return cbpe.fit(of_rows(scores, scores > 0.4), labels_of(chance(scores), 2), chunks=np.arange(scores.size) // 4_000)


def realised(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """What labels say of predictions from 0.4 on, by scikit-learn."""
    predicted = scores > 0.4
    negatives, false, missed, hits = confusion_matrix(labels, predicted, normalize="all").ravel()
    return {
        "accuracy": accuracy_score(labels, predicted),
        "precision": precision_score(labels, predicted),
        "recall": recall_score(labels, predicted),
        "specificity": recall_score(~labels, ~predicted),
        "f1": f1_score(labels, predicted),
        "roc_auc": roc_auc_score(labels, scores),
        "average_precision": average_precision_score(labels, scores),
        "true_positive": hits, "false_positive": false, "false_negative": missed, "true_negative": negatives,
    }  # fmt: skip


def drawn(seed: int, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.beta(*rng.uniform(0.3, 3, 2), rows)
    return scores, scores > rng.random()


def values(found: dict[str, cbpe.Estimate]) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in found.items()}


def test_where_only_the_scores_move_the_estimate_is_what_labels_say_later(fitted) -> None:
    scores = np.random.default_rng(3).beta(1.5, 1.0, 40_000)
    found = cbpe.estimate(fitted, of_rows(scores, scores > 0.4))
    truth = realised(scores, labels_of(chance(scores), 4))
    for name in cbpe.METRICS:
        assert found[name].value == pytest.approx(truth[name], abs=0.03 if name in cbpe.RANKINGS else 0.015), name
    assert fitted.thresholds["accuracy"].broken_by(found["accuracy"].value)


def test_where_what_a_score_means_moves_the_estimate_does_not(fitted) -> None:
    scores = np.random.default_rng(5).beta(1.0, 1.2, 40_000)
    found = cbpe.estimate(fitted, of_rows(scores, scores > 0.4))
    assert realised(scores, labels_of(1 - chance(scores), 6))["accuracy"] < 0.45
    assert not fitted.thresholds["accuracy"].broken_by(found["accuracy"].value)


def test_the_sampling_error_is_the_deviation_of_realised_windows(fitted) -> None:
    rng, rows = np.random.default_rng(7), 500
    windows = []
    for seed in range(400):
        scores = rng.beta(1.0, 1.2, rows)
        labels = labels_of(chance(scores), 1_000 + seed)
        windows.append(realised(scores, labels))
    for name in cbpe.METRICS:
        deviation = np.std([window[name] for window in windows])
        wide = 1.42 if name == "f1" else 1.0  # NannyML's error of F1, which is kept
        assert fitted.errors[name] / math.sqrt(rows) == pytest.approx(wide * deviation, rel=0.15), name


@FEW
@given(SEEDS)
def test_cells_are_within_what_the_curve_rises_inside_them(fitted, seed) -> None:
    scores, predicted = drawn(seed)
    of_profile, of_each = (of_cells(column(scores, predicted)), of_rows(scores, predicted))
    rows, cells = cbpe.estimate(fitted, of_each), cbpe.estimate(fitted, of_profile)
    bounds = np.append(score_bounds(), 1.0)
    index = column(scores, predicted).cells.index % SCORE_CELLS
    rise = fitted.chances(bounds[index + 1]) - fitted.chances(bounds[index])
    off = float(rise @ of_profile.weights) / scores.size
    assert off < 0.02
    for name in ("accuracy", *cbpe.OUTCOMES):
        assert cells[name].value == pytest.approx(rows[name].value, abs=off + 1e-9), name
    assert "average_precision" not in cells


@FEW
@given(SEEDS)
def test_without_a_calibration_cells_have_the_ratios_of_their_rows(seed) -> None:
    scores, predicted = drawn(seed)
    found = [
        values(cbpe.estimate(cbpe.Fitted(None, {}, {}), side))
        for side in (of_cells(column(scores, predicted)), of_rows(scores, predicted))
    ]
    for name in found[0].keys() - {"roc_auc"}:
        assert found[0][name] == (None if found[1][name] is None else pytest.approx(found[1][name], abs=1e-9)), name
    assert found[0]["roc_auc"] == pytest.approx(found[1]["roc_auc"], abs=2e-3)


def test_cells_of_many_rows_are_close_in_every_metric(fitted) -> None:
    scores = np.random.default_rng(8).beta(1.0, 1.2, 200_000)
    rows, cells = (
        values(cbpe.estimate(fitted, side))
        for side in (of_rows(scores, scores > 0.4), of_cells(column(scores, scores > 0.4)))
    )
    assert {name for name in cells if cells[name] != pytest.approx(rows[name], abs=1e-3)} == set()


def test_cells_would_lower_the_average_precision_of_a_rare_class() -> None:
    scores = np.random.default_rng(1).beta(0.01, 11.0, 200_000)
    cells = of_cells(column(scores, scores > 0.2))
    assert scores.mean() == pytest.approx(0.001, rel=0.1)
    of_each = expected_ranking.average_precision(scores, scores)
    assert expected_ranking.average_precision(cells.scores, cells.scores, cells.weights) < 0.95 * of_each


def test_where_the_reference_has_few_such_scores_areas_are_too_high() -> None:
    reference, window = (np.random.default_rng(n).beta(*ab, 40_000) for n, ab in ((1, (1.0, 2.0)), (3, (1.5, 1.0))))
    fitted = cbpe.fit(of_rows(reference, reference > 0.4), labels_of(chance(reference), 2))
    found = cbpe.estimate(fitted, of_rows(window, window > 0.4))
    truth = expected_ranking.average_precision(window, chance(window))
    assert (truth, found["average_precision"].value) == pytest.approx((0.647, 0.700), abs=0.001)


@FEW
@given(SEEDS)
def test_profiles_that_are_merged_say_what_their_rows_say(fitted, seed) -> None:
    scores, predicted = drawn(seed)
    parts = [column(scores[rows], predicted[rows]) for rows in (slice(0, 100), slice(100, 250), slice(250, None))]
    for order in (parts, parts[::-1]):
        merged = values(cbpe.estimate(fitted, of_cells(ColumnProfile.merge(order))))
        whole = values(cbpe.estimate(fitted, of_cells(column(scores, predicted))))
        assert merged == {
            name: value if value is None else pytest.approx(value, abs=1e-9) for name, value in whole.items()
        }


@FEW
@given(SEEDS)
def test_the_order_of_rows_does_not_matter(fitted, seed) -> None:
    scores, predicted = drawn(seed)
    scores = scores.round(1)  # rows of one score, in whatever order
    shuffle = np.random.default_rng(seed).permutation(scores.size)
    first, second = (
        values(cbpe.estimate(fitted, of_rows(scores[rows], predicted[rows])))
        for rows in (np.arange(scores.size), shuffle)
    )
    assert first == {name: value if value is None else pytest.approx(value, abs=1e-9) for name, value in second.items()}


@FEW
@given(SEEDS)
def test_a_row_of_weight_two_counts_as_two(fitted, seed) -> None:
    scores, predicted = drawn(seed)
    weights = np.random.default_rng(seed).integers(1, 4, scores.size).astype(float)
    repeated = np.repeat(np.arange(scores.size), weights.astype(int))
    weighed = of_rows(scores, predicted, weights)
    twice = values(cbpe.estimate(fitted, of_rows(scores[repeated], predicted[repeated])))
    found = values(cbpe.estimate(fitted, weighed))
    for name in found.keys() - {"average_precision"}:  # which begins at the first row, not at a weight
        assert found[name] == (None if twice[name] is None else pytest.approx(twice[name], abs=1e-9)), name
    assert weighed.size < weights.sum()
    in_cells = of_cells(column(scores, predicted, weights))
    assert in_cells.weights.sum() == weights.sum()
    assert in_cells.size == pytest.approx(weighed.size)


def test_a_reference_of_weighed_rows_is_one_of_repeated_rows() -> None:
    scores, predicted = drawn(3, rows=300)
    labels = labels_of(scores, 4)
    weights = np.random.default_rng(5).integers(1, 4, scores.size).astype(float)
    repeated = np.repeat(np.arange(scores.size), weights.astype(int))
    one = cbpe.fit(of_rows(scores, predicted, weights), labels)
    other = cbpe.fit(of_rows(scores[repeated], predicted[repeated]), labels[repeated])
    for name in one.errors.keys() - {"average_precision"}:
        assert one.errors[name] == pytest.approx(other.errors[name]), name


@pytest.mark.parametrize("rows", [1, 7, 500])
def test_the_curve_is_scikit_learns(rows) -> None:
    rng = np.random.default_rng(rows)
    scores, weights = rng.random(rows).round(2), rng.integers(1, 4, rows).astype(float)
    labels = (rng.random(rows) < scores).astype(float)
    at = np.linspace(-0.1, 1.1, 100)
    for weight in (None, weights):
        theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels, sample_weight=weight).predict(at)
        assert isotonic.fit(scores, labels, weight).at(at) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("rows", "share"), [(25, 0.5), (1_003, 0.5), (5_833, 0.2), (20_000, 0.01)])
def test_the_splits_are_scikit_learns(rows, share) -> None:
    positives = np.random.default_rng(rows).random(rows) < share
    theirs = StratifiedShuffleSplit(10, test_size=0.1, random_state=42).split(positives, positives)
    for (kept, held), (of_theirs, other) in zip(splits.shuffled(positives, 0.1, 10, 42), theirs, strict=True):
        assert kept.tolist() == of_theirs.tolist()
        assert held.tolist() == other.tolist()


def test_average_precision_takes_rows_of_one_score_one_after_the_other() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1, 0.1])
    chances = np.array([1.0, 0.6, 0.6, 0.6, 0.2, 0.2])
    gained, found = np.cumsum(chances), 0.0
    for row, share in enumerate(chances):
        found += share * gained[row] / (row + 1)
    assert expected_ranking.average_precision(scores, chances) == pytest.approx(found / chances.sum())


@pytest.mark.parametrize("labels", [np.zeros(50, bool), np.ones(50, bool)], ids=["none", "all"])
def test_a_reference_of_one_class_says_what_it_can(labels) -> None:
    scores = np.linspace(0, 1, 50)
    found = cbpe.fit(of_rows(scores, scores > 0.5), labels, chunks=np.arange(50) // 25)
    assert found.calibration is None
    assert found.errors["roc_auc"] is None
    estimate = cbpe.estimate(found, of_rows(scores, scores > 0.5))["roc_auc"]
    assert (estimate.value is not None, estimate.lower, estimate.upper) == (True, None, None)
    assert {"precision", "recall", "f1", "roc_auc"}.isdisjoint(found.thresholds)


def test_a_window_without_rows_has_no_values(fitted) -> None:
    empty = of_rows(np.array([np.nan]), np.array([False]))
    for side in (empty, of_cells(ColumnProfile(Kind.SCORE))):
        assert cbpe.business_value(fitted, side, {}).value is None
        assert {estimate.value for estimate in cbpe.estimate(fitted, side).values()} == {None}


def test_a_window_in_which_the_class_is_never_predicted_has_no_precision(fitted) -> None:
    scores = np.array([0.1, 0.2])
    found = cbpe.estimate(fitted, of_rows(scores, scores > 0.4))
    assert found["precision"].value is None
    assert found["recall"].value == 0.0


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 30), st.sampled_from([0.0, 0.3, 1.0]))
def test_any_reference_however_small_gives_shares_within_their_intervals(seed, rows, share) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.choice([0.0, 1e-300, 0.5, 1.0, rng.random()], (rows, 3))
    predicted, labels = rng.integers(0, 3, (2, rows))
    two = cbpe.fit(of_rows(scores[:, 0], predicted > 0), rng.random(rows) < share, np.arange(rows) // 5)
    several = cbpe_multiclass.fit(scores, predicted, labels, chunks=np.arange(rows) // 5)
    found = [
        *cbpe.estimate(two, of_rows(scores[:, 0], predicted > 0)).values(),
        *cbpe_multiclass.estimate(several, scores, predicted).values(),
    ]
    for estimate in found:
        if estimate.value is not None:
            assert -1e-12 <= estimate.value <= 1 + 1e-12
            if estimate.lower is not None:
                assert 0 <= estimate.lower <= estimate.value + 1e-12
                assert estimate.value - 1e-12 <= estimate.upper <= 1


def test_bad_input_is_refused() -> None:
    rows = of_rows(np.array([0.1, 0.2]), np.array([False, True]))
    with pytest.raises(ValueError, match="got profit"):
        cbpe.business_value(cbpe.Fitted(None, {}, {}), rows, {"profit": 1.0})
    with pytest.raises(ValueError, match="rows with labels"):
        cbpe.fit(rows, np.array([True]))
    with pytest.raises(ValueError, match="rows"):
        isotonic.fit(np.empty(0), np.empty(0))
    with pytest.raises(ValueError, match="of kind numeric"):
        of_cells(ColumnProfile(Kind.NUMERIC))
    with pytest.raises(ValueError, match="rows with labels"):
        cbpe_multiclass.fit(np.empty((0, 2)), np.empty(0, np.int64), np.empty(0, np.int64))


def test_what_is_fitted_can_be_stored(fitted) -> None:
    assert msgspec.json.decode(msgspec.json.encode(fitted), type=cbpe.Fitted) == fitted


def many(seed: int, rows: int, tilt: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of three classes, the predictions, and labels by chances that are flatter than the scores."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet([tilt, 1.0, 0.5], rows)
    chances = np.sqrt(scores) / np.sqrt(scores).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    return scores, scores.argmax(axis=1), np.minimum(labels, 2)


def test_several_classes_have_what_labels_say_later() -> None:
    scores, predicted, labels = many(1, 30_000)
    fitted = cbpe_multiclass.fit(scores, predicted, labels, chunks=np.arange(30_000) // 3_000)
    assert all(curve is not None for curve in fitted.calibrations)
    scores, predicted, labels = many(2, 30_000, tilt=3.0)
    found = cbpe_multiclass.estimate(fitted, scores, predicted)
    assert found["accuracy"].value == pytest.approx((predicted == labels).mean(), abs=0.015)
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(labels, scores, multi_class="ovr"), abs=0.03)
    assert found["accuracy"].lower < found["accuracy"].value < found["accuracy"].upper
    assert msgspec.json.decode(msgspec.json.encode(fitted), type=cbpe_multiclass.Fitted) == fitted


def test_rows_without_all_scores_are_left_out() -> None:
    scores, predicted, labels = many(3, 2_000)
    fitted = cbpe_multiclass.fit(scores, predicted, labels)
    holed = np.vstack([scores, [[np.nan, 0.5, 0.5]]])
    found = cbpe_multiclass.estimate(fitted, holed, np.append(predicted, 0))
    assert found == cbpe_multiclass.estimate(fitted, scores, predicted)
    nothing = cbpe_multiclass.estimate(fitted, holed[-1:], np.array([0]))
    assert {estimate.value for estimate in nothing.values()} == {None}


def test_scores_that_separate_the_classes_are_taken_as_they_are() -> None:
    scores = np.linspace(0, 1, 1_000)
    assert not calibration.is_needed(scores, (scores > 0.3).astype(float))


def test_the_error_of_an_area_is_that_of_the_rarer_class_either_way_round() -> None:
    scores, _ = drawn(9)
    labels = labels_of(scores, 10).astype(float)
    assert sampling_error.of_area(scores, labels) == pytest.approx(sampling_error.of_area(1 - scores, 1 - labels))


def test_what_has_no_score_is_in_no_group() -> None:
    found = scored.of_rows(np.array([np.nan, 0.5]), np.array([True, True]), np.array([9.0, 2.0]))
    assert (found.rows, found.size, found.weights.tolist()) == (1, 1.0, [2.0])
