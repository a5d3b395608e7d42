"""How soon a shift of known size is seen, and what is seen where there is none: ours beside the rules that people use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.calibration.normal import shifted
from bench.calibration.tests import QUARTER_DAYS, Windows, series_of
from detectors import dial, js_distance, psi
from detectors.delta import DELTA
from detectors.own_past import BoolArray, fold, most_windows
from detectors.pair import FloatArray
from kernel.clock import DAY_US
from kernel.windows import WindowSize

CLEAN, SHIFTED = 60, 30  # daily windows before and after
_DAY = WindowSize("1d")
_COLUMNS = 50  # of the model that the column is one of
_WASSERSTEIN = 0.1  # Evidently's default for numbers where the reference has more than 1,000 rows: in its deviations
PSI_LIMIT = 0.2
JS_LIMIT = 0.1  # NannyML's default threshold


@dataclass(frozen=True, slots=True)
class Power:
    """What one rule makes of a normal column whose mean moves by `shift` deviations.

    Attributes:
        false: called windows a quarter while nothing has moved.
        at_once, in_a_week: share of the series in which the first, or one of the first seven moved windows is called.
    """

    rule: str
    rows: int
    shift: float
    series: int
    false: float
    at_once: float
    in_a_week: float


def measure(rows: int, shift: float, count: int, tell: Callable[[], None], seed: int = 0) -> list[Power]:
    """Each rule on the same series; the reference has twenty times the rows of a window (up to 1,000 Evidently takes KS)."""
    sums: dict[str, FloatArray] = {}
    for number in range(count):
        rng = np.random.default_rng((seed, rows, round(shift * 100), number))
        reference = rng.normal(size=20 * rows)
        windows = rng.normal(size=(CLEAN + SHIFTED, rows))
        windows[CLEAN:] += shift
        for rule, called in _rules(reference, windows).items():
            clean, moved = called[:CLEAN], called[CLEAN:]
            found = np.array([clean.sum(), moved[0], moved[:7].any()], np.float64)
            sums[rule] = sums.get(rule, np.zeros(3)) + found
        tell()
    quarters = count * CLEAN / QUARTER_DAYS
    return [
        Power(rule, rows, shift, count, float(of[0] / quarters), *(of[1:] / count).tolist())
        for rule, of in sums.items()
    ]  # fmt: skip


def _rules(reference: FloatArray, windows: FloatArray) -> Mapping[str, BoolArray]:
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    deciles = Windows(_counts(windows, edges), _counts(reference[None], edges)[0])
    doane = np.histogram_bin_edges(reference, bins="doane")[1:-1]
    wide = Windows(_counts(windows, doane), _counts(reference[None], doane)[0])
    return {
        "Driftglass": _ours(deciles),
        "PSI > 0.2": psi.distance(*deciles.shares) > PSI_LIMIT,
        "Evidently's default": _wasserstein(windows, reference) / reference.std() >= _WASSERSTEIN,
        "NannyML's default": js_distance.distance(*wide.shares) > JS_LIMIT,
    }


def _ours(windows: Windows) -> BoolArray:
    alpha = dial.alpha(1.0, dial.windows_per_quarter(1), dial.planned_tests(_COLUMNS))
    starts_us = np.arange(len(windows.counts)) * DAY_US
    series = series_of(windows, alpha, DELTA, starts_us, most_windows(_DAY))
    return fold(series, 0, _DAY, DELTA).abnormal


def _counts(values: FloatArray, edges: FloatArray) -> FloatArray:
    """Counts by bin, shape (windows, bins)."""
    bins, windows = len(edges) + 1, len(values)
    cells = np.searchsorted(edges, values) + bins * np.arange(windows)[:, None]
    return np.bincount(cells.ravel(), minlength=bins * windows).reshape(windows, bins).astype(np.float64)


def _wasserstein(windows: FloatArray, reference: FloatArray) -> FloatArray:
    """Of equal weights: each of a window's values stands for as many of the reference's."""
    ordered = np.repeat(np.sort(windows, axis=1), len(reference) // windows.shape[1], axis=1)
    distances: FloatArray = np.abs(ordered - np.sort(reference)).mean(axis=1)
    return distances


def psi_of_shift(shift: float) -> float:
    """The psi of a normal mean that moves by so many deviations, on the reference's deciles.

    >>> round(psi_of_shift(0.3), 3)
    0.086
    """
    return float(psi.distance(shifted(np.array(shift)), np.full(10, 0.1)))
