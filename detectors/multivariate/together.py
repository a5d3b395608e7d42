"""What is measured of many columns at once, in a sample of a window's rows against one of its reference's."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special

from detectors.multivariate import domain_classifier, encoding, frechet, mahalanobis, mmd, moments, reconstruction
from detectors.multivariate.rows import AnyFloats, complete_pair
from detectors.pair import FloatArray
from kernel.column_spec import FEATURE
from kernel.errors import UnavailableError
from kernel.measurement import Measurement, Status
from kernel.profile import Kind

LEAST_ROWS = 200
"""A side with fewer says nothing yet."""
_FURTHEST = 1e50
_SURE = 1e-6
_WIDEST = 1_024  # numbers of a vector; the time that distances of covariances take grows with the cube
_AS_NUMBERS, _AS_CATEGORIES = (Kind.NUMERIC, Kind.BOOLEAN), (Kind.NUMERIC, Kind.BOOLEAN, Kind.CATEGORICAL)


@dataclass(frozen=True, slots=True)
class Sides:
    """Flat rows of a window and of its reference (detectors/multivariate/sample.py).

    Attributes:
        kinds: of the reference's features, by their stored names.
    """

    window: pa.Table
    reference: pa.Table
    kinds: Mapping[str, Kind]

    @property
    def vectors(self) -> list[str]:
        """The stored names of the reference's features that are vectors."""
        return [field.name for field in self.reference.schema if pa.types.is_list(field.type)]

    @property
    def features(self) -> list[str]:
        """The stored names of its features that are measured together: numbers, booleans and categories."""
        names = [f.name for f in self.reference.schema if f.name.startswith(FEATURE) and not pa.types.is_list(f.type)]
        return sorted(name for name in names if self.kinds.get(name) in _AS_CATEGORIES)


def tolerance(delta: float) -> float:
    """Return the area that a shift of a normal column has whose psi is delta: Phi(sqrt(delta / 2)).

    Its mean moved by sqrt(delta) deviations: psi is the square of that, and the area is Phi of it over the root of 2
    (Green and Swets, "Signal Detection Theory and Psychophysics", 1966).

    >>> round(tolerance(0.1), 3), tolerance(0.0)
    (0.588, 0.5)
    """
    return float(special.ndtr(math.sqrt(delta / 2)))


def psi_of_area(areas: FloatArray) -> FloatArray:
    """Return the psi of a normal column's shift that has such areas (windows,): 2 Phi^-1(area)^2; NaN where there is none.

    The inverse of `tolerance`, which has no end where areas end at 1; what is within a millionth of 1 counts as that far. Under
    0.5 it is 0. Source: as of `tolerance`.

    >>> psi_of_area(np.array([tolerance(0.1), 0.94, 1.0, 0.4])).round(2).tolist()
    [0.1, 4.83, 45.19, 0.0]
    """
    deviations: FloatArray = special.ndtri(np.clip(areas, 0.5, 1 - _SURE))
    return 2 * deviations**2


def measure_together(sides: Sides, alpha: float, delta: float) -> Iterator[Measurement]:
    """domain_auc and reconstruction_error of the features, whose column is ""; domain_auc, mmd, mahalanobis, frechet of vectors.

    Of them domain_auc decides: drift is called where the area is above `tolerance(delta)` beyond noise, at the level alpha. The
    others are told. Sources: those of the measures.

    >>> rng = np.random.default_rng(0)
    >>> def rows(sign):
    ...     x = rng.normal(size=400)
    ...     return pa.table({"feature.x": x, "feature.y": sign * x + rng.normal(0, 0.3, 400)})
    >>> kinds = {"feature.x": Kind.NUMERIC, "feature.y": Kind.NUMERIC}
    >>> found = list(measure_together(Sides(rows(-1), rows(1), kinds), alpha=1e-4, delta=0.1))  # each column is as it was
    >>> [(m.metric, round(m.value, 1), m.status.value) for m in found]
    [('domain_auc', 1.0, 'drift'), ('reconstruction_error', 1.2, 'ok')]
    """
    if sides.features:
        yield from _of_features(sides, alpha, delta)
    for name in sides.vectors:
        yield from _of_vectors(name, sides, alpha, delta)


def _of_features(sides: Sides, alpha: float, delta: float) -> Iterator[Measurement]:
    n, m = sides.window.num_rows, sides.reference.num_rows
    if min(n, m) < LEAST_ROWS:
        yield _too_few("domain_auc", "", n, m)
        return
    seen, coded = encoded(sides)
    yield _of_classifier("", seen, alpha, delta)
    fitted = reconstruction.fit(coded[1])
    found = None if fitted is None else reconstruction.measure(coded[0], fitted)
    if found is not None:
        yield Measurement(
            "reconstruction_error", "", found.value, Status.OK, found.expected, found.value - found.expected,
            p_change=found.p, rows=n, reference_rows=m,
        )  # fmt: skip


def _of_vectors(stored: str, sides: Sides, alpha: float, delta: float) -> Iterator[Measurement]:
    name = stored.removeprefix(FEATURE)
    before = _matrix(sides.reference[stored])
    now = _matrix(sides.window[stored]) if stored in sides.window.column_names else before[:0]
    if now.size and before.size and now.shape[1] != before.shape[1]:
        told = f"vectors of {now.shape[1]} numbers; the reference's have {before.shape[1]}"
        yield Measurement("domain_auc", name, None, Status.INSUFFICIENT, basis=told)
        return
    same = now.shape[1] == before.shape[1]
    window, reference = complete_pair(now if same else before[:0], before)
    n, m = window.count, reference.count
    if min(n, m) < LEAST_ROWS:
        yield _too_few("domain_auc", name, n, m)
        return
    pair = window.take(slice(None)), reference.take(slice(None))
    yield _of_classifier(name, pair, alpha, delta)
    yield _of_mmd(name, pair)
    if before.shape[1] > _WIDEST:
        return
    of_window, of_reference = (moments.of_block(side) for side in pair)
    between = mahalanobis.measure(of_window, of_reference)
    if between is not None and math.isfinite(between.value):
        expected = between.expected if math.isfinite(between.expected) else None
        yield _told("mahalanobis", name, between.value, expected, between.p, n, m)
    apart = frechet.measure(of_window, of_reference)
    if apart is not None:
        yield _told("frechet", name, apart.value, apart.expected, None, n, m)


def _of_classifier(name: str, pair: tuple[FloatArray, FloatArray], alpha: float, delta: float) -> Measurement:
    found = domain_classifier.measure(*pair)
    p = found.p_over(tolerance(delta))
    status = Status.DRIFT if p is not None and p < alpha else Status.OK
    area = found.estimate
    return Measurement(
        "domain_auc", name, area.value, status, 0.5, None if area.value is None else area.value - 0.5, p, found.p,
        area.lower, area.upper, float(pair[0].shape[0]), float(pair[1].shape[0]), alpha,
    )  # fmt: skip


def _of_mmd(name: str, pair: tuple[FloatArray, FloatArray]) -> Measurement:
    n, m = (side.shape[0] for side in pair)
    try:
        found = mmd.measure(*pair)
    except UnavailableError as error:
        return Measurement("mmd", name, None, Status.INSUFFICIENT, rows=n, reference_rows=m, basis=str(error))
    if found is None:
        return _too_few("mmd", name, n, m)
    return _told("mmd", name, found.value, 0.0, found.p, n, m)


def _told(metric: str, name: str, value: float, expected: float | None, p: float | None, n: int, m: int) -> Measurement:
    excess = None if expected is None else value - expected
    return Measurement(metric, name, value, Status.OK, expected, excess, p_change=p, rows=n, reference_rows=m)


def _too_few(metric: str, name: str, n: int, m: int) -> Measurement:
    told = f"under {LEAST_ROWS} rows with a value on a side"
    return Measurement(metric, name, None, Status.INSUFFICIENT, rows=n, reference_rows=m, basis=told)


def encoded(sides: Sides) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Window and reference as the classifier sees their features, and as the reconstruction does; all of shape (rows, columns).

    >>> sides = Sides(pa.table({"feature.x": ["2"]}), pa.table({"feature.x": ["3", None]}), {"feature.x": Kind.NUMERIC})
    >>> [side.tolist() for side in encoded(sides)[0]]
    [[[2.0]], [[3.0], [nan]]]
    """
    seen: list[tuple[FloatArray, FloatArray]] = []
    coded: list[tuple[FloatArray, FloatArray]] = []
    for name in sides.features:
        type_ = sides.reference.schema.field(name).type
        if sides.kinds[name] is Kind.NUMERIC or (sides.kinds[name] in _AS_NUMBERS and _is_number(type_)):
            numbers = _numbers(sides.window, name), _numbers(sides.reference, name)
            seen.append(numbers)
            coded.append((_squarable(numbers[0]), _squarable(numbers[1])))
        else:
            now, before = _categories(sides.window, name), _categories(sides.reference, name)
            seen.append(encoding.one_hot(now, before))
            coded.append((encoding.shares(now, before), encoding.shares(before, before)))
    return _side_by_side(seen), _side_by_side(coded)


def _squarable(numbers: FloatArray) -> FloatArray:
    """Numbers whose squares add up; the infinite ones stay, which are holes to a reconstruction."""
    return np.where(np.isfinite(numbers), np.clip(numbers, -_FURTHEST, _FURTHEST), numbers)


def _side_by_side(columns: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    window, reference = (np.column_stack([column[side] for column in columns]) for side in (0, 1))
    return window, reference


def _numbers(table: pa.Table, name: str) -> FloatArray:
    """A column (rows,); NaN where it has no number. Beside a text the numbers of a batch are texts, too: they are read."""
    if name not in table.column_names or pa.types.is_list(table.schema.field(name).type):
        return np.full(table.num_rows, np.nan)
    if not _is_number(table.schema.field(name).type):
        return np.array([_read(text) for text in _categories(table, name)])
    found: FloatArray = table[name].cast(pa.float64()).to_numpy()
    return found


def _read(text: str | None) -> float:
    try:
        return math.nan if text is None else float(text)
    except ValueError:
        return math.nan


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_floating(type_) or pa.types.is_integer(type_) or pa.types.is_boolean(type_))


def _categories(table: pa.Table, name: str) -> list[str | None]:
    if name not in table.column_names or pa.types.is_list(table.schema.field(name).type):
        return [None] * table.num_rows
    found: list[str | None] = table[name].cast(pa.string()).to_pylist()
    return found


def _matrix(column: pa.ChunkedArray) -> AnyFloats:
    """The vectors of a column as rows (rows, numbers), those of the commonest length; others, and what is missing, are left out."""
    if not pa.types.is_list(column.type):
        return np.zeros((0, 0), np.float32)
    vectors = column.combine_chunks().drop_null()
    lengths = pc.list_value_length(vectors).to_numpy(zero_copy_only=False)
    if not lengths.size:
        return np.zeros((0, 0), np.float32)
    usual = int(np.bincount(lengths).argmax())
    flat = vectors.filter(pa.array(lengths == usual)).flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, usual) if usual else np.zeros((0, 0), np.float32)
