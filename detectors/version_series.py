"""Differences of two versions in many metrics at once, from the tables that the store reads of them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special

from detectors.metrics import PERFORMANCE, RELIABILITY, VALUE
from detectors.pair import FloatArray
from detectors.performance import LOWER_IS_BETTER, NEITHER_IS_BETTER
from detectors.version_comparison import VersionDifference, compare

COMPARED = tuple(metric for metric in PERFORMANCE if metric not in ("label_coverage", VALUE, RELIABILITY))
"""The metrics that two versions are compared by."""
_SIDES = "value", "lower", "upper", "rows"


@dataclass(frozen=True)
class Compared:
    """A metric of one version beside another's.

    Attributes:
        rows, other_rows: labelled rows of either in the windows that both have.
        is_better: whether the first does better, surely and whenever one looks; None while that is open, or where neither can.
    """

    metric: str
    difference: VersionDifference
    rows: int
    other_rows: int
    is_better: bool | None


def compare_series(one: pa.Table, other: pa.Table) -> list[Compared]:
    """Return every metric that two versions have in common, by name.

    Args:
        one, other: of schema SERIES (store/series.py), by window, with 95% intervals.

    >>> windows = {"window_start": np.arange(40), "metric": ["mae"] * 40, "rows": np.full(40, 500.0)}
    >>> def series(level):
    ...     return pa.table(windows | {name: np.full(40, level + by) for name, by in [("value", 0), ("lower", -1), ("upper", 1)]})
    >>> (found,) = compare_series(series(7.0), series(9.0))
    >>> found.metric, found.difference.value, found.is_better
    ('mae', -2.0, True)
    """
    names = sorted({*pc.unique(one["metric"]).to_pylist()} & {*pc.unique(other["metric"]).to_pylist()})
    found = (_compared(name, *(side.filter(pc.equal(side["metric"], name)) for side in (one, other))) for name in names)
    return [compared for compared in found if compared is not None]


def _compared(metric: str, one: pa.Table, other: pa.Table) -> Compared | None:
    both = one.select(["window_start", *_SIDES]).join(
        other.select(["window_start", *_SIDES]), "window_start", join_type="inner", right_suffix=" other"
    )
    both = both.sort_by("window_start")
    (value, error, rows), (other_value, other_error, other_rows) = _side(both, ""), _side(both, " other")
    weights = np.nan_to_num(rows * other_rows / np.maximum(1.0, rows + other_rows))
    difference = compare(value, other_value, error, other_error, weights)
    if difference is None:
        return None
    known = np.isfinite(value) & np.isfinite(other_value)
    counted, against = (int(np.nan_to_num(side[known]).sum()) for side in (rows, other_rows))
    return Compared(metric, difference, counted, against, _better(metric, difference))


def _side(both: pa.Table, suffix: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Values, their standard errors and the rows of one side, NaN where there is none."""
    value, lower, upper, rows = (
        both[name + suffix].cast(pa.float64()).to_numpy(zero_copy_only=False) for name in _SIDES
    )
    return value, (upper - lower) / (2 * special.ndtri(0.975)), rows


def _better(metric: str, difference: VersionDifference) -> bool | None:
    if not difference.is_sure or metric in NEITHER_IS_BETTER:
        return None
    return (difference.value < 0) == (metric in LOWER_IS_BETTER)
