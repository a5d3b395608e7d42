"""Whether the service runs: rows, throughput, errors and latency of a window, from its profile."""

from collections.abc import Iterator

import numpy as np

from detectors import quantiles, shares
from detectors.pair import FloatArray
from detectors.shares import Tally
from kernel.clock import SECOND_US
from kernel.grid import Grid
from kernel.measurement import Measurement, Status
from kernel.profile import ColumnProfile, WindowProfile

_PERCENTILES = (("p50", 0.50), ("p90", 0.90), ("p99", 0.99))
_SCALES = (("latency", "latency_ms"), ("queue", "queue_ms"))


def measure_health(
    window: WindowProfile, reference: WindowProfile | None, length_us: int, alpha: float
) -> Iterator[Measurement]:
    """rows, throughput (rows a second), error_rate, and latency_p50/p90/p99 and queue_p50/p90/p99 (ms) where they were sent.

    The error rate is held against the reference's; the rest is told, and judged by the rules that people write.

    >>> from kernel.clock import DAY_US
    >>> window = WindowProfile(rows=8640, errors=864, weight=8640.0, weight2=8640.0)
    >>> [(m.metric, m.value, m.status.value) for m in measure_health(window, None, DAY_US, alpha=1e-4)]
    [('rows', 8640.0, 'ok'), ('throughput', 0.1, 'ok'), ('error_rate', 0.1, 'provisional')]
    """
    yield Measurement("rows", "", float(window.rows), Status.OK, rows=window.rows)
    yield Measurement("throughput", "", window.rows / (length_us / SECOND_US), Status.OK, rows=window.rows)
    yield _error_rate(window, reference, alpha)
    for scale, stored in _SCALES:
        if stored in window.columns:
            yield from _percentiles(scale, window.columns[stored])


def _error_rate(window: WindowProfile, reference: WindowProfile | None, alpha: float) -> Measurement:
    now = Tally(window.errors, window.rows)
    before = Tally(reference.errors, reference.rows) if reference is not None else Tally(0, 0)
    shift = shares.missing_share(now, before, alpha)
    if shift.value is None:
        value = window.errors / window.rows if window.rows else None
        status = Status.PROVISIONAL if window.rows else Status.INSUFFICIENT
        return Measurement("error_rate", "", value, status, rows=window.rows, basis="no reference")
    status = Status.DEGRADED if shift.called(alpha) else Status.OK
    return Measurement(
        "error_rate", "", shift.value, status, shift.expected, None, shift.p_tolerance, shift.p_change,
        shift.lower, shift.upper, window.rows, before.rows, alpha, shift.basis,
    )  # fmt: skip


def _percentiles(scale: str, column: ColumnProfile) -> Iterator[Measurement]:
    counts, means = column.cells.shares_of, cell_means(column)
    for name, q in _PERCENTILES:
        found = quantiles.estimate(counts, means, q, column.cells.size, column.values)
        yield Measurement(
            f"{scale}_{name}", "", found.value, Status.OK if found.value is not None else Status.INSUFFICIENT,
            lower=found.lower, upper=found.upper, rows=column.cells.size,
        )  # fmt: skip


def cell_means(column: ColumnProfile) -> FloatArray:
    """The mean of the values in each cell that is not empty, in the column's unit, shape (k,); for positive scales.

    >>> from kernel.cells import Cells
    >>> from kernel.profile import Kind
    >>> cells = Cells(np.array([40_000, 40_001]), np.array([2, 1]), sums=np.array([10.0, 5.1]))
    >>> cell_means(ColumnProfile(Kind.POSITIVE, cells=cells)).tolist()
    [5.0, 5.1]
    """
    cells = column.cells
    if not len(cells.rows):
        return np.empty(0)
    middle = Grid.identity().centre
    return np.asarray(middle + cells.sums / np.maximum(1, cells.rows), np.float64)
