"""Mahalanobis and Fréchet distance: against scikit-learn and scipy, and what noise gives by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats
from sklearn.covariance import oas

from detectors.multivariate import frechet, mahalanobis, moments
from detectors.multivariate.rows import all_rows, complete_rows

few = settings(max_examples=40, deadline=None, derandomize=True)


def _rows(seed: int, rows: int, columns: int, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(columns, columns)) + 2 * np.eye(columns)
    return scale * rng.normal(size=(rows, columns)) @ mixing


@few
@given(st.integers(0, 30), st.integers(1, 30), st.sampled_from([0.0, 1e8]), st.integers(0, 1000))
def test_moments_merge_to_those_of_all_rows(n, m, offset, seed):
    rows = np.random.default_rng(seed).normal(size=(n + m, 3)) + offset
    merged = moments.merge(moments.of_block(rows[:n]), moments.of_block(rows[n:]))
    exact = rows - offset  # as far as the offset lets it be
    assert merged.count == n + m
    assert merged.mean - offset == pytest.approx(exact.mean(axis=0), abs=1e-7)
    centred = exact - exact.mean(axis=0)
    assert merged.scatter == pytest.approx(centred.T @ centred, abs=1e-5 if offset else 1e-10)


def test_moments_of_blocks_are_numpys():
    values = np.random.default_rng(0).normal(5, 2, (5000, 700)).astype(np.float32)  # two blocks
    found = moments.of_blocks(all_rows(values).blocks(), 700)
    assert found.covariance == pytest.approx(np.cov(values.astype(float), rowvar=False), abs=1e-9)


@pytest.mark.parametrize(("n", "m", "columns"), [(40, 90, 5), (10, 15, 60)])
def test_mahalanobis_is_with_scikit_learns_shrinkage(n, m, columns):
    window, reference = _rows(1, n, columns) + 0.5, _rows(2, m, columns, 1.2)
    found = mahalanobis.measure(moments.of_block(window), moments.of_block(reference))
    centred = np.vstack([side - side.mean(axis=0) for side in (window, reference)])
    spread = np.sqrt((centred**2).sum(axis=0) / (n + m - 2))
    # scikit-learn divides by the rows and asks for so many; ours have two fewer degrees of freedom.
    rows = np.linalg.svd(centred / spread, full_matrices=False)
    turned = (rows.S[:, None] * rows.Vh)[: n + m - 2]
    fitted, weight = oas(np.pad(turned, ((0, n + m - 2 - len(turned)), (0, 0))), assume_centered=True)
    step = (window.mean(axis=0) - reference.mean(axis=0)) / spread
    assert found.shrinkage == pytest.approx(weight, rel=1e-6)
    off = 1 - np.eye(columns)
    shrunk = fitted * off + np.eye(columns)
    assert found.value == pytest.approx(step @ linalg.solve(shrunk, step), rel=1e-5)
    assert (found.p is None) == (n <= columns)


def test_with_one_column_hotellings_test_is_students():
    window, reference = _rows(1, 12, 1) + 1, _rows(2, 30, 1)
    found = mahalanobis.measure(moments.of_block(window), moments.of_block(reference))
    assert found.p == pytest.approx(stats.ttest_ind(window[:, 0], reference[:, 0]).pvalue, rel=1e-9)


@pytest.mark.parametrize("columns", [1, 5, 12, 58])
def test_hotellings_level_and_what_noise_gives(columns):
    """600 clean pairs: rejections at 5% within 4 standard errors; the mean distance within 4 and 2% of the expected one."""
    pairs = [(_rows(2 * i, 60, columns), _rows(2 * i + 1, 200, columns)) for i in range(600)]
    found = [mahalanobis.measure(moments.of_block(x), moments.of_block(y)) for x, y in pairs]
    assert abs(np.mean([f.p <= 0.05 for f in found]) - 0.05) <= 4 * np.sqrt(0.05 * 0.95 / 600)
    values, expected = (np.array([getattr(f, name) for f in found]) for name in ("value", "expected"))
    assert abs(np.mean(values - expected)) <= 4 * values.std() / np.sqrt(600) + 0.02 * expected.mean()


def test_what_noise_gives_with_more_columns_than_rows():
    """The mean of 100 clean pairs of 30 and 40 rows of 150 columns, within a tenth."""
    pairs = [(_rows(2 * i, 30, 150), _rows(2 * i + 1, 40, 150)) for i in range(100)]
    found = [mahalanobis.measure(moments.of_block(x), moments.of_block(y)) for x, y in pairs]
    assert np.mean([f.value for f in found]) == pytest.approx(np.mean([f.expected for f in found]), rel=0.1)


def test_the_distance_knows_no_units_and_the_shift_is_found():
    window, reference = _rows(1, 500, 4), _rows(2, 800, 4)
    units = np.array([1e-6, 1.0, 1e6, 3.0])
    plain, scaled = (
        mahalanobis.measure(moments.of_block(window * u), moments.of_block(reference * u)) for u in (1.0, units)
    )
    assert scaled.value == pytest.approx(plain.value, rel=1e-9)
    window[:, 2] += 0.5 * reference[:, 2].std()
    assert mahalanobis.measure(moments.of_block(window), moments.of_block(reference)).p < 1e-6


def test_constant_and_repeated_columns():
    x, y = _rows(1, 50, 2), _rows(2, 60, 2)
    plain = mahalanobis.measure(moments.of_block(x), moments.of_block(y))
    with_constant = [moments.of_block(np.column_stack([side, np.full(len(side), 0.1)])) for side in (x, y)]
    assert mahalanobis.measure(*with_constant).value == pytest.approx(plain.value)
    with_step = [moments.of_block(np.column_stack([side, np.full(len(side), c)])) for side, c in ((x, 0.1), (y, 0.2))]
    assert mahalanobis.measure(*with_step).value == np.inf
    repeated = [moments.of_block(np.column_stack([side, side[:, 0]])) for side in (x, y)]
    assert mahalanobis.measure(*repeated).p == pytest.approx(plain.p, rel=1e-6)
    alike = [moments.of_block(np.full((rows, 2), 3.0)) for rows in (5, 6)]
    assert mahalanobis.measure(*alike) == mahalanobis.Distance(0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize(("n", "m"), [(200, 300), (6, 9)])
def test_frechet_is_the_formula_with_scipys_root(n, m):
    window, reference = _rows(1, n, 8) + 0.3, _rows(2, m, 8, 1.5)
    found = frechet.measure(moments.of_block(window), moments.of_block(reference))
    a, b = np.cov(window, rowvar=False), np.cov(reference, rowvar=False)
    step = window.mean(axis=0) - reference.mean(axis=0)
    exact = step @ step + np.trace(a + b) - 2 * np.sqrt(np.maximum(linalg.eigvals(a @ b).real, 0)).sum()
    assert found.value == pytest.approx(exact, rel=1e-6)


def test_frechet_of_itself_is_nothing_and_is_symmetric():
    x, y = (moments.of_block(_rows(seed, 40, 5)) for seed in (1, 2))
    assert frechet.measure(x, x).value == pytest.approx(0, abs=1e-8)
    assert frechet.measure(x, y).value == pytest.approx(frechet.measure(y, x).value)


def test_what_noise_gives_of_frechets():
    """The mean of 300 clean pairs within a twentieth of the expected one."""
    found = [
        frechet.measure(moments.of_block(_rows(2 * i, 400, 6)), moments.of_block(_rows(2 * i + 1, 700, 6)))
        for i in range(300)
    ]
    assert np.mean([f.value for f in found]) == pytest.approx(np.mean([f.expected for f in found]), rel=0.05)


@pytest.mark.parametrize(("n", "m"), [(0, 9), (1, 1)])
def test_too_few_rows_have_no_distance(n, m):
    sides = [moments.of_block(np.zeros((rows, 2))) for rows in (n, m)]
    assert mahalanobis.measure(*sides) is None
    assert frechet.measure(*sides) is None


def test_one_row_has_a_distance_of_means_and_no_test():
    found = mahalanobis.measure(moments.of_block(_rows(1, 1, 2)), moments.of_block(_rows(2, 50, 2)))
    assert found.value > 0
    assert found.p is None


def test_rows_with_holes_do_not_count():
    rows = _rows(1, 20, 3)
    broken = np.insert(rows, 3, [np.nan, 1, 1], axis=0)
    found = moments.of_blocks(complete_rows(broken).blocks(), 3)
    assert found.count == 20
    assert found.mean == pytest.approx(rows.mean(axis=0))
