"""Figures of the business beside what was measured of a model, window by window."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.metrics import ESTIMATED
from detectors.pair import FloatArray
from detectors.rank_correlation import RankCorrelation, correlate
from detectors.version_series import COMPARED

READ = (*COMPARED, *ESTIMATED, "rows", "error_rate", "latency_p50", "latency_p99", "low_confidence_share")
"""The metrics that figures are held beside, where none is asked for."""


def by_window(values: pa.Table, starts_us: FloatArray, ends_us: FloatArray, *, summed: bool) -> FloatArray:
    """The mean, or the sum, of the figures in each window [start, end), shape (windows,); NaN of one without a figure.

    Args:
        values: `ts_us` and `value`.
        starts_us, ends_us: of windows in order, at least one.

    >>> values = pa.table({"ts_us": [1, 2, 7], "value": [10.0, 30.0, 5.0]})
    >>> by_window(values, np.array([0, 3, 6]), np.array([3, 6, 9]), summed=False).tolist()
    [20.0, nan, 5.0]
    """
    ts_us, numbers = values["ts_us"].to_numpy(), values["value"].to_numpy()
    place = np.searchsorted(starts_us, ts_us, "right") - 1
    within = (place >= 0) & (ts_us < ends_us[place])
    total = np.bincount(place[within], numbers[within], starts_us.size)
    rows = np.bincount(place[within], minlength=starts_us.size)
    found: FloatArray = np.where(rows > 0, total if summed else total / np.maximum(1, rows), np.nan)
    return found


def correlations(values: pa.Table, measured: pa.Table, *, summed: bool) -> Iterator[tuple[str, RankCorrelation]]:
    """How the figures go together with each metric, by name; a metric that is in too few windows is not among them.

    Args:
        values: as by_window's.
        measured: of schema SERIES (store/series.py), by window.

    >>> days = np.arange(40)
    >>> values = pa.table({"ts_us": days, "value": days % 7.0})
    >>> moments = {name: pa.array(days + by, pa.timestamp("us", "UTC")) for name, by in (("window_start", 0), ("window_end", 1))}
    >>> series = pa.table(moments | {"metric": ["accuracy"] * 40, "value": 1 - days % 7.0})
    >>> [(metric, round(found.value, 9)) for metric, found in correlations(values, series, summed=True)]
    [('accuracy', -1.0)]
    """
    for metric in sorted(pc.unique(measured["metric"]).to_pylist()):
        one = measured.filter(pc.equal(measured["metric"], metric))
        starts_us, ends_us = (one[side].cast(pa.int64()).to_numpy() for side in ("window_start", "window_end"))
        numbers = one["value"].to_numpy(zero_copy_only=False)
        found = correlate(by_window(values, starts_us, ends_us, summed=summed), numbers)
        if found is not None:
            yield metric, found
