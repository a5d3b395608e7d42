"""Label drift against the batch answer on the raw labels."""

import json

import numpy as np
import pytest

from detectors.label_drift import MOST_CLASSES, measure_label_drift, tally
from detectors.outcomes import Outcomes
from kernel.measurement import Status


def outcomes(actual: np.ndarray, weights: np.ndarray | None = None) -> Outcomes:
    return Outcomes(actual, actual, {}, weights, np.zeros(len(actual), np.int64), len(actual))


def measured(now: Outcomes, before: Outcomes) -> dict:
    stored = json.loads(json.dumps(tally(before)))
    return {m.metric: m for m in measure_label_drift(now, stored, 1e-4)}


def psi_of(p: np.ndarray, q: np.ndarray) -> float:
    p, q = np.maximum(p / p.sum(), 1e-4), np.maximum(q / q.sum(), 1e-4)
    return float(((p - q) * np.log(p / q)).sum())


def test_classes_are_compared_by_name() -> None:
    rng = np.random.default_rng(1)
    before, now = rng.choice(["a", "b", "c"], 4_000, p=[0.5, 0.3, 0.2]), rng.choice(["b", "a", "d"], 1_000)
    found = measured(outcomes(now), outcomes(before))
    p, q = (np.array([(side == name).mean() for name in "abcd"]) for side in (now, before))
    assert found["psi"].value == pytest.approx(psi_of(p, q))
    assert (found["psi"].column, found["psi"].rows, found["psi"].reference_rows) == ("label", 1_000, 4_000)
    assert found["psi"].p_value < 1e-6
    assert found["psi"].lower > 0.1


def test_numbers_are_compared_on_the_references_deciles_and_heavy_values() -> None:
    rng = np.random.default_rng(2)

    def drawn(n: int, mean: float) -> np.ndarray:
        return np.where(rng.random(n) < 0.3, 0.0, np.exp(rng.normal(mean, 1, n)))

    before, now = drawn(20_000, 0.0), drawn(5_000, 0.5)
    found = measured(outcomes(now), outcomes(before))
    edges = np.quantile(before[before > 0], np.arange(1, 10) / 10)
    p, q = (np.bincount(np.where(v == 0, 10, np.searchsorted(edges, v)), minlength=11) for v in (now, before))
    assert found["psi"].value == pytest.approx(psi_of(p, q), rel=0.03)
    same = measured(outcomes(before), outcomes(before))
    assert same["psi"].value == same["js_distance"].value == 0


def test_it_is_told_and_never_abnormal() -> None:
    found = measured(outcomes(np.full(1_000, "b")), outcomes(np.full(1_000, "a")))
    assert {(m.status, m.alpha) for m in found.values()} == {(Status.OK, None)}


def test_classes_past_the_most_frequent_are_counted_together() -> None:
    names = np.array([f"c{i:05}" for i in range(MOST_CLASSES + 500)])
    before = outcomes(np.concatenate([np.repeat(names[:MOST_CLASSES], 2), names[MOST_CLASSES:]]))
    assert (len(tally(before)["classes"]), tally(before)["rest"]) == (MOST_CLASSES, 500.0)
    assert measured(before, before)["psi"].value == 0


def test_weights_count() -> None:
    actual = np.array(["a", "b"] * 500)
    weights = np.where(actual == "a", 3.0, 1.0)
    found = measured(outcomes(actual, weights), outcomes(np.array(["a"] * 750 + ["b"] * 250)))
    assert found["psi"].value == pytest.approx(0, abs=1e-12)
    assert found["psi"].rows == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_without_labels_or_with_classes_beside_numbers_nothing_is_measured() -> None:
    classes, numbers, none = outcomes(np.array(["a"] * 9)), outcomes(np.arange(9.0)), outcomes(np.array([], np.str_))
    for now, before in ((classes, numbers), (numbers, classes), (classes, none), (none, classes)):
        assert measured(now, before) == {}
