"""The domain classifier on flights in which nothing is wrong: what independent rows call, and what the own past leaves of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pyarrow as pa

from bench.calibration.restless import resampled
from bench.calibration.tests import QUARTER_DAYS
from detectors import dial
from detectors.delta import DELTA
from detectors.multivariate.sample import MOST_ROWS
from detectors.multivariate.together import Sides, measure_together, psi_of_area, tolerance
from detectors.own_past import LEAST_WINDOWS, IntArray, Series, beginnings, fold, most_windows
from kernel.clock import DAY_US
from kernel.column_spec import FEATURE
from kernel.measurement import Measurement, Status
from kernel.profile import Kind
from kernel.windows import WindowSize
from service.demo.flights import CATEGORICAL, FEATURES, NUMERIC, Flights

WEEKS, FAILURES = 26, 20
_DAY = WindowSize("1d")
_KINDS = {
    FEATURE + name: kind for names, kind in ((NUMERIC, Kind.NUMERIC), (CATEGORICAL, Kind.CATEGORICAL)) for name in names
}


@dataclass(frozen=True, slots=True)
class Together:
    """Called windows a quarter and model, after its first 30; of domain_auc alone, all features together.

    Attributes:
        days: daily windows that were measured of each model.
        area: the median one.
        iid, ours, alerts, first: as of restless.Restless.
        seen: the share of days, had all their rows been told from the reference's (an area of 1), that would be called.
    """

    models: int
    days: int
    area: float
    iid: float
    ours: float
    alerts: float
    first: float
    seen: float


def measure(models: int, flights: Flights, tell: Callable[[], None], seed: int = 0) -> Together:
    """Some models, each with weeks of its own as windows and as reference."""
    rows, bounds = _by_day(flights)
    alpha = dial.alpha(1.0, dial.windows_per_quarter(1), dial.planned_tests(len(FEATURES), together=1))
    days = 7 * WEEKS
    later = np.arange(days) >= LEAST_WINDOWS
    values, sums = [], np.zeros(5)
    for number in range(models):
        rng = np.random.default_rng((seed, number))
        series = _series(rng, rows, bounds, alpha)
        abnormal = fold(series, 0, _DAY).abnormal
        counted = (series.candidates & later, abnormal & later, beginnings(abnormal) & later, abnormal & ~later)
        sums += [*(np.count_nonzero(one) for one in counted), _seen(rng, series)]
        values.append(series.values)
        tell()
    quarters = models * (days - LEAST_WINDOWS) / QUARTER_DAYS
    iid, ours, alerts, first, seen = (sums / [quarters, quarters, quarters, models, models * FAILURES]).tolist()
    return Together(models, days, tolerance(float(np.nanmedian(values))), iid, ours, alerts, first, seen)


def _by_day(flights: Flights) -> tuple[pa.Table, IntArray]:
    """The features of all flights, and where each day begins among them; at last, where the last one ends."""
    days = flights.frame["ts"].dt.date().rank("dense").to_numpy()
    rows = flights.frame.select(pl.col(FEATURES).name.prefix(FEATURE)).to_arrow()
    return rows, np.searchsorted(days, np.arange(1, int(days.max()) + 2))


def _series(rng: np.random.Generator, rows: pa.Table, bounds: IntArray, alpha: float) -> Series:
    """The windows of one model, measured against a sample of its reference."""
    windows, reference = resampled(rng, len(bounds) - 1, WEEKS)
    places = np.concatenate([np.arange(bounds[day], bounds[day + 1]) for day in reference])
    before = rows.take(pa.array(rng.choice(places, MOST_ROWS, replace=False)))
    found = [_measured(rows.slice(bounds[day], bounds[day + 1] - bounds[day]), before, alpha) for day in windows]
    n = len(found)
    none = np.zeros(n, np.bool_)
    return Series(
        starts_us=np.arange(n) * DAY_US,
        values=psi_of_area(np.array([np.nan if one.value is None else one.value for one in found])),
        candidates=np.array([one.status is Status.DRIFT for one in found]),
        alphas=np.full(n, alpha),
        lowers=np.full(n, np.nan),
        abnormal=none,
        by_past=none,
        eligible=np.arange(n) < most_windows(_DAY),
    )


def _seen(rng: np.random.Generator, series: Series) -> int:
    """How many of some days after the first 30 are called, each in turn with an area of 1."""
    called, most = 0, float(psi_of_area(np.ones(1))[0])
    for day in rng.choice(np.arange(LEAST_WINDOWS, len(series.values)), FAILURES):
        apart = np.arange(len(series.values)) == day
        broken = replace(series, values=np.where(apart, most, series.values), candidates=series.candidates | apart)
        called += int(fold(broken, 0, _DAY).abnormal[day])
    return called


def _measured(window: pa.Table, before: pa.Table, alpha: float) -> Measurement:
    return next(measure_together(Sides(window, before, _KINDS), alpha, DELTA))  # domain_auc; what follows is told
