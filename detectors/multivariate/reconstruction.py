"""Reconstruction error of a principal component analysis of the reference."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import linalg, special

from detectors.multivariate import moments
from detectors.multivariate.rows import AnyFloats, Rows, all_rows
from detectors.pair import FloatArray

SHARE = 0.65
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Projection:
    """The principal components of some rows.

    Attributes:
        centre: the means of the values that are there, shape (columns,).
        spread: the standard deviations with holes at the mean, 1 for a constant column, shape (columns,).
        axes: the components, orthonormal, shape (columns, kept).

    >>> plane = Projection(np.zeros(3), np.ones(3), np.eye(3)[:, :2])
    >>> rows = all_rows(np.array([[5.0, 4.0, 3.0]]))
    >>> plane.errors(rows).tolist(), plane.first(1).errors(rows).tolist()
    ([3.0], [5.0])
    """

    centre: FloatArray
    spread: FloatArray
    axes: FloatArray

    def errors(self, rows: Rows) -> FloatArray:
        """Return each row's distance from its reconstruction, in standard deviations, shape (rows,)."""
        return np.concatenate([np.zeros(0), *map(self._of_block, _filled(rows, self.centre))])

    def first(self, kept: int) -> "Projection":
        """Return the projection on the first so many components."""
        return replace(self, axes=self.axes[:, :kept])

    def _of_block(self, block: FloatArray) -> FloatArray:
        standard = (block - self.centre) / self.spread
        error: FloatArray = np.linalg.norm(standard - (standard @ self.axes) @ self.axes.T, axis=1)
        return error


@dataclass(frozen=True, eq=False)
class Fitted:
    """A reference's components, and the errors of reference rows that they have not seen.

    Attributes:
        projection: of all reference rows.
        expected: the mean error of rows that were held out, which is what a window where nothing moved has.
        variance: of an error.
        rows: of the reference.
    """

    projection: Projection
    expected: float
    variance: float
    rows: int


@dataclass(frozen=True)
class Reconstruction:
    """A window's error beside what is expected.

    Attributes:
        value: the mean over the rows, in standard deviations of the reference.
        p: P(so large a difference from what is expected, either way) where nothing moved; None for a window of one row.
    """

    value: float
    expected: float
    p: float | None
    rows: int


def fit(reference: AnyFloats, share: float = SHARE, seed: int = 0) -> Fitted | None:
    """Return the components of a reference (m, columns), as few as hold more than this share of the standardised variance.

    As NannyML defines it: holes take the column's mean, columns are standardised, categories enter by `encoding.shares`. An
    infinite value is a hole. The errors of the reference's own rows are smaller than those of new ones, because the
    components were fitted to them; so the expected error is of five folds, each held out once. None with under ten rows.
    Raises ValueError for a share not between 0 and 1. Source: NannyML's documentation, "Data reconstruction with PCA".

    >>> rng = np.random.default_rng(0)
    >>> fitted = fit(rng.normal(size=(500, 1)) * [1.0, 1.0, -1.0] + rng.normal(0.0, 0.1, (500, 3)))
    >>> fitted.projection.axes.shape, 0.1 < fitted.expected < 0.2
    ((3, 1), True)
    """
    if not 0 < share < 1:
        raise ValueError(f"the share of the variance must be between 0 and 1, got {share}")
    rows = all_rows(reference)
    if rows.count < 2 * FOLDS:
        return None
    whole, variances = _project(rows)
    kept = _enough(variances, share)
    folds = np.random.default_rng(seed).permutation(rows.count) % FOLDS
    errors = np.concatenate([_held_out(rows, folds == fold, kept) for fold in range(FOLDS)])
    return Fitted(whole.first(kept), float(errors.mean()), float(errors.var(ddof=1)), rows.count)


def measure(window: AnyFloats, fitted: Fitted) -> Reconstruction | None:
    """Return the error of a window (n, columns); None without rows.

    The test is Welch's, of the rows' errors against those that were held out: it holds in large samples. An error that is
    too small is drift as well: the columns go together more than they did. Raises ValueError for other columns than the
    reference's.
    Source: Welch, "The generalization of 'Student's' problem when several different population variances are involved" (1947).

    >>> rng = np.random.default_rng(0)
    >>> fitted = fit(rng.normal(size=(500, 1)) * [1.0, 1.0, -1.0] + rng.normal(0.0, 0.1, (500, 3)))
    >>> found = measure(rng.normal(size=(100, 3)), fitted)  # each as before, and no longer together
    >>> found.value > 1, found.p < 1e-9
    (True, True)
    """
    rows = all_rows(window)
    if rows.columns != fitted.projection.centre.size:
        raise ValueError(f"the reference has {fitted.projection.centre.size} columns, got shape {window.shape}")
    if rows.count == 0:
        return None
    errors = fitted.projection.errors(rows)
    value = float(errors.mean())
    p = _welch(value - fitted.expected, float(errors.var(ddof=1)), errors.size, fitted) if errors.size > 1 else None
    return Reconstruction(value, fitted.expected, p, errors.size)


def _welch(gap: float, variance: float, n: int, fitted: Fitted) -> float:
    parts = np.array([variance / n, fitted.variance / fitted.rows])
    noise = float(parts.sum())
    if noise == 0:
        return 1.0 if gap == 0 else 0.0
    freedom = noise**2 / float(parts**2 @ [1 / (n - 1), 1 / (fitted.rows - 1)])
    return float(2 * special.stdtr(freedom, -abs(gap) / np.sqrt(noise)))


def _held_out(rows: Rows, held: npt.NDArray[np.bool_], kept: int) -> FloatArray:
    return _project(rows.only(np.flatnonzero(~held)))[0].first(kept).errors(rows.only(np.flatnonzero(held)))


def _project(rows: Rows) -> tuple[Projection, FloatArray]:
    """All components and their variances (columns,), the largest first."""
    centre = _means(rows)
    found = moments.of_blocks(_filled(rows, centre), rows.columns)
    deviations = np.sqrt(np.diag(found.scatter) / rows.count)
    spread = np.where(deviations > 1e-13 * np.abs(centre), deviations, 1.0)  # less is what rounding leaves
    values, vectors = linalg.eigh(found.scatter / rows.count / np.outer(spread, spread))
    return Projection(centre, spread, vectors[:, ::-1]), np.maximum(values[::-1], 0)


def _enough(variances: FloatArray, share: float) -> int:
    """As few as hold more than this share; none where all columns are constant."""
    held = np.cumsum(variances)
    return int(np.searchsorted(held, share * held[-1], side="right")) + 1 if variances.any() else 0


def _means(rows: Rows) -> FloatArray:
    count, total = np.zeros(rows.columns), np.zeros(rows.columns)
    for block in rows.blocks():
        known = np.isfinite(block)
        count += known.sum(axis=0)
        total += np.where(known, block, 0.0).sum(axis=0)
    return total / np.maximum(count, 1)


def _filled(rows: Rows, centre: FloatArray) -> Iterator[FloatArray]:
    return (np.where(np.isfinite(block), block, centre) for block in rows.blocks())
