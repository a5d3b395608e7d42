"""Model-months in which nothing happens: independent rows of one distribution in every window."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.calibration.tests import Windows, called, check, rises
from detectors import dial, shares
from detectors.delta import DELTA
from detectors.own_past import beginnings
from detectors.pair import FloatArray
from detectors.shares import Tally

NUMBERS, HEAVY, CATEGORIES, FLAGS = 30, 5, 10, 5  # columns of each kind, 50 together
COLUMNS = NUMBERS + HEAVY + CATEGORIES + FLAGS
MONTHS_A_QUARTER = 3
REFERENCE = 10  # times the rows of a window
_ZIPF = np.arange(1, 31) ** -1.5 / (np.arange(1, 31) ** -1.5).sum()
_MISSING = 0.02


@dataclass(frozen=True, slots=True)
class Clean:
    """Model-months of one kind.

    Attributes:
        called, alerts, incidents: windows of a column that were called; runs of these; windows of a model in which one began.
        worst: called windows in the model-month that 99.9% do not exceed.
        expected: windows that the dial allows, at most; low: the one-sided 95% Poisson lower bound of `called`.
    """

    size: str
    rows: int
    delta: float
    months: int
    called: int
    alerts: int
    incidents: int
    worst: float
    expected: float
    low: float

    @property
    def passed(self) -> bool:
        """Whether the count is no more than the dial allows, as far as counts can say."""
        return self.low <= self.expected


def months(size: str, rows: int, count: int, tell: Callable[[], None], seed: int = 0) -> list[Clean]:
    """So many model-months of windows of so many rows, at the default delta and at none, from the same draws."""
    per_day = 24 if size == "1h" else 1
    windows = 30 * per_day
    alpha = dial.alpha(1.0, dial.windows_per_quarter(1 / per_day), dial.planned_tests(COLUMNS))
    totals = {delta: np.zeros(3, np.int64) for delta in (DELTA, 0.0)}
    worst: dict[float, list[int]] = {delta: [] for delta in totals}
    for number in range(count):
        rng = np.random.default_rng((seed, rows, windows, number))
        columns = _columns(rng, windows, rows)
        for delta, sums in totals.items():
            hits = np.array([called(column, alpha, delta) for column in columns])
            check(columns[number % len(columns)], alpha, delta, number % windows)
            found = np.concatenate([hits, _shares(np.random.default_rng((seed, number)), columns, rows, alpha)])
            starts = beginnings(found)
            worst[delta].append(int(found.sum()))
            sums += (found.sum(), starts.sum(), starts.any(axis=0).sum())
        tell()
    return [
        Clean(
            size, rows, delta, count, *totals[delta].tolist(), float(np.quantile(worst[delta], 0.999, method="higher")),
            count / MONTHS_A_QUARTER, _poisson_low(int(totals[delta][0])),
        )
        for delta in totals
    ]  # fmt: skip


def _poisson_low(count: int) -> float:
    return float(stats.chi2.ppf(0.05, 2 * count) / 2) if count else 0.0


def _columns(rng: np.random.Generator, windows: int, rows: int) -> list[Windows]:
    """Numbers in the reference's own deciles, so that their true shares are not exactly a tenth; the rest as it is drawn."""
    m = REFERENCE * rows
    found = [_numbers(rng, windows, rows, m) for _ in range(NUMBERS)]
    for _ in range(HEAVY):  # three in five are zero: a bin of its own
        zeros = rng.binomial(m, 0.6)
        rest = rng.dirichlet(np.full(10, (m - zeros) / 10)) * 0.4
        reference = np.append(np.full(10, (m - zeros) / 10), zeros)
        found.append(Windows(_drawn(rng, np.append(rest, 0.6), windows, rows), reference))
    for p in (*[_ZIPF] * CATEGORIES, *[np.array([0.97, 0.03])] * FLAGS):
        found.append(Windows(_drawn(rng, p, windows, rows), rng.multinomial(m, p).astype(np.float64)))  # noqa: PERF401 - in turn
    return found


def _numbers(rng: np.random.Generator, windows: int, rows: int, m: int) -> Windows:
    return Windows(_drawn(rng, rng.dirichlet(np.full(10, m / 10)), windows, rows), np.full(10, m / 10))


def _drawn(rng: np.random.Generator, p: FloatArray, windows: int, rows: int) -> FloatArray:
    return rng.multinomial(rows, p / p.sum(), size=windows).astype(np.float64)


def _shares(rng: np.random.Generator, columns: list[Windows], rows: int, alpha: float) -> np.ndarray:
    """missing_share of every column, unseen_share of the categories, error_rate; shape (tests, windows)."""
    windows, m = len(columns[0].counts), REFERENCE * rows
    found = []
    for _ in range(COLUMNS + 1):
        before = Tally(int(rng.binomial(m, _MISSING)), m)
        found.append(rises(rng.binomial(rows, _MISSING, windows).astype(np.float64), rows, before, alpha))
    for column in columns[NUMBERS + HEAVY : NUMBERS + HEAVY + CATEGORIES]:
        unseen = column.counts[:, column.reference == 0].sum(axis=1)
        found.append(rises(unseen, rows, Tally(int((column.reference == 1).sum()), m), alpha))
    return np.array(found)


assert shares.TOLERANCE < _MISSING  # so that a rise by the tolerance could be seen at all
