"""Reconstruction error: against scikit-learn's pipeline, and the level of its test by simulation."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from detectors.multivariate.encoding import shares
from detectors.multivariate.reconstruction import fit, measure


def _rows(seed: int, rows: int, columns: int = 8, noise: float = 0.5) -> np.ndarray:
    """Columns that go together by three factors, with units of their own."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(77).normal(size=(3, columns))
    return (rng.normal(size=(rows, 3)) @ loadings + noise * rng.normal(size=(rows, columns))) * np.arange(
        1, columns + 1
    )


def _with_holes(rows: np.ndarray, seed: int) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(rows.shape) < 0.1, np.nan, rows)


@pytest.mark.parametrize("share", [0.3, 0.65, 0.99])
@pytest.mark.parametrize("holes", [False, True])
def test_errors_are_those_of_scikit_learn(share, holes):
    reference, window = _rows(1, 400), _rows(2, 90)
    if holes:
        reference, window = _with_holes(reference, 3), _with_holes(window, 4)
    reference[:, 5] = window[:, 5] = 2.5  # a constant column
    before = make_pipeline(SimpleImputer(), StandardScaler())
    pca = PCA(share).fit(before.fit_transform(reference))
    standard = before.transform(window)
    theirs = np.linalg.norm(standard - pca.inverse_transform(pca.transform(standard)), axis=1).mean()
    fitted = fit(reference, share)
    assert fitted.projection.axes.shape[1] == pca.n_components_
    assert measure(window, fitted).value == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("columns", [3, 20])
def test_the_level_is_kept_by_simulation(columns):
    """400 clean windows, each with a reference of its own: rejections at 5% within 4 standard errors."""
    ps = np.array(
        [measure(_rows(2 * i, 150, columns), fit(_rows(2 * i + 1, 600, columns))).p for i in range(400)]
    )  # fmt: skip
    assert abs((ps <= 0.05).mean() - 0.05) <= 4 * np.sqrt(0.05 * 0.95 / 400)


def test_what_is_expected_is_what_new_rows_have_and_not_what_fitted_ones_have():
    """With few rows a column the fitted rows' own error is a tenth too small; the expected one is not."""
    fitted = [(reference, fit(reference, 0.9)) for reference in (_rows(i, 120, 40) for i in range(20))]
    new = np.mean([measure(_rows(100 + i, 2000, 40), f).value for i, (_, f) in enumerate(fitted)])
    own = np.mean([measure(reference, f).value for reference, f in fitted])
    assert own < 0.95 * new
    assert np.mean([f.expected for _, f in fitted]) == pytest.approx(new, rel=0.03)


def test_columns_that_no_longer_go_together_are_seen_and_so_are_those_that_do_more():
    fitted = fit(_rows(1, 2000), share=0.8)
    apart = np.column_stack([np.random.default_rng(i).permutation(c) for i, c in enumerate(_rows(2, 300).T)])
    looser, closer = measure(apart, fitted), measure(_rows(3, 300, noise=0.3), fitted)
    assert looser.value > looser.expected
    assert looser.p < 1e-9
    assert closer.value < closer.expected
    assert closer.p < 1e-6


def test_the_same_seed_gives_the_same_answer():
    reference = _rows(1, 100)
    first, again, other = (fit(reference, seed=seed).expected for seed in (1, 1, 2))
    assert first == again != other


def test_float32_and_many_blocks_give_the_same_answer():
    reference, window = _rows(1, 6000, 600), _rows(2, 4000, 600)  # two blocks each
    fitted = fit(reference.astype(np.float32), seed=1)
    errors = fitted.projection.errors
    assert measure(window, fitted).value == pytest.approx(
        np.mean([measure(part, fitted).value for part in np.split(window, 4)]), rel=1e-12
    )
    assert errors.__self__.axes.shape[0] == 600


@pytest.mark.parametrize("value", [3.0, np.nan, np.inf])
def test_a_reference_of_constant_columns_has_no_error(value):
    fitted = fit(np.full((20, 2), value))
    assert (fitted.expected, measure(np.full((5, 2), value), fitted).p) == (0.0, 1.0)


def test_a_constant_column_that_moves_is_seen():
    reference, window = _rows(1, 200), _rows(2, 50)
    reference[:, 0], window[:, 0] = 1.0, 9.0
    assert measure(window, fit(reference)).p < 1e-6


def test_few_rows():
    assert fit(_rows(1, 9)) is None
    fitted = fit(_rows(1, 50))
    assert measure(np.zeros((0, 8)), fitted) is None
    assert measure(_rows(2, 1), fitted).p is None


def test_what_is_not_allowed_is_refused():
    with pytest.raises(ValueError, match="share"):
        fit(_rows(1, 50), share=1.0)
    with pytest.raises(ValueError, match="8 columns"):
        measure(np.zeros((5, 3)), fit(_rows(1, 50)))


def test_categories_are_coded_by_their_share():
    reference = ["a", "a", "b", None]
    assert shares(["b", "c", None], reference).tolist() == [0.25, 0.0, 0.75]
    assert shares(["a"], [None, None]).tolist() == [0.0]
