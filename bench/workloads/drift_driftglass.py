"""Our drift: the window's rows into a profile, then every drift metric of every column."""

import numpy as np
import pyarrow as pa

from bench.data import NAMES, reference, window
from bench.probe import measured, report
from detectors.column_drift import Test, measure_column
from kernel.column_spec import FEATURE, ColumnSpec
from kernel.grid import Grid
from kernel.measurement import Measurement
from kernel.profile import Kind
from kernel.profiling import profile_rows

TEST = Test(alpha=1e-4)
THREADS = 2


def main() -> None:
    before = reference()
    specs = {FEATURE + n: ColumnSpec(Kind.NUMERIC, 1, Grid.fit(x)) for n, x in zip(NAMES, before, strict=True)}
    held = profile_rows(_table(before), specs, duplicates=False)
    rows = _table(window())

    def drift(table: pa.Table) -> list[Measurement]:
        profile = profile_rows(table, specs, THREADS, duplicates=False)
        return [m for n in NAMES for m in measure_column(n, FEATURE + n, profile, held, TEST)]

    found = drift(rows.slice(0, 10_000))  # loads what is compiled
    assert sum(m.metric == "psi" and m.value is not None for m in found) == len(NAMES)
    report(measured(lambda: drift(rows)))


def _table(columns: np.ndarray) -> pa.Table:
    return pa.table({FEATURE + n: x for n, x in zip(NAMES, columns, strict=True)})


main()
