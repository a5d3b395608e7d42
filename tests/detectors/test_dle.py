"""Performance of regressions without labels: beside the truth where the rows moved, and the trees beside scikit-learn's."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor

from detectors.without_labels import boosted_trees, dle, loss_codes

ROWS = 12_000
FUELS = ("diesel", "electric", "gas")


def drawn(seed: int, rows: int = ROWS, electric: float = 0.2, faults: float = 0.0):
    """Features, predictions and labels of a model that is five times as wrong about electric cars, and worse with age.

    Args:
        electric: share of electric cars.
        faults: by how much every label is off beyond that, which no feature tells.
    """
    rng = np.random.default_rng(seed)
    age = rng.uniform(0, 10, rows)
    fuel = rng.choice(FUELS, rows, p=[(1 - electric) / 2, electric, (1 - electric) / 2])
    predictions = 150 - 5 * age
    labels = predictions + (1 + age / 5) * np.where(fuel == "electric", 5.0, 1.0) * rng.standard_normal(rows) + faults
    return [age, fuel.tolist()], predictions, labels


def realised(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    gaps = labels - predictions
    mse = float((gaps**2).mean())
    return {
        "mae": float(np.abs(gaps).mean()),
        "mape": float((np.abs(gaps) / np.abs(labels)).mean()),
        "mse": mse,
        "rmse": math.sqrt(mse),
    }


@pytest.fixture(scope="module")
def fitted() -> dle.Fitted:
    return dle.fit(*drawn(1), chunks=np.arange(ROWS) // 1_000)


def test_where_only_the_rows_move_the_estimate_is_what_labels_say_later(fitted) -> None:
    features, predictions, labels = drawn(2, electric=0.5)
    found, truth = dle.estimate(fitted, features, predictions), realised(predictions, labels)
    for metric in dle.METRICS:
        assert found[metric].value == pytest.approx(truth[metric], rel=0.07), metric
        assert fitted.thresholds[metric].broken_by(found[metric].value), metric


def test_parts_of_a_window_add_up_to_it_in_any_order(fitted) -> None:
    [age, fuel], predictions, _ = drawn(5, rows=900)
    weights = np.random.default_rng(6).choice([1.0, 10.0], 900)
    predictions[::7] = np.nan
    whole = dle.estimate(fitted, [age, fuel], predictions, weights)
    cuts = [slice(0, 1), slice(1, 400), slice(400, 900)]
    parts = [dle.sums(fitted, [age[at], fuel[at]], predictions[at], weights[at]) for at in cuts]
    for order in (parts[0].merge(parts[1]).merge(parts[2]), parts[2].merge(parts[0].merge(parts[1]))):
        found = dle.of_sums(fitted, order)
        assert {m: e.value for m, e in found.items()} == pytest.approx(
            {m: e.value for m, e in whole.items()}, rel=1e-12
        )
        assert found["mae"].rows == np.isfinite(predictions).sum()


def test_where_labels_move_beyond_what_features_tell_the_estimate_does_not(fitted) -> None:
    features, predictions, labels = drawn(3, rows=1_000, faults=20.0)
    found = dle.estimate(fitted, features, predictions)["mae"]
    assert realised(predictions, labels)["mae"] > 4 * found.value
    assert not fitted.thresholds["mae"].broken_by(found.value)


@pytest.mark.parametrize("metric", dle.METRICS)
def test_the_sampling_error_is_the_deviation_of_realised_windows(metric, fitted) -> None:
    rows = 400
    windows = [realised(*drawn(1_000 + seed, rows)[1:])[metric] for seed in range(300)]
    assert fitted.errors[metric] / math.sqrt(rows) == pytest.approx(np.std(windows), rel=0.15)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_neither_order_nor_how_a_weight_is_written_matters(fitted, seed) -> None:
    (age, fuel), predictions, _ = drawn(seed, rows=300)
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 4, 300)
    rows = rng.permutation(np.repeat(np.arange(300), weights))
    repeated = dle.estimate(fitted, [age[rows], [fuel[row] for row in rows]], predictions[rows])
    found = dle.estimate(fitted, [age, fuel], predictions, weights.astype(float))
    for metric in dle.METRICS:
        assert found[metric].value == pytest.approx(repeated[metric].value)
        assert found[metric].upper > repeated[metric].upper  # fewer rows, so surer of less


def test_rows_without_a_prediction_are_left_out(fitted) -> None:
    (age, fuel), predictions, _ = drawn(4, rows=50)
    holed = dle.estimate(fitted, [np.append(age, 1.0), [*fuel, "gas"]], np.append(predictions, np.nan))
    whole = dle.estimate(fitted, [age, fuel], predictions)
    assert holed["mae"].rows == whole["mae"].rows == 50
    assert holed["mae"].value == pytest.approx(whole["mae"].value)
    nothing = dle.estimate(fitted, [np.array([1.0]), ["gas"]], np.array([np.nan]))
    assert {estimate.value for estimate in nothing.values()} == {None}


def test_categories_that_are_new_or_missing_have_an_estimate(fitted) -> None:
    for fuel in ("steam", None):
        found = dle.estimate(fitted, [np.array([5.0]), [fuel]], np.array([125.0]))
        assert found["mae"].value > 0


def test_what_is_fitted_can_be_stored(fitted) -> None:
    stored = msgspec.json.encode(fitted)
    features, predictions, _ = drawn(5, rows=100)
    again = msgspec.json.decode(stored, type=dle.Fitted)
    assert dle.estimate(again, features, predictions) == dle.estimate(fitted, features, predictions)


def test_a_model_that_is_never_wrong_is_expected_to_be_right() -> None:
    same = np.arange(1.0, 101.0)
    found = dle.estimate(dle.fit([same], same, same, np.arange(100) // 10), [same], same)
    assert {(e.value, e.lower, e.upper) for e in found.values()} == {(0.0, 0.0, 0.0)}


@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_the_trees_predict_as_well_as_scikit_learns(holes) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20_000, 6))
    mean = np.abs(rows[:, 0]) + np.sin(3 * rows[:, 1]) * (rows[:, 2] > 0)
    rows[rng.random(rows.shape) < holes] = np.nan
    targets = mean + rng.normal(0, 0.3, len(rows))
    seen, new = slice(0, 15_000), slice(15_000, None)
    theirs = HistGradientBoostingRegressor(early_stopping=False).fit(rows[seen], targets[seen]).predict(rows[new])
    ours = boosted_trees.fit(rows[seen], targets[seen]).predict(rows[new])
    worse = ((ours - mean[new]) ** 2).mean() / ((theirs - mean[new]) ** 2).mean()
    assert worse < 1.1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from([0.0, 0.5, 1.0]))
def test_trees_bear_any_rows(seed, rows, holes) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([0.0, 0.0, 1.0, -1e300, 1e300, np.inf, -np.inf, 5e-324], (rows, 3))
    values[rng.random(values.shape) < holes] = np.nan
    targets = rng.random(rows)
    found = boosted_trees.fit(values, targets, trees=5).predict(values)
    assert np.isfinite(found).all()
    assert targets.min() - 1e-9 <= found.min() <= found.max() <= targets.max() + 1e-9
    assert found.mean() == pytest.approx(targets.mean())  # what was seen is met in the mean


def test_a_leaf_has_twenty_rows_at_least() -> None:
    rows = np.arange(39.0)[:, None]
    assert boosted_trees.fit(rows, rows[:, 0]).predict(rows).tolist() == [19.0] * 39
    rows = np.arange(40.0)[:, None]
    assert len(set(boosted_trees.fit(rows, rows[:, 0]).predict(rows).tolist())) == 2


def test_categories_without_a_value_have_no_code() -> None:
    assert loss_codes.codes([None, None], np.array([1.0, 2.0])) == {}
    assert np.isnan(loss_codes.as_rows([[None, "gas"]], [{}])).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="rows with labels"):
        dle.fit([np.empty(0)], np.empty(0), np.empty(0))
    with pytest.raises(ValueError, match="rows"):
        boosted_trees.fit(np.empty((0, 1)), np.empty(0))
