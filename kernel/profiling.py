"""From rows to profiles: the columns of a flat table of records, counted by model, version, segment and window.

Nothing here loops over rows, and nothing that touches Arrow or numpy loops over models: the loops are over columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa

from kernel.arrays import whole
from kernel.cells import Int64Array, joined_cells
from kernel.column_counts import ColumnCounts, Groups, count_column, distinct_texts
from kernel.column_spec import (
    CONFIDENCE,
    DISTINCT_ROWS,
    FEATURE,
    FLAGS,
    SCORE,
    VERSION,
    ColumnSpec,
    flag_name,
    is_profiled,
    stored_name,
    texts,
)
from kernel.confidence import ENTROPY, MARGIN, with_confidence
from kernel.grid import Float64Array
from kernel.profile import Kind, WindowProfile, profiles_of
from kernel.profile_batch import COLUMN, PROFILE, ProfileBatch
from kernel.row_hashes import with_row_hashes
from kernel.windows import WindowSize
from kernel.written_text import beside, with_measures

_THREADS_FROM = 100_000  # rows; fewer are counted before a thread has begun
_COLUMNS_AT_ONCE = 4_000  # of all profiles together; of some hundred cells each they take 20 MB
OTHER_SEGMENT = OTHER_VERSION = "other"
_AS_A_SCORE, _OF_ROWS = ColumnSpec(Kind.SCORE), ColumnSpec(Kind.ROWS)
LONGEST_SEGMENT = 255  # characters of COLUMN=VALUE, which is part of a key


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """What one profile is about: a model's version, a segment ("" for all, else COLUMN=VALUE), a window."""

    version: str
    segment: str
    window_start_us: int


@dataclass(frozen=True, slots=True)
class ModelRows:
    """Rows of one model in a table, and how they are profiled.

    Attributes:
        rows: how many; they begin where those of the model before end.
        specs: by stored column name; a column without a spec is not counted.
        segments: features by whose values the rows are profiled once more.
    """

    rows: int
    specs: Mapping[str, ColumnSpec]
    size: WindowSize
    segments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What is told apart; the rest are "other".

    Attributes:
        segments: values of a segment feature.
        versions: versions of a model, where its specs have their dictionary.
    """

    segments: int = 50
    versions: int = 50


def profile_models(
    table: pa.Table, models: Sequence[ModelRows], limits: Limits, threads: int = 1, *, duplicates: bool = True
) -> Iterator[tuple[list[tuple[int, GroupKey]], ProfileBatch]]:
    """The profiles of a flat table by model, version, segment and window, some at a time.

    Args:
        models: whose rows the table holds, one after the other.
        threads: how many columns are counted at once, where there are rows enough to be worth it.
        duplicates: whether rows are sampled by all their features (kernel/row_hashes.py), which takes about as long as counting.

    Yields:
        What each profile is about, its model's place among `models` first; and the profiles.
    """
    table = with_row_hashes(table) if duplicates else table
    for segment in ["", *sorted({s for model in models for s in model.segments})]:
        mine = [i for i, model in enumerate(models) if not segment or segment in model.segments]
        part = table if len(mine) == len(models) else _rows_of(table, models, mine)
        for keys, batch in _profile_by(segment, part, [models[i] for i in mine], limits, threads):
            yield [(mine[place], key) for place, key in keys], batch


def _rows_of(table: pa.Table, models: Sequence[ModelRows], chosen: Sequence[int]) -> pa.Table:
    bounds = np.cumsum([0, *(model.rows for model in models)])
    return pa.concat_tables([table.slice(bounds[i], models[i].rows) for i in chosen]).combine_chunks()


def _profile_by(
    segment: str, table: pa.Table, models: Sequence[ModelRows], limits: Limits, threads: int
) -> Iterator[tuple[list[tuple[int, GroupKey]], ProfileBatch]]:
    bounds = np.cumsum([0, *(model.rows for model in models)])
    versions, version = _labels(table, VERSION, bounds, [_version_labels(m.specs, limits.versions) for m in models])
    labels, label = _labels(
        table, FEATURE + segment, bounds, [_segment_labels(m.specs, segment, limits.segments) for m in models]
    )
    starts = _starts(table, models, bounds)
    windows, window = np.unique(starts, return_inverse=True)
    model = np.repeat(np.arange(len(models)), [m.rows for m in models])
    key = ((model * len(versions) + version) * len(labels) + label) * len(windows) + window
    if not (key[1:] >= key[:-1]).all():
        order = np.argsort(key, kind="stable")
        table, key = table.take(pa.array(order)), key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    key, window = np.divmod(key[first], len(windows))
    key, label = np.divmod(key, len(labels))
    model, version = np.divmod(key, len(versions))
    named = zip(version.tolist(), label.tolist(), windows[window].tolist(), strict=True)
    keys = [(m, GroupKey(versions[v], labels[s], w)) for m, (v, s, w) in zip(model.tolist(), named, strict=True)]
    step = max(1, _COLUMNS_AT_ONCE // max(1, table.num_columns))
    for at in range(0, len(keys), step):
        cut, of = np.append(first, len(table))[at : at + step + 1], model[at : at + step]
        specs = [m.specs for m in models[of[0] : of[-1] + 1]]
        part, groups = table.slice(cut[0], cut[-1] - cut[0]), Groups(cut - cut[0], of - of[0])
        yield keys[at : at + step], count_groups(part, groups, specs, threads)


def _starts(table: pa.Table, models: Sequence[ModelRows], bounds: Int64Array) -> Int64Array:
    ts_us = table["ts"].cast(pa.int64()).to_numpy()
    sizes = {model.size for model in models}
    if len(sizes) == 1:
        return sizes.pop().starts(ts_us)
    spans = zip(models, bounds[:-1], bounds[1:], strict=True)
    return np.concatenate([model.size.starts(ts_us[start:end]) for model, start, end in spans])


def _labels(
    table: pa.Table, name: str, bounds: Int64Array, label_of: Sequence[Callable[[str], str]]
) -> tuple[list[str], Int64Array]:
    """What the values of a column are called by their model, and of each row which of those names it has; "" is no value."""
    if name in table.column_names:
        found, ends, places = distinct_texts(texts(whole(table[name]).cast(pa.string()).fill_null("")), bounds)
    else:
        found, ends = [""] * len(label_of), list(range(len(label_of) + 1))
        places = np.repeat(np.arange(len(label_of)), np.diff(bounds))
    number: dict[str, int] = {}
    codes = [
        number.setdefault(label(text), len(number))
        for label, start, end in zip(label_of, ends[:-1], ends[1:], strict=True)
        for text in found[start:end]
    ]
    return list(number), np.array(codes, np.int64)[places]


def profile_rows(
    table: pa.Table, specs: Mapping[str, ColumnSpec], threads: int = 1, *, duplicates: bool = True
) -> WindowProfile:
    """The profile of all rows of a flat table.

    Args:
        table: flat columns (stream.codecs.columns).
        specs: by stored column name; a column without a spec is not counted.
        threads, duplicates: see profile_models.
    """
    table = with_row_hashes(table) if duplicates else table
    one = Groups(np.array([0, len(table)]), np.zeros(1, np.int64))
    return profiles_of(count_groups(table, one, [specs], threads))[0]


def count_groups(
    table: pa.Table, groups: Groups, specs: Sequence[Mapping[str, ColumnSpec]], threads: int = 1
) -> ProfileBatch:
    """The profile of each group of the rows of a table, its columns by name.

    Args:
        groups: without weights, which the table has.
        specs: of each model, by stored column name.
        threads: see profile_models.
    """
    groups = replace(groups, weights=_weights(table))
    counted = [
        c.name for c in table.schema if is_profiled(c.name, c.type) and any(stored_name(c.name) in s for s in specs)
    ]
    if any(name.startswith(SCORE) for name in counted):
        table = with_confidence(table)
        counted += [ENTROPY, MARGIN]
    measured: dict[str, tuple[str, ColumnSpec]] = {}  # the columns beside texts, and the text of each
    for text in [name for name in counted if any(name in of and of[name].kind is Kind.TEXT for of in specs)]:
        table = with_measures(table, text)
        measured |= {name: (text, spec) for name, spec in beside(text).items()}
    counted += [*measured, *({DISTINCT_ROWS} & set(table.column_names))]
    of_column = partial(_count_column, table, groups, specs, measured)
    several = _each(of_column, counted, threads if len(table) >= _THREADS_FROM else 1)
    parts = [(stored_name(name), part) for name, found in zip(counted, several, strict=True) for part in found]
    batch = ProfileBatch(
        _totals(table, groups),
        np.concatenate([np.empty(0, np.int64), *(part.groups for _, part in parts)]),
        [name for name, part in parts for _ in range(len(part.groups))],
        np.concatenate([np.empty(0, COLUMN), *(part.columns for _, part in parts)]),
        joined_cells([part.cells for _, part in parts], weighed=groups.weights is not None),
    )
    return batch.sum_by(np.arange(len(groups)), len(groups))


def _count_column(
    table: pa.Table,
    groups: Groups,
    specs: Sequence[Mapping[str, ColumnSpec]],
    measured: Mapping[str, tuple[str, ColumnSpec]],
    name: str,
) -> list[ColumnCounts]:
    stored = stored_name(name)
    if name in measured:
        text, as_spec = measured[name]
        of_texts = [text in spec and spec[text].kind is Kind.TEXT for spec in specs]
        return count_column(table, name, groups, [as_spec if told else None for told in of_texts])
    if name == DISTINCT_ROWS:
        with_features = [any(column.startswith(FEATURE) for column in spec) for spec in specs]
        return count_column(table, name, groups, [_OF_ROWS if told else None for told in with_features])
    if name.startswith(CONFIDENCE):
        with_scores = [any(column.startswith(SCORE) for column in spec) for spec in specs]
        return count_column(table, name, groups, [_AS_A_SCORE if scored else None for scored in with_scores])
    return count_column(table, name, groups, [spec.get(stored) for spec in specs])


def _each(count: Callable[[str], list[ColumnCounts]], names: Iterable[str], threads: int) -> list[list[ColumnCounts]]:
    """Every column's counts, in order; counting leaves the interpreter's lock alone, so threads share the work."""
    if threads == 1:
        return [count(name) for name in names]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(count, names))


def _totals(table: pa.Table, groups: Groups) -> np.ndarray:
    """Rows, errors and weights of each group."""
    totals = np.zeros(len(groups), PROFILE)
    totals["rows"], totals["weight"], totals["weight2"] = groups.sizes()
    if "error" in table.column_names:
        totals["errors"] = groups.lost(whole(table["error"]).is_null().to_numpy(zero_copy_only=False))[0]
    return totals


def profile_windows(
    table: pa.Table,
    specs: Mapping[str, ColumnSpec],
    size: WindowSize,
    segments: Sequence[str] = (),
    limits: Limits = Limits(),
) -> dict[GroupKey, WindowProfile]:
    """The profiles of a flat table of one model's records by version, segment and window; see ModelRows."""
    models = [ModelRows(len(table), specs, size, segments)] if len(table) else []
    found: dict[GroupKey, WindowProfile] = {}
    for keys, batch in profile_models(table, models, limits) if models else ():
        found |= {key: profile for (_, key), profile in zip(keys, profiles_of(batch), strict=True)}
    return found


def profile_segments(
    table: pa.Table, specs: Mapping[str, ColumnSpec], segments: Sequence[str], max_segments: int = 50
) -> dict[str, WindowProfile]:
    """The profiles of a flat table by segment, as profile_windows names them, over all versions and moments."""
    found: dict[str, WindowProfile] = {}
    for segment in segments if table.num_rows else ():
        label_of = _segment_labels(specs, segment, max_segments)
        labels, label = _labels(table, FEATURE + segment, np.array([0, len(table)]), [label_of])
        for code, name in enumerate(labels):
            found[name] = profile_rows(table.filter(pa.array(label == code)), specs)
    return found


def segment_columns(segment: str, features: Sequence[str]) -> set[str]:
    """The stored names of the features that are the same in all rows of a segment: those it is made by, unless it is the rest.

    >>> segment_columns("origin=JFK", ["origin", "carrier"]), segment_columns("origin=other", ["origin"])
    ({'feature.origin'}, set())
    """
    return {
        FEATURE + name for name in features if segment.startswith(f"{name}=") and segment != f"{name}={OTHER_SEGMENT}"
    }


def _version_labels(specs: Mapping[str, ColumnSpec], limit: int) -> Callable[[str], str]:
    if VERSION not in specs:
        return str
    known = specs[VERSION].categories
    return lambda version: version if 0 < known.get(version, 0) <= limit else OTHER_VERSION


def _segment_labels(specs: Mapping[str, ColumnSpec], segment: str, limit: int) -> Callable[[str], str]:
    if not segment:
        return lambda _: ""
    spec = specs.get(FEATURE + segment, ColumnSpec(Kind.CATEGORICAL))
    return lambda value: f"{segment}={_segment_value(value, spec, limit, LONGEST_SEGMENT - len(segment) - 1)}"


def _segment_value(value: str, spec: ColumnSpec, limit: int, longest: int) -> str:
    """What a value is called as a segment; "" stands for rows without one."""
    if spec.kind is Kind.BOOLEAN and value in FLAGS:
        return flag_name(value)
    told_apart = 0 < spec.categories.get(value, 0) <= limit and len(value) <= longest
    return value if told_apart or not value else OTHER_SEGMENT


def _weights(table: pa.Table) -> Float64Array | None:
    """The rows' weights, or None where every one is 1."""
    if "weight" not in table.column_names:
        return None
    weights: Float64Array = whole(table["weight"]).fill_null(1.0).to_numpy(zero_copy_only=False)
    return None if (weights == 1.0).all() else weights
