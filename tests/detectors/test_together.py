"""Many columns at once, measured of samples: whatever the rows look like, and how often drift is called where it should not be."""

import copy
import math
import sys

import numpy as np
import pyarrow as pa
import pytest

from detectors.multivariate.sample import MOST_ROWS, columns_of
from detectors.multivariate.together import LEAST_ROWS, Sides, measure_together, tolerance
from kernel.measurement import Measurement, Status
from kernel.profile import Kind
from testing import shapes

pytestmark = pytest.mark.filterwarnings("error")

ALPHA, DELTA = 1e-4, 0.1
ROWS = 300
DRAWN = {
    **{name: (Kind.NUMERIC, draw) for name, draw in (shapes.NUMBERS | shapes.ODD_NUMBERS).items()},
    **{f"class, {name}": (Kind.CATEGORICAL, draw) for name, draw in shapes.CLASSES.items()},
    **{f"boolean, {name}": (Kind.BOOLEAN, draw) for name, draw in shapes.BOOLEANS.items()},
}
FINITE = ("value", "expected", "excess", "p_value", "p_change", "lower", "upper", "rows", "reference_rows", "alpha")


def table(name: str, seed: int, rows: int) -> pa.Table:
    """The shape, beside an ordinary number that follows nothing."""
    rng = np.random.default_rng(seed)
    return pa.table({"feature.x": pa.array(DRAWN[name][1](rng, rows)), "feature.y": rng.normal(size=rows)})


def measured(window: pa.Table, reference: pa.Table, kind: Kind) -> list[Measurement]:
    kinds = {"feature.x": kind, "feature.y": Kind.NUMERIC}
    return list(measure_together(Sides(window, reference, kinds), ALPHA, DELTA))


def vectors(seed: int, rows: int, columns: int = 8, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (rows, columns))


def of_vectors(window: list, reference: list) -> dict[str, Measurement]:
    sides = Sides(
        *(pa.table({"feature.e": pa.array(side, pa.list_(pa.float32()))}) for side in (window, reference)), {}
    )
    return {found.metric: found for found in measure_together(sides, ALPHA, DELTA)}


@pytest.mark.parametrize("name", DRAWN)
def test_rows_of_any_shape_on_either_side_are_measured_or_said_to_be_too_few(name: str) -> None:
    for window, reference in ((name, name), ("normal", name), (name, "normal")):
        if DRAWN[window][0] is not DRAWN[reference][0]:
            continue
        sides = table(window, 1, ROWS), table(reference, 2, ROWS)
        before = copy.deepcopy(sides)
        found = measured(*sides, DRAWN[name][0])
        for side, held in zip(sides, before, strict=True):
            assert side.to_pandas().equals(held.to_pandas())
        assert {m.metric for m in found} == {"domain_auc", "reconstruction_error"}
        for one in found:
            assert all(math.isfinite(n) for n in (getattr(one, of) for of in FINITE) if n is not None), one
            assert one.value is not None
        assert found == measured(*sides, DRAWN[name][0])


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_law_on_both_sides_is_no_drift(name: str) -> None:
    found = measured(table(name, 1, ROWS), table(name, 2, ROWS), DRAWN[name][0])
    assert {m.status for m in found} == {Status.OK}


@pytest.mark.parametrize("rows", [0, 1, LEAST_ROWS - 1])
def test_few_rows_are_said_to_be_few(rows: int) -> None:
    for window, reference in ((rows, ROWS), (ROWS, rows)):
        [found] = measured(table("normal", 1, window), table("normal", 2, reference), Kind.NUMERIC)
        assert (found.metric, found.status, found.value) == ("domain_auc", Status.INSUFFICIENT, None)


def test_a_column_that_the_window_lacks_or_has_as_text_is_all_holes_there() -> None:
    reference = table("normal", 2, ROWS)
    lacking = reference.select(["feature.y"])
    as_text = lacking.append_column("feature.x", pa.array(["odd"] * ROWS))
    for window in (lacking, as_text):
        found = measured(window, reference, Kind.NUMERIC)
        assert (found[0].status, found[0].value) == (Status.DRIFT, 1.0)


def test_booleans_that_came_as_text_are_told_apart() -> None:
    """The record log keeps texts in a dictionary."""
    sides = [
        pa.table({"feature.x": pa.array(drawn).dictionary_encode()}) for drawn in (["true"] * 300, ["false"] * 300)
    ]
    found = next(iter(measure_together(Sides(*sides, {"feature.x": Kind.BOOLEAN}), ALPHA, DELTA)))
    assert (found.value, found.status) == (1.0, Status.DRIFT)


def test_an_area_that_is_the_tolerance_is_called_as_often_as_alpha_says() -> None:
    """600 pairs of one normal column whose psi is delta: 5% within three standard errors, and not above it."""
    called = 0
    for seed in range(600):
        rng = np.random.default_rng(seed)
        sides = [pa.table({"feature.x": rng.normal(s, 1, LEAST_ROWS)}) for s in (math.sqrt(DELTA), 0.0)]
        called += (
            next(iter(measure_together(Sides(*sides, {"feature.x": Kind.NUMERIC}), 0.05, DELTA))).status is Status.DRIFT
        )
    assert 0.005 < called / 600 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_the_tolerance_is_the_area_between_two_normal_laws_whose_psi_is_delta() -> None:
    rng = np.random.default_rng(1)
    moved, still = rng.normal(math.sqrt(DELTA), 1, 400_000), rng.normal(0, 1, 400_000)
    assert (moved > still).mean() == pytest.approx(tolerance(DELTA), abs=0.002)


def test_vectors_with_holes_or_of_another_length_are_left_out() -> None:
    now, before = vectors(1, 400).tolist(), vectors(2, 400).tolist()
    whole = of_vectors(now, before)
    odd = of_vectors([*now, None, [1.0] * 7, [math.nan] * 8, [math.inf] * 8, []], before)
    assert odd == whole
    assert whole["domain_auc"].rows == 400


def test_constant_vectors_are_measured() -> None:
    found = of_vectors([[1.0, 2.0]] * 250, [[1.0, 2.0]] * 250)
    assert found["domain_auc"].value == 0.5
    assert {m.status for m in found.values()} == {Status.OK}


@pytest.mark.parametrize("window", [[None] * 300, [[]] * 300])
def test_a_window_without_vectors_says_nothing(window: list) -> None:
    found = of_vectors(window, vectors(2, 300).tolist())
    assert {name: m.status for name, m in found.items()} == {"domain_auc": Status.INSUFFICIENT}


def test_without_torch_all_but_mmd_is_measured(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    found = of_vectors(vectors(1, 300).tolist(), vectors(2, 300).tolist())
    assert found["mmd"].status is Status.INSUFFICIENT
    assert found["mmd"].basis == "distances between embeddings need torch: install driftglass[torch]"
    assert found["domain_auc"].status is Status.OK


def test_a_sample_keeps_vectors_and_only_when_asked_the_other_features() -> None:
    rows = pa.table({"ts": [0], "id": ["a"], "feature.x": [1.0], "feature.e": [[1.0, 2.0]], "score.late": [0.5]})
    assert columns_of(rows, multivariate=False).column_names == ["ts", "feature.e"]
    assert columns_of(rows, multivariate=True).column_names == ["ts", "feature.x", "feature.e"]
    assert columns_of(rows.drop(["feature.e"]), multivariate=False) is None


def test_long_vectors_are_sampled_less() -> None:
    long = pa.table({"ts": [0] * MOST_ROWS, "feature.e": [[0.0] * 4_000] * MOST_ROWS})
    assert columns_of(long, multivariate=False).num_rows == 500


@pytest.mark.parametrize(("window", "reference"), [([[]], [[]]), ([[]], [[1.0, 2.0]]), ([[1.0, 2.0]], [[]])])
def test_vectors_of_no_numbers_say_nothing(window: list, reference: list) -> None:
    found = of_vectors(window * 300, reference * 300)
    assert {name: m.status for name, m in found.items()} == {"domain_auc": Status.INSUFFICIENT}


def test_the_longest_vector_says_how_many_rows_are_kept() -> None:
    rows = pa.table({"ts": [0] * 2_000, "feature.e": [[], *[[0.0] * 4_000] * 1_999]})
    assert columns_of(rows, multivariate=False).num_rows == 500
