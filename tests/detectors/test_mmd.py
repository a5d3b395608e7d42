"""Squared MMD: against the dense formula, and the level and power of its permutation test by simulation."""

import sys

import numpy as np
import pytest
from scipy.spatial import distance

from detectors import besag_clifford
from detectors.multivariate import mmd
from detectors.multivariate.bandwidth import median_distance
from detectors.multivariate.feature_sums import FREQUENCIES
from detectors.multivariate.pooled import Pooled
from detectors.multivariate.relabelling import Relabelling
from detectors.multivariate.rows import complete_pair
from kernel.errors import UnavailableError

both = pytest.mark.parametrize("basis", ["pairs", "features"])
ONE_DRAW = 1


def _dense(window: np.ndarray, reference: np.ndarray, bandwidth: float) -> float:
    n, m = len(window), len(reference)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-distance.cdist(a, b, "sqeuclidean") / (2 * bandwidth**2))

    within = [(kernel(x, x).sum() - k) / (k * (k - 1)) for x, k in ((window, n), (reference, m))]
    return float(within[0] + within[1] - 2 * kernel(window, reference).mean())


def _normal(seed: int, rows: int, columns: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (rows, columns))


@pytest.mark.parametrize(("n", "m", "columns"), [(2, 2, 1), (3, 40, 2), (70, 50, 1), (257, 300, 16), (130, 90, 200)])
@pytest.mark.parametrize("offset", [0.0, 1e6], ids=["centred", "far away"])
def test_pairs_equal_the_dense_formula(n, m, columns, offset):
    window, reference = _normal(1, n, columns, 0.2) + offset, _normal(2, m, columns) + offset
    found = mmd.measure(window, reference, mmd.Options("pairs", draws=ONE_DRAW))
    assert found.value == pytest.approx(_dense(window, reference, found.bandwidth), abs=2e-7)  # float32 kernels


def test_features_are_the_dense_formula_of_their_own_kernel():
    window, reference = _normal(1, 90, 3, 0.3), _normal(2, 140, 3)
    found = mmd.measure(window, reference, mmd.Options("features", draws=ONE_DRAW, seed=4))
    frequencies = np.random.default_rng([4, 3]).standard_normal((3, FREQUENCIES)) / found.bandwidth
    waves = [np.hstack([np.cos(x @ frequencies), np.sin(x @ frequencies)]) for x in (window, reference)]
    sums = [side.sum(axis=0) for side in waves]
    within = [(s @ s / FREQUENCIES - len(x)) / (len(x) * (len(x) - 1)) for s, x in zip(sums, waves, strict=True)]
    expected = within[0] + within[1] - 2 * sums[0] @ sums[1] / FREQUENCIES / (90 * 140)
    assert found.value == pytest.approx(expected, abs=2e-7)


def test_features_are_the_gaussian_kernels_in_the_mean():
    """Over 40 draws of the frequencies, within 4 standard errors."""
    window, reference = _normal(1, 100, 5, 0.4), _normal(2, 150, 5)
    found = [mmd.measure(window, reference, mmd.Options("features", 3.0, ONE_DRAW, seed)).value for seed in range(40)]
    assert abs(np.mean(found) - _dense(window, reference, 3.0)) < 4 * np.std(found, ddof=1) / np.sqrt(40)
    assert np.std(found) < 0.1 * np.mean(found)


@both
@pytest.mark.parametrize("tile", [33, 1024, 5000])
def test_tiles_of_any_size_give_the_same_answer(basis, tile):
    window, reference = _normal(3, 90, 6, 0.1), _normal(4, 1300, 6)
    found, usual = (mmd.measure(window, reference, mmd.Options(basis, draws=300, tile=t)) for t in (tile, 2048))
    assert found.value == pytest.approx(usual.value, abs=2e-7)
    # The labels are the same ones, so no more than one of them may be told apart by rounding.
    assert found.p == pytest.approx(usual.p, rel=0.05)


@both
def test_the_same_seed_gives_the_same_answer_and_another_one_another(basis):
    window, reference = _normal(3, 50, 2), _normal(4, 60, 2)
    first, again, other = (mmd.measure(window, reference, mmd.Options(basis, seed=seed)) for seed in (5, 5, 6))
    assert first == again
    assert first.p != other.p


@pytest.mark.parametrize(("basis", "rounds", "columns"), [("pairs", 500, 3), ("features", 200, 3), ("pairs", 200, 100)])
def test_the_level_is_kept_by_simulation(basis, rounds, columns):
    """Clean pairs of unequal sizes: rejections at 5% and at 20% stay within 4 standard errors of it."""
    ps = np.array(
        [
            mmd.measure(
                _normal(2 * i, 20, columns), _normal(2 * i + 1, 45, columns), mmd.Options(basis, None, 199, i)
            ).p
            for i in range(rounds)
        ]
    )
    for level in (0.05, 0.2):
        assert abs((ps <= level).mean() - level) <= 4 * np.sqrt(level * (1 - level) / rounds)


@both
@pytest.mark.parametrize("kind", ["shift", "spread", "dependence"])
def test_known_changes_are_seen(basis, kind):
    """Ten pairs each; a change of dependence alone moves no column by itself."""
    seen = 0
    for i in range(10):
        window, reference = _normal(2 * i, 400, 4), _normal(2 * i + 1, 600, 4)
        if kind == "shift":
            window += 0.2
        elif kind == "spread":
            window *= 1.35
        else:
            window[:, 1] = 0.8 * window[:, 0] + 0.6 * window[:, 1]
        seen += mmd.measure(window, reference, mmd.Options(basis, draws=500)).p < 0.01
    assert seen >= 9


def test_features_see_nearly_as_much_as_pairs_of_wide_rows():
    """A shift at the edge of what can be seen, in 256 columns: the features' p-values are not far from the pairs'."""
    ps = {
        basis: [
            mmd.measure(_normal(2 * i, 300, 256, 0.03), _normal(2 * i + 1, 300, 256), mmd.Options(basis, draws=199)).p
            for i in range(20)
        ]
        for basis in ("pairs", "features")
    }
    assert np.mean(ps["pairs"]) < 0.25
    assert np.mean(ps["features"]) < np.mean(ps["pairs"]) + 0.15


@both
def test_rows_that_are_all_alike_have_not_moved(basis):
    found = mmd.measure(np.full((8, 3), 5.1), np.full((9, 3), 5.1), mmd.Options(basis))
    assert (found.value, found.p) == (pytest.approx(0, abs=1e-6), 1.0)


def test_rows_with_holes_are_left_out():
    window, reference = _normal(1, 30, 3), _normal(2, 40, 3)
    broken = np.insert(window, 4, [np.nan, 0, 0], axis=0)
    endless = np.append(reference, [[0, np.inf, 0]], axis=0)
    assert mmd.measure(broken, endless) == mmd.measure(window, reference)
    assert mmd.measure(broken, endless).window_rows == 30


@pytest.mark.parametrize(("n", "m"), [(0, 5), (1, 5), (5, 1)])
def test_too_few_rows_have_no_distance(n, m):
    assert mmd.measure(np.zeros((n, 2)), np.zeros((m, 2))) is None


def test_shapes_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="same columns"):
        mmd.measure(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="two dimensions"):
        mmd.measure(np.zeros(4), np.zeros(4))


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"tile": 0}, {"bandwidth": 0.0}, {"bandwidth": float("nan")}])
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="above 0"):
        mmd.Options(**wrong)


def test_many_rows_take_features():
    window, reference = _normal(1, 100, 2).astype(np.float32), _normal(2, mmd.PAIRS_UP_TO, 2).astype(np.float32)
    assert mmd.measure(window, reference, mmd.Options(draws=ONE_DRAW)).basis == "features"


def test_without_torch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnavailableError, match=r"driftglass\[torch\]"):
        mmd.measure(_normal(1, 5, 2), _normal(2, 5, 2))


def test_the_bandwidth_is_the_median_distance():
    window, reference = _normal(1, 40, 3), _normal(2, 60, 3)
    pooled = Pooled(*complete_pair(window, reference))
    assert median_distance(pooled) == pytest.approx(np.median(distance.pdist(np.vstack([window, reference]))))
    mostly = Pooled(*complete_pair(np.zeros((50, 1)), np.array([[0.0], [2.0]])))
    assert median_distance(mostly) == 2.0


def test_labels_are_subsets_of_one_size_drawn_alike():
    """Each row is the window's as often as any other, and each pair of rows together; within 5 standard errors."""
    labels = np.hstack(list(Relabelling(30, 2100, 20_000, (1,)).tiles([(0, 1500), (1500, 2100)])))[1:]
    assert (labels.sum(axis=1) == 30).all()
    often = labels.mean(axis=0)
    share = 30 / 2100
    assert np.abs(often - share).max() < 5 * np.sqrt(share / 20_000)
    together = (labels[:, :1000].sum(axis=1) * labels[:, 1000:].sum(axis=1)).mean()  # across a grain's edge
    assert together == pytest.approx(30 * 29 * 1000 * 1100 / (2100 * 2099), rel=0.02)


def test_drawing_in_chunks_stops_where_drawing_one_by_one_does():
    hits = np.random.default_rng(0).random(5000) < 0.02
    place = iter(hits)
    found = besag_clifford.sequential_p(lambda size: np.array([next(place) for _ in range(size)]), 5000, most=300)
    assert found == 20 / (np.flatnonzero(hits)[19] + 1)
