"""Whether the service runs: rows, throughput, errors and latency of a window, from its profile."""

from collections.abc import Iterator, Sequence

import numpy as np

from detectors import quantiles, shares
from detectors.pair import FloatArray
from detectors.shares import Tally
from kernel.clock import SECOND_US
from kernel.grid import Grid
from kernel.measurement import Measurement, Status
from kernel.profile import ColumnProfile, WindowProfile

_PERCENTILES = (("p50", 0.50), ("p90", 0.90), ("p99", 0.99))
_ROWS_OF_P99 = 100  # of fewer rows the 99th percentile is the largest, which follows another law
_SCALES = (("latency", "latency_ms"), ("queue", "queue_ms"))


def measure_health(
    window: WindowProfile, reference: WindowProfile | None, length_us: int, alpha: float, *, latency: bool = True
) -> Iterator[Measurement]:
    """rows, throughput (rows a second), error_rate, and where they were sent cost_per_1000, latency_p50/p90/p99 and
    queue_p50/p90/p99 (ms).

    The error rate is held against the reference's, latency_p99 of 100 rows or more against what is usual
    (detectors/unusual.py); the rest is told, and judged by the rules that people write.

    Args:
        latency: whether latency_p99 is to be judged.

    >>> from kernel.clock import DAY_US
    >>> window = WindowProfile(rows=8640, errors=864, weight=8640.0, weight2=8640.0)
    >>> [(m.metric, m.value, m.status.value) for m in measure_health(window, None, DAY_US, alpha=1e-4)]
    [('rows', 8640.0, 'ok'), ('throughput', 0.1, 'ok'), ('error_rate', 0.1, 'provisional')]
    """
    yield Measurement("rows", "", float(window.rows), Status.OK, rows=window.rows)
    yield Measurement("throughput", "", window.rows / (length_us / SECOND_US), Status.OK, rows=window.rows)
    yield _error_rate(window, reference, alpha)
    if "cost" in window.columns:
        yield _cost(window.columns["cost"])
    for scale, stored in _SCALES:
        if stored in window.columns:
            enough = window.columns[stored].cells.size >= _ROWS_OF_P99
            judged = alpha if latency and enough and scale == "latency" else None
            yield from _percentiles(scale, window.columns[stored], judged)


def _cost(column: ColumnProfile) -> Measurement:
    """What a thousand rows cost, of those that say so, in their currency; each cell's mean is exact."""
    portion, total = column.cells.shares_of, column.cells.shares_of.sum()
    if not total:
        return Measurement("cost_per_1000", "", None, Status.INSUFFICIENT, rows=0.0)
    value = 1_000 * float(portion @ cell_means(column) / total)
    return Measurement("cost_per_1000", "", value, Status.OK, rows=column.cells.size)


def measure_traffic(rows: Sequence[int], alpha: float | None) -> Measurement:
    """The rows of all versions together, none where none came: held against what is usual (detectors/unusual.py).

    Args:
        alpha: None for a window in which a stream has ended, which is not judged.

    >>> measure_traffic([3, 4], 1e-4).value
    7.0
    """
    return Measurement("traffic", "", float(sum(rows)), Status.OK, rows=sum(rows), alpha=alpha)


def _error_rate(window: WindowProfile, reference: WindowProfile | None, alpha: float) -> Measurement:
    now = Tally(window.errors, window.rows)
    before = Tally(reference.errors, reference.rows) if reference is not None else Tally(0, 0)
    shift = shares.missing_share(now, before, alpha)
    if shift.value is None:
        value = window.errors / window.rows if window.rows else None
        status = Status.PROVISIONAL if window.rows else Status.INSUFFICIENT
        return Measurement("error_rate", "", value, status, rows=window.rows, basis="no reference")
    return shares.measured("error_rate", "", shift, window.rows, before.rows, alpha, Status.DEGRADED)


def _percentiles(scale: str, column: ColumnProfile, judged: float | None) -> Iterator[Measurement]:
    counts, means = column.cells.shares_of, cell_means(column)
    for name, q in _PERCENTILES:
        found = quantiles.estimate(counts, means, q, column.cells.size, column.values)
        yield Measurement(
            f"{scale}_{name}", "", found.value, Status.OK if found.value is not None else Status.INSUFFICIENT,
            lower=found.lower, upper=found.upper, rows=column.cells.size, alpha=judged if name == "p99" else None,
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
