"""From rows to profiles: the columns of a flat table of records, counted by window.

Nothing here loops over rows; the loops are over columns, windows, versions and segments.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.arrays import whole
from kernel.counting import count, count_finely, weigh
from kernel.grid import Float64Array, Grid
from kernel.profile import Cells, ColumnProfile, Kind, Moments, WindowProfile
from kernel.scores import SCORE_CELLS, score_cells
from kernel.windows import WindowSize

Int64Array = NDArray[np.int64]

VERSION = "version"
FEATURE, SCORE, TAG = "feature.", "score.", "tag."
PREDICTION, PREDICTION_VALUE = "prediction", "prediction_value"
POSITIVE_COLUMNS = ("latency_ms", "queue_ms")
_THREADS_FROM = 100_000  # rows; fewer are counted before a thread has begun
OTHER_CATEGORY = 0  # the code of everything past the dictionary's limit
OTHER_SEGMENT = OTHER_VERSION = "other"
LONGEST_SEGMENT = 255  # characters of COLUMN=VALUE, which is part of a key
_FLAGS = {"false": 0, "true": 1, "0": 0, "1": 1}  # the record log keeps booleans as 0 and 1
_NO_FLAG = -1
_NUMBER_TEXT = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """How a column is to be counted.

    Attributes:
        grid: the grid of a numeric column; None while no finite value was ever seen.
        categories: value -> code of a categorical column, and of one whose values are told apart as segments.
    """

    kind: Kind
    version: int = 0
    grid: Grid | None = None
    categories: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """What one profile is about: a model's version, a segment ("" for all, else COLUMN=VALUE), a window."""

    version: str
    segment: str
    window_start_us: int


def is_profiled(name: str, type_: pa.DataType) -> bool:
    """Whether a column of a flat table is counted in profiles."""
    if name.startswith(FEATURE):
        return not (pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))
    return name.startswith(SCORE) or name in (PREDICTION, PREDICTION_VALUE, *POSITIVE_COLUMNS)


def stored_name(name: str) -> str:
    """A prediction is one column, whether it is a class or a number."""
    return PREDICTION if name == PREDICTION_VALUE else name


def natural_kind(name: str, type_: pa.DataType) -> Kind:
    """The kind a column has by its name and its Arrow type."""
    if name in POSITIVE_COLUMNS:
        return Kind.POSITIVE
    if name.startswith(SCORE):
        return Kind.SCORE
    if pa.types.is_boolean(type_):
        return Kind.BOOLEAN
    return Kind.NUMERIC if pa.types.is_floating(type_) or pa.types.is_integer(type_) else Kind.CATEGORICAL


def strangers(kind: Kind, values: pa.ChunkedArray) -> int:
    """How many of the values that are not null are not of the kind; a text may read as a number or a boolean.

    >>> strangers(Kind.NUMERIC, pa.chunked_array([["1.5", "n/a", None]]))
    1
    """
    present = int(len(values) - values.null_count)
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if kind is Kind.CATEGORICAL:
        return 0 if text else present
    if kind is Kind.NUMERIC and text:
        return present - _trues(pc.match_substring_regex(values, _NUMBER_TEXT))
    if kind is Kind.BOOLEAN and not pa.types.is_boolean(values.type):
        return present - _trues(pc.is_in(values.cast(pa.string()), pa.array(list(_FLAGS))))
    return present if kind is Kind.NUMERIC and pa.types.is_boolean(values.type) else 0


def finite_numbers(values: pa.ChunkedArray) -> Float64Array:
    """The finite numbers among the values, in their order; a text may read as one.

    >>> finite_numbers(pa.chunked_array([["1.5", "n/a", None]])).tolist()
    [1.5]
    """
    numbers, _ = _numbers(whole(values.drop_null()))
    return numbers[np.isfinite(numbers)]


def _trues(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)


def profile_rows(table: pa.Table, specs: Mapping[str, ColumnSpec], threads: int = 1) -> WindowProfile:
    """The profile of all rows of a flat table.

    Args:
        table: flat columns (stream.codecs.columns).
        specs: by stored column name; a column without a spec is not counted.
        threads: how many columns are counted at once, where there are rows enough to be worth it.
    """
    rows = table.num_rows
    weights = _weights(table)
    counted = [c.name for c in table.schema if stored_name(c.name) in specs and is_profiled(c.name, c.type)]

    def profile(name: str) -> ColumnProfile:
        return _profile_column(table, name, specs[stored_name(name)], weights)

    columns: dict[str, ColumnProfile] = {}
    for column, part in zip(counted, _each(profile, counted, threads if rows >= _THREADS_FROM else 1), strict=True):
        name = stored_name(column)
        columns[name] = _beside(columns[name], part, rows, weights) if name in columns else part
    error = table["error"].null_count if "error" in table.column_names else rows
    total, squares = (float(rows), float(rows)) if weights is None else (float(weights.sum()), float(weights @ weights))
    return WindowProfile(rows, rows - error, total, squares, columns)


def _beside(first: ColumnProfile, second: ColumnProfile, rows: int, weights: Float64Array | None) -> ColumnProfile:
    """One column of the same rows that came in two, classes and numbers: missing is what neither has."""
    both = ColumnProfile.merge([first, second])
    total, squares = (rows, rows) if weights is None else (float(weights.sum()), float(weights @ weights))
    return replace(
        both,
        missing=both.missing - rows,
        missing_weight=both.missing_weight - total,
        missing_weight2=both.missing_weight2 - squares,
    )


def _each(profile: Callable[[str], ColumnProfile], names: Sequence[str], threads: int) -> list[ColumnProfile]:
    """Every column's profile, in order; counting leaves the interpreter's lock alone, so threads share the work."""
    if threads == 1:
        return [profile(name) for name in names]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(profile, names))


def profile_windows(
    table: pa.Table,
    specs: Mapping[str, ColumnSpec],
    size: WindowSize,
    segments: Sequence[str] = (),
    max_segments: int = 50,
    max_versions: int = 50,
    threads: int = 1,
) -> dict[GroupKey, WindowProfile]:
    """The profiles of a flat table by version, segment and window.

    Args:
        segments: features by whose values the rows are profiled once more.
        max_segments: values of a segment feature that are told apart; the rest are "other".
        max_versions: versions that are told apart, where specs has their dictionary; the rest are "other".
        threads: see profile_rows.
    """
    if not table.num_rows:
        return {}
    starts = size.starts(table["ts"].cast(pa.int64()).to_numpy())
    versions = _version_labels(table, specs, max_versions)
    found: dict[GroupKey, WindowProfile] = {}
    for segment in ["", *segments]:
        labels = _segment_labels(table, segment, specs, max_segments)
        for (version, label, start), rows in _groups(versions, labels, starts):
            part = table if rows is None else table.take(rows)
            found[GroupKey(version, label, start)] = profile_rows(part, specs, threads)
    return found


def profile_segments(
    table: pa.Table, specs: Mapping[str, ColumnSpec], segments: Sequence[str], max_segments: int = 50
) -> dict[str, WindowProfile]:
    """The profiles of a flat table by segment, as profile_windows names them, over all versions and moments.

    Args:
        segments, max_segments: see profile_windows.
    """
    found: dict[str, WindowProfile] = {}
    for segment in segments if table.num_rows else ():
        labels = _segment_labels(table, segment, specs, max_segments)
        alike = pa.repeat(pa.scalar(""), table.num_rows)
        for (_, label, _), rows in _groups(alike, labels, np.zeros(table.num_rows, np.int64)):
            found[label] = profile_rows(table if rows is None else table.take(rows), specs)
    return found


def segment_columns(segment: str, features: Sequence[str]) -> set[str]:
    """The stored names of the features that are the same in all rows of a segment: those it is made by, unless it is the rest.

    >>> segment_columns("origin=JFK", ["origin", "carrier"]), segment_columns("origin=other", ["origin"])
    ({'feature.origin'}, set())
    """
    return {
        FEATURE + name for name in features if segment.startswith(f"{name}=") and segment != f"{name}={OTHER_SEGMENT}"
    }


def _version_labels(table: pa.Table, specs: Mapping[str, ColumnSpec], limit: int) -> pa.Array:
    versions = whole(table[VERSION]).fill_null("")
    if VERSION not in specs:
        return versions
    known = specs[VERSION].categories
    encoded = versions.dictionary_encode()
    told_apart = [v if 0 < known.get(v, 0) <= limit else OTHER_VERSION for v in encoded.dictionary.to_pylist()]
    return pa.array(told_apart, pa.string()).take(encoded.indices)


def _segment_labels(table: pa.Table, segment: str, specs: Mapping[str, ColumnSpec], limit: int) -> pa.Array:
    name = FEATURE + segment
    if not segment or name not in table.column_names:  # no row has a value
        return pa.repeat(pa.scalar(f"{segment}=" if segment else ""), table.num_rows)
    values = whole(table[name]).cast(pa.string()).fill_null("").dictionary_encode()
    spec = specs.get(name, ColumnSpec(Kind.CATEGORICAL))
    told_apart = [
        _segment_value(v, spec, limit, LONGEST_SEGMENT - len(segment) - 1) for v in values.dictionary.to_pylist()
    ]
    return pa.array([f"{segment}={v}" for v in told_apart], pa.string()).take(values.indices)


def _segment_value(value: str, spec: ColumnSpec, limit: int, longest: int) -> str:
    """What a value is called as a segment; "" stands for rows without one."""
    if spec.kind is Kind.BOOLEAN and value in _FLAGS:
        return ("false", "true")[_FLAGS[value]]
    told_apart = 0 < spec.categories.get(value, 0) <= limit and len(value) <= longest
    return value if told_apart or not value else OTHER_SEGMENT


def _groups(
    versions: pa.Array, labels: pa.Array, starts: Int64Array
) -> Iterator[tuple[tuple[str, str, int], pa.Array | None]]:
    """Rows by (version, label, window start), in their order; None for the rows when there is only one group."""
    version, label = versions.dictionary_encode(), labels.dictionary_encode()
    windows, window_index = np.unique(starts, return_inverse=True)
    version_index, label_index = version.indices.to_numpy(), label.indices.to_numpy()
    key = (version_index.astype(np.int64) * len(label.dictionary) + label_index) * len(windows) + window_index
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    for rows in np.split(order, cuts):
        first = rows[0]
        name = (version.dictionary[version_index[first]].as_py(), label.dictionary[label_index[first]].as_py())
        yield (*name, int(starts[first])), None if len(cuts) == 0 else pa.array(rows)


def _weights(table: pa.Table) -> Float64Array | None:
    """The rows' weights, or None where every one is 1."""
    if "weight" not in table.column_names:
        return None
    weights: Float64Array = whole(table["weight"]).fill_null(1.0).to_numpy(zero_copy_only=False)
    return None if (weights == 1.0).all() else weights


def _profile_column(table: pa.Table, name: str, spec: ColumnSpec, weights: Float64Array | None) -> ColumnProfile:
    column = whole(table[name])
    valid = None
    if column.null_count:
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        column = column.drop_null()
    if spec.kind is Kind.SCORE:
        profile = _scores(table, name, column, valid, weights)
    elif spec.kind in (Kind.NUMERIC, Kind.POSITIVE):
        profile = _numeric(column, spec, _at(weights, valid))
    else:
        profile = _categories(column, spec, _at(weights, valid))
    return profile if valid is None else _with_missing(profile, valid, weights)


def _at(weights: Float64Array | None, valid: NDArray[np.bool_] | None) -> Float64Array | None:
    return weights if weights is None or valid is None else weights[valid]


def _with_missing(profile: ColumnProfile, valid: NDArray[np.bool_], weights: Float64Array | None) -> ColumnProfile:
    missing = int(len(valid) - valid.sum())
    lost = np.ones(missing) if weights is None else weights[~valid]
    return replace(profile, missing=missing, missing_weight=float(lost.sum()), missing_weight2=float(lost @ lost))


def _numeric(column: pa.Array, spec: ColumnSpec, weights: Float64Array | None) -> ColumnProfile:
    values, misfit = _numbers(column)
    misfits = 0
    if misfit is not None:
        values, weights = values[~misfit], None if weights is None else weights[~misfit]
        misfits = int(misfit.sum())
    if spec.kind is Kind.POSITIVE:
        profile = _positive(values, spec, weights)
    elif spec.grid is None:
        return ColumnProfile(spec.kind, spec.version, misfit=misfits, nan=len(values))
    else:
        weighted = None if weights is None else weigh(values, weights, spec.grid)
        profile = ColumnProfile.numeric(spec.kind, spec.version, count(values, spec.grid), spec.grid.centre, weighted)
    return replace(profile, misfit=misfits) if misfits else profile


def _positive(values: Float64Array, spec: ColumnSpec, weights: Float64Array | None) -> ColumnProfile:
    first, counts = count_finely(values)
    weighted = None
    if weights is not None:
        in_all = weigh(values, weights, Grid.identity())
        weighted = (in_all[0][first : first + len(counts.rows)], in_all[1][first : first + len(counts.rows)])
    return ColumnProfile.numeric(spec.kind, spec.version, counts, 0.0, weighted, first)


def _numbers(column: pa.Array) -> tuple[Float64Array, NDArray[np.bool_] | None]:
    """The values as float64, and which of them are no numbers, None of a column of numbers; text may read as a number."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        numbers = column if pa.types.is_float64(column.type) else column.cast(pa.float64())
        return numbers.to_numpy(zero_copy_only=False), None
    numeric = pc.match_substring_regex(column, _NUMBER_TEXT)
    text = pc.if_else(numeric, pc.utf8_trim_whitespace(column), "nan")
    return text.cast(pa.float64()).to_numpy(zero_copy_only=False), ~numeric.to_numpy(zero_copy_only=False)


def _categories(column: pa.Array, spec: ColumnSpec, weights: Float64Array | None) -> ColumnProfile:
    known, unknown = (_FLAGS, _NO_FLAG) if spec.kind is Kind.BOOLEAN else (spec.categories, OTHER_CATEGORY)
    encoded = (column if pa.types.is_string(column.type) else column.cast(pa.string())).dictionary_encode()
    codes = np.array([known.get(v, unknown) for v in encoded.dictionary.to_pylist()], np.int64)
    index = codes[encoded.indices.to_numpy()] if len(codes) else np.empty(0, np.int64)
    fits = index >= 0
    misfits = int(len(fits) - fits.sum())
    if misfits:
        index, weights = index[fits], None if weights is None else weights[fits]
    cells = _cells(index, max(known.values(), default=0) + 1, None, weights)
    return ColumnProfile(spec.kind, spec.version, cells, misfit=misfits)


def _scores(
    table: pa.Table, name: str, column: pa.Array, valid: NDArray[np.bool_] | None, weights: Float64Array | None
) -> ColumnProfile:
    values: Float64Array = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    index = score_cells(values)
    if PREDICTION in table.column_names:
        chosen = pc.equal(whole(table[PREDICTION]), name.removeprefix(SCORE)).fill_null(False)
        index += SCORE_CELLS * _mask(chosen.to_numpy(zero_copy_only=False), valid)
    finite = np.isfinite(values)
    kept, weights = values[finite], _at(weights, valid)
    cells = _cells(index[finite], 2 * SCORE_CELLS, kept, None if weights is None else weights[finite])
    if not len(kept):
        return ColumnProfile(Kind.SCORE, cells=cells, nan=len(values))
    moments = Moments(len(kept), float(kept.mean()), float(((kept - kept.mean()) ** 2).sum()))
    low, high = float(kept.min()), float(kept.max())
    return ColumnProfile(Kind.SCORE, cells=cells, nan=len(values) - len(kept), moments=moments, low=low, high=high)


def _mask(flags: NDArray[np.bool_], valid: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return flags if valid is None else flags[valid]


def _cells(index: Int64Array, cells: int, values: Float64Array | None, weights: Float64Array | None) -> Cells:
    rows = np.bincount(index, minlength=cells)
    sums = None if values is None else _total(index, values, cells)
    if weights is None:
        return Cells.of_dense(rows, sums)
    return Cells.of_dense(rows, sums, (_total(index, weights, cells), _total(index, weights**2, cells)))


def _total(index: Int64Array, values: Float64Array, cells: int) -> Float64Array:
    return np.bincount(index, values, cells).astype(np.float64)
