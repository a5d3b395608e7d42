"""Forecasts of many series at once, from the table that the store reads of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from detectors.baseline import reach_us
from detectors.forecast import HORIZON_US, Forecast, forecast
from detectors.limits import Interval, Limit, asked, limit_of
from detectors.pair import FloatArray
from detectors.scale import scale_of
from detectors.season import IntArray
from kernel.measurement import DECISIVE
from kernel.windows import WindowSize

LIKELY = 0.5


@dataclass(frozen=True, slots=True)
class Ahead:
    """What lies ahead of a series.

    Attributes:
        value: of the newest window that says anything; windows: how many of those there are.
        limit: None where the series has none.
        forecast: None where no crossing is in sight.
    """

    metric: str
    column: str
    value: float
    windows: int
    limit: Limit | None
    forecast: Forecast | None

    @property
    def is_likely(self) -> bool:
        """Whether it crosses within the horizon likelier than not.

        >>> Ahead("psi", "delay", 0.02, 60, None, None).is_likely
        False
        """
        return self.forecast is not None and self.forecast.probability > LIKELY


@dataclass(frozen=True, slots=True)
class Limits:
    """What limits come from.

    Attributes:
        delta: the setting detectors.delta.
        reference: the 95% interval of each performance metric of the reference.
        asked: in place of them all; None for none.
    """

    delta: float
    reference: Mapping[str, Interval]
    asked: float | None = None


def past_us(size: WindowSize) -> int:
    """How long a past a forecast takes, up to the end of the newest window: as long a one as says what is usual.

    >>> past_us(WindowSize("1d")) // 86_400_000_000
    91
    """
    return reach_us(size)


def forecasts(table: pa.Table, size: WindowSize, limits: Limits, horizon_us: int = HORIZON_US) -> list[Ahead]:
    """What lies ahead of each series of a table, by metric and column; windows with too few rows to judge say nothing.

    Args:
        table: of schema SERIES (store/series.py), by window.

    >>> n, day = 40, 86_400_000_000
    >>> columns = {"window_start": np.arange(n) * day, "metric": ["psi"] * n, "column": ["delay"] * n, "status": ["ok"] * n}
    >>> columns |= {"value": (0.1 + 0.004 * np.arange(n)) ** 2, "delta": np.full(n, np.nan)}
    >>> table = pa.table(columns | {"usual_lower": np.full(n, np.nan), "usual_upper": np.full(n, np.nan)})
    >>> [(a.column, a.limit.value, round(a.forecast.crosses_us / day)) for a in forecasts(table, WindowSize("1d"), Limits(0.1, {}))]
    [('delay', 0.1, 55)]
    """
    if not table.num_rows:
        return []
    keys = [table[name].combine_chunks().dictionary_encode() for name in ("metric", "column")]
    starts = table["window_start"].cast(pa.int64()).to_numpy()
    values, deltas, lowers, uppers = (_numbers(table, n) for n in ("value", "delta", "usual_lower", "usual_upper"))
    judged = np.isin(np.array(table["status"].to_pylist()), DECISIVE) & np.isfinite(values)
    metrics, columns = (key.indices.to_numpy() for key in keys)
    series = metrics * len(keys[1].dictionary) + columns
    found = []
    for rows in _by_series(series):
        metric, column = keys[0].dictionary[metrics[rows[0]]].as_py(), keys[1].dictionary[columns[rows[0]]].as_py()
        known = rows[judged[rows]]
        if not known.size:
            continue
        value = float(values[known[-1]])
        usual = _newest(lowers[known[-1:]]), _newest(uppers[known[-1:]])
        own_limit = limit_of(metric, limits.delta, _newest(deltas[known]), usual, limits.reference)
        limit = own_limit if limits.asked is None else asked(limits.asked, value)
        crossing = None if limit is None else _forecast(starts[known], values[known], size, metric, limit, horizon_us)
        found.append(Ahead(metric, column, value, int(known.size), limit, crossing))
    return sorted(found, key=lambda one: (one.metric, one.column))


def _forecast(
    starts: IntArray, values: FloatArray, size: WindowSize, metric: str, limit: Limit, horizon_us: int
) -> Forecast | None:
    return forecast(
        starts, values, size, limit.value, above=limit.above, scale=scale_of(metric), own_hour=limit.own_hour,
        horizon_us=horizon_us,
    )  # fmt: skip


def _numbers(table: pa.Table, name: str) -> FloatArray:
    found: FloatArray = table[name].cast(pa.float64()).to_pandas().to_numpy(np.float64)
    return found


def _by_series(series: IntArray) -> list[IntArray]:
    """The rows of each series, in the table's order."""
    order = np.argsort(series, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(series[order])) + 1)


def _newest(values: FloatArray) -> float | None:
    """The last number there is."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else None
