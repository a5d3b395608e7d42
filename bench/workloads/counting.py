"""Counting a window's rows: into a profile (argument "profile"; "duplicates" samples rows by all their features, too), or into 256
quantile bins by np.searchsorted ("searchsorted").
"""

import sys
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from bench.data import NAMES, reference, window
from bench.probe import measured, report
from kernel.column_spec import FEATURE, ColumnSpec
from kernel.grid import Grid
from kernel.profile import Kind
from kernel.profiling import profile_rows

BINS = 256


def main() -> None:
    before, rows = reference(), window()
    what = sys.argv[1]
    searched = what == "searchsorted"
    count = _searchsorted(before, rows) if searched else _profile(before, rows, duplicates=what == "duplicates")
    count()
    figures = measured(count)
    report({**figures, "values_per_s": rows.size / figures["seconds"]})


def _profile(before: np.ndarray, rows: np.ndarray, *, duplicates: bool) -> Callable[[], object]:
    specs = {FEATURE + n: ColumnSpec(Kind.NUMERIC, 1, Grid.fit(x)) for n, x in zip(NAMES, before, strict=True)}
    table = pa.table({FEATURE + n: x for n, x in zip(NAMES, rows, strict=True)})
    return lambda: profile_rows(table, specs, duplicates=duplicates)


def _searchsorted(before: np.ndarray, rows: np.ndarray) -> Callable[[], object]:
    edges = [np.quantile(x, np.arange(1, BINS) / BINS) for x in before]

    def count() -> list[np.ndarray]:
        return [np.bincount(np.searchsorted(e, x), minlength=BINS) for e, x in zip(edges, rows, strict=True)]

    return count


main()
