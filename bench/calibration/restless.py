"""Series in which nothing is wrong and no two windows are alike: flights by resampled weeks, wandering means, the week's rhythm."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from bench.calibration.normal import shifted
from bench.calibration.power import JS_LIMIT, PSI_LIMIT
from bench.calibration.tests import QUARTER_DAYS, Windows, folded, psi_of, series_of
from detectors import dial, js_distance
from detectors.binning import decile_bins
from detectors.delta import DELTA
from detectors.own_past import LEAST_WINDOWS, IntArray, beginnings, fold, most_windows
from detectors.pair import FloatArray
from kernel.clock import DAY_US, HOUR_US
from kernel.windows import WindowSize
from service.demo.flights import CATEGORICAL, NUMERIC, Flights

COLUMNS = 10
WEEKS = 26
_CELLS = 200


@dataclass(frozen=True, slots=True)
class Restless:
    """Called windows a quarter and model, after a series' first 30 windows; columns together.

    Attributes:
        iid: by the null of independent rows alone; ours: by the own past as well; first: by ours in the first 30 windows,
            where there is no past yet, not by the quarter but once; alerts: runs of `ours`.
        psi_rule: psi > 0.2; js_rule: js_distance > 0.1.
    """

    null: str
    size: str
    models: int
    iid: float
    ours: float
    alerts: float
    first: float
    psi_rule: float
    js_rule: float


def measure(null: str, models: int, flights: Flights, tell: Callable[[], None], seed: int = 0) -> Restless:
    """Some models of one null: "flights", "ar1" or "week"."""
    size = WindowSize("1d" if null == "flights" else "1h")
    per_day = 1 if size.text == "1d" else 24
    alpha = dial.alpha(1.0, dial.windows_per_quarter(1 / per_day), dial.planned_tests(COLUMNS))
    starts_us = np.arange(WEEKS * 7 * per_day) * (DAY_US if per_day == 1 else HOUR_US)
    days = _flight_days(flights) if null == "flights" else {}
    sums = np.zeros(6)
    for number in range(models):
        rng = np.random.default_rng((seed, number, len(null)))
        for column in _flights(rng, days) if null == "flights" else _moving(rng, null, len(starts_us)):
            sums += _counted(column, alpha, starts_us, size)
        tell()
    quarters = models * (len(starts_us) - LEAST_WINDOWS) / per_day / QUARTER_DAYS
    iid, ours, alerts, psi_rule, js_rule = sums[:5] / quarters
    return Restless(null, size.text, models, iid, ours, alerts, sums[5] / models, psi_rule, js_rule)


def resampled(rng: np.random.Generator, days: int, weeks: int) -> tuple[IntArray, IntArray]:
    """The days (7 * weeks,) of weeks drawn from so many days, and those (35,) of a reference: the ordinary, and no season."""
    drawn = [np.arange(first, first + 7) for first in rng.integers(0, days - 7, weeks + 5)]
    return np.concatenate(drawn[:weeks]), np.concatenate(drawn[weeks:])


def _counted(column: Windows, alpha: float, starts_us: np.ndarray, size: WindowSize) -> FloatArray:
    series = series_of(column, alpha, DELTA, starts_us, most_windows(size))
    abnormal = fold(series, 0, size, DELTA).abnormal
    later = np.arange(len(starts_us)) >= LEAST_WINDOWS
    js = js_distance.distance(*column.shares)
    naive = psi_of(column) > PSI_LIMIT
    counted = [
        series.candidates & later,
        abnormal & later,
        beginnings(abnormal) & later,
        naive & later,
        (js > JS_LIMIT) & later,
    ]
    return np.array([*(int(c.sum()) for c in counted), int((abnormal & ~later).sum())], np.float64)


def _moving(rng: np.random.Generator, null: str, windows: int) -> list[Windows]:
    """Normal columns of 1,000 rows a window whose mean moves, against a reference of a quiet month."""
    found = []
    for _ in range(COLUMNS):
        shift = _ar1(rng, windows) if null == "ar1" else _week(rng, windows)
        counts = rng.multinomial(1_000, shifted(shift)).astype(np.float64)
        found.append(Windows(counts, np.full(10, 10_000.0)))
    return found


def _ar1(rng: np.random.Generator, windows: int) -> FloatArray:
    """A mean that wanders by 0.3 deviations and forgets half of it in 14 hours."""
    kept, moves = 0.95, rng.normal(0, 0.3 * np.sqrt(1 - 0.95**2), windows)
    mean = np.empty(windows)
    at = rng.normal(0, 0.3)
    for i, move in enumerate(moves):
        at = kept * at + move
        mean[i] = at
    return mean


def _week(rng: np.random.Generator, windows: int) -> FloatArray:
    """A mean that goes by 0.4 with the hour of the day and by 0.4 at the weekend, and by 0.1 as it likes."""
    hour = np.arange(windows) % 168
    weekend = np.where(hour >= 120, 0.4, 0.0)
    return 0.4 * np.sin(2 * np.pi * hour / 24) + weekend + rng.normal(0, 0.1, windows)


def _flight_days(flights: Flights) -> dict[str, FloatArray]:
    """Each column's counts by day and cell, shape (days, cells): cells are quantiles of the year, or categories."""
    frame = flights.frame.with_columns(pl.col("ts").dt.date().rank("dense").alias("day"))
    day = frame["day"].to_numpy() - 1
    found = {}
    for name in (*NUMERIC, *CATEGORICAL):
        column = frame[name]
        known = column.is_not_null().to_numpy()
        if name in NUMERIC:
            values = column.to_numpy()[known]
            cell = np.searchsorted(np.unique(np.quantile(values, np.arange(1, _CELLS) / _CELLS)), values)
        else:
            cell = column.drop_nulls().cast(pl.Categorical).to_physical().to_numpy()
        counts = np.zeros((int(day.max()) + 1, int(cell.max()) + 1))
        np.add.at(counts, (day[known], cell), 1)
        found[name] = counts
    return found


def _flights(rng: np.random.Generator, days: dict[str, FloatArray]) -> list[Windows]:
    windows, reference = resampled(rng, len(next(iter(days.values()))), WEEKS)
    found = []
    for name, counts in days.items():
        before, now = counts[reference].sum(axis=0), counts[windows]
        bins = decile_bins(before) if name in NUMERIC else np.arange(len(before))
        found.append(Windows(folded(now, bins), folded(before, bins)))
    return found
