"""Counting a window's rows: into a profile (argument "profile"), or into 256 quantile bins by np.searchsorted ("searchsorted")."""

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
    count = _profile(before, rows) if sys.argv[1] == "profile" else _searchsorted(before, rows)
    count()
    figures = measured(count)
    report({**figures, "values_per_s": rows.size / figures["seconds"]})


def _profile(before: np.ndarray, rows: np.ndarray) -> Callable[[], object]:
    specs = {FEATURE + n: ColumnSpec(Kind.NUMERIC, 1, Grid.fit(x)) for n, x in zip(NAMES, before, strict=True)}
    table = pa.table({FEATURE + n: x for n, x in zip(NAMES, rows, strict=True)})
    return lambda: profile_rows(table, specs)


def _searchsorted(before: np.ndarray, rows: np.ndarray) -> Callable[[], object]:
    edges = [np.quantile(x, np.arange(1, BINS) / BINS) for x in before]

    def count() -> list[np.ndarray]:
        return [np.bincount(np.searchsorted(e, x), minlength=BINS) for e, x in zip(edges, rows, strict=True)]

    return count


main()
