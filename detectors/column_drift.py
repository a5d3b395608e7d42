"""What is measured of one column: its window's profile against its reference's."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from detectors import shares, wasserstein
from detectors.binning import decile_bins, pair_from_cells
from detectors.delta import DELTA
from detectors.interval_null import Drift, measure_drift
from detectors.oov_share import oov_share
from detectors.pair import BinnedPair, FloatArray
from detectors.shares import ShareShift, Tally
from detectors.univariate import DISTANCES
from kernel.cells import Cells
from kernel.measurement import Measurement, Status
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.profile_batch import SEVERAL_GRIDS
from kernel.scores import SCORE_CELLS
from kernel.written_text import vocabulary

_TYPED = (Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN)  # whose values may be of another type
_ORDERED = (Kind.NUMERIC, Kind.SCORE, Kind.POSITIVE)
ENOUGH = 10  # times the rows of a window make a reference whose own noise does not count
SMALL_REFERENCE = "the reference has under 10 times the rows"
TOO_FEW = "fewer values than min_rows"
_NO_WORDS = "the words of some rows were not counted"
ANOTHER_GRID = "another grid than the reference's"
SEVERAL = "counted on several grids"


@dataclass(frozen=True, slots=True)
class Test:
    """How a column is tested.

    Attributes:
        alpha: the level of each of its tests.
        delta: psi up to which a shift is of no interest.
        distances: measured beside psi and js_distance.
        min_rows: with fewer of its values (of missing_share: rows) in the window nothing is decided about a column.
        low_margin: see detectors/confidence.py.
    """

    alpha: float
    delta: float = DELTA
    min_rows: int = 0
    distances: tuple[str, ...] = ()
    low_margin: float = 0.2


def measure_column(
    name: str, stored: str, window: WindowProfile, reference: WindowProfile, test: Test
) -> Iterator[Measurement]:
    """The drift of one column: psi, its distances and the shares of QUALITY that its kind has.

    Few values are few however many rows there are: all but missing_share rest on the values alone.

    Args:
        name: the column's name in a measurement; `stored` its name in the profiles.
        window, reference: profiles on one grid. A column that the reference lacks yields nothing.

    >>> def flags(no, yes):
    ...     cells = Cells(np.array([0, 1]), np.array([no, yes]))
    ...     return WindowProfile(no + yes, 0, no + yes, no + yes, {"feature.night": ColumnProfile(Kind.BOOLEAN, cells=cells)})
    >>> found = measure_column("night", "feature.night", flags(500, 500), flags(9000, 1000), Test(alpha=1e-4))
    >>> [(m.metric, round(m.value, 3), m.status.value) for m in found]
    [('missing_share', 0.0, 'ok'), ('misfit_share', 0.0, 'ok'), ('psi', 0.879, 'drift'), ('js_distance', 0.383, 'drift')]
    """
    before = reference.columns.get(stored)
    if before is None:
        return
    now = window.columns.get(stored) or _never_there(before, window)
    missing = shares.missing_share(_tally(now, window), _tally(before, reference), test.alpha)
    yield _enough(window.rows, _shift("missing_share", name, missing, window.size, reference, test), test)
    if now.kind in _TYPED:  # also without any, so that what was called is over
        yield _enough(now.values + now.misfit, _misfit_share(name, now, before, reference, test), test)
    if problem := _problem(now, before):
        yield Measurement("psi", name, None, Status.INSUFFICIENT, basis=problem)
        return
    for found in _of_values(name, now, before, reference, test):
        yield _enough(now.values, found, test)
    if now.kind is Kind.TEXT and (words := reference.columns.get(vocabulary(stored))) is not None:
        there = window.columns.get(vocabulary(stored)) or _never_there(words, window)
        counted = (there.missing, words.missing) == (now.missing, before.missing)
        yield _enough(now.values, _oov(name, (now, there), (before, words), reference, test, counted), test)


def _problem(now: ColumnProfile, before: ColumnProfile) -> str:
    """Why the two cannot be held against each other; "" where they can."""
    if now.grid == SEVERAL_GRIDS:
        return SEVERAL
    if before.grid == SEVERAL_GRIDS:
        return f"the reference was {SEVERAL}"
    return "" if (now.kind, now.grid) == (before.kind, before.grid) else ANOTHER_GRID


def _misfit_share(
    name: str, now: ColumnProfile, before: ColumnProfile, reference: WindowProfile, test: Test
) -> Measurement:
    if SEVERAL_GRIDS in (now.grid, before.grid):  # what was counted on one of them stands as misfits
        return Measurement("misfit_share", name, None, Status.INSUFFICIENT, basis=_problem(now, before))
    strange = _misfits(now)
    misfits = shares.missing_share(strange, _misfits(before), test.alpha)
    return _shift("misfit_share", name, misfits, strange.rows, reference, test)


def _enough(rows: int, found: Measurement, test: Test) -> Measurement:
    if rows >= test.min_rows:
        return found
    return replace(found, status=Status.INSUFFICIENT, basis=TOO_FEW)


def _of_values(
    name: str, now: ColumnProfile, before: ColumnProfile, reference: WindowProfile, test: Test
) -> Iterator[Measurement]:
    pair = column_pair(now, before)
    drift = measure_drift(pair, test.alpha, test.delta)
    yield replace(_view("psi", name, (drift.value, drift.expected), drift, pair, test), lower=drift.lower)
    for metric in ("js_distance", *test.distances):
        if (found := _distance(metric, now, before, pair)) is not None:
            yield _view(metric, name, found, drift, pair, test)
    if now.kind is Kind.CATEGORICAL:
        unseen = _unseen(now.cells, before.cells, test.alpha)
        yield _shift("unseen_share", name, unseen, now.cells.size, reference, test)
    if now.kind is Kind.NUMERIC:
        beyond = _out_of_range(now.cells, before.cells, test.alpha)
        yield _shift("out_of_range_share", name, beyond, now.cells.size, reference, test)


def column_pair(window: ColumnProfile, reference: ColumnProfile) -> BinnedPair:
    """Both sides in bins: the reference's deciles, or the categories.

    >>> before, now = (
    ...     ColumnProfile(Kind.NUMERIC, cells=Cells(np.array(at), np.array(rows)))
    ...     for at, rows in ((range(20), [5] * 20), ([0, 25], [3, 7]))
    ... )
    >>> pair = column_pair(now, before)  # two cells a decile; a cell beyond them falls into the last one
    >>> pair.reference.tolist() == [10.0] * 10, pair.window.tolist()
    (True, [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0])
    """
    counts, held = _dense(window, reference)
    deciles = window.kind in _ORDERED and held.sum() > 0
    bins = decile_bins(held) if deciles else np.arange(len(held))
    return pair_from_cells(counts, held, bins, window.cells.size, reference.cells.size)


def _dense(window: ColumnProfile, reference: ColumnProfile) -> tuple[FloatArray, FloatArray]:
    """The counts of both sides over the same cells, shape (cells,)."""
    now, before = _plain_cells(window), _plain_cells(reference)
    width = int(max(now.index.max(initial=0), before.index.max(initial=0))) + 1
    return now.dense(width), before.dense(width)


def _plain_cells(column: ColumnProfile) -> Cells:
    """The cells without regard to which class was predicted."""
    if column.kind is not Kind.SCORE:
        return column.cells
    cells = column.cells
    high = cells.index >= SCORE_CELLS
    parts = [_where(cells, ~high, 0), _where(cells, high, SCORE_CELLS)]
    return Cells.merge(parts)


def _where(cells: Cells, chosen: np.ndarray, less: int) -> Cells:
    def pick(values: FloatArray) -> FloatArray:
        return values[chosen] if len(values) else values

    return Cells(
        cells.index[chosen] - less, cells.rows[chosen], pick(cells.sums), pick(cells.weight), pick(cells.weight2)
    )


def _never_there(before: ColumnProfile, window: WindowProfile) -> ColumnProfile:
    """A column that no row of the window has is missing in all of them."""
    return ColumnProfile(
        before.kind, before.grid, missing=window.rows, missing_weight=window.weight, missing_weight2=window.weight2
    )


def _distance(
    metric: str, now: ColumnProfile, before: ColumnProfile, pair: BinnedPair
) -> tuple[float | None, float | None] | None:
    """A distance and what noise alone gives of it; None where the column's kind has no such distance."""
    if metric == "wasserstein":
        return _wasserstein(now, before) if now.kind is Kind.NUMERIC else None
    if metric == "ks":
        if now.kind not in _ORDERED:
            return None
        counts, held = _dense(now, before)
        pair = pair_from_cells(counts, held, np.arange(len(counts)), now.cells.size, before.cells.size)
    return DISTANCES[metric].value(pair), DISTANCES[metric].expected(pair)


def _wasserstein(now: ColumnProfile, before: ColumnProfile) -> tuple[float | None, float | None]:
    held, means = before.cells.shares_of, before.cells.sums / np.maximum(1, before.cells.rows)
    scale = wasserstein.reference_scale(held, means)
    places = now.cells.sums / np.maximum(1, now.cells.rows)
    value = wasserstein.value(now.cells.shares_of, places, held, means, scale)
    return value, wasserstein.expected(now.cells.size, held, means, before.cells.size, scale)


def _view(
    metric: str, name: str, found: tuple[float | None, float | None], drift: Drift, pair: BinnedPair, test: Test
) -> Measurement:
    """One of several views of a shift, which are one decision: the test is psi's for all."""
    value, expected = found
    excess = None if value is None or expected is None else value - expected
    return Measurement(
        metric, name, value, _status(drift, test.alpha), expected, excess, drift.p_delta, drift.p_change,
        None, None, pair.window_size, pair.reference_size, test.alpha, _basis(drift, pair),
    )  # fmt: skip


def _status(drift: Drift, alpha: float) -> Status:
    if drift.p_delta is None:
        return Status.INSUFFICIENT
    return Status.DRIFT if drift.called(alpha) else Status.OK


def _basis(drift: Drift, pair: BinnedPair) -> str:
    if drift.p_delta is None:
        return drift.basis
    small = pair.reference_size < ENOUGH * pair.window_size
    return f"iid-null, {drift.basis}" + (f"; {SMALL_REFERENCE}" if small else "")


def _tally(column: ColumnProfile, whole: WindowProfile) -> Tally:
    """Rows without a usable value among all rows, at the effective size."""
    if not whole.weight:
        return Tally(0.0, 0.0)
    absent = column.missing_weight + column.nan * whole.weight / max(1, whole.rows)
    return Tally(min(1.0, absent / whole.weight) * whole.size, whole.size)


def _misfits(column: ColumnProfile) -> Tally:
    """Values of another type than the column's among its values; nobody weighs the misfits."""
    return Tally(float(column.misfit), column.cells.size + column.misfit)


def _unseen(now: Cells, before: Cells, alpha: float) -> ShareShift:
    strange = shares.tally_of(now, ~np.isin(now.index, before.index))
    once = shares.tally_of(before, before.rows == 1)
    return shares.unseen_share(strange, before.size, once.events, alpha)


def _oov(
    name: str,
    now: tuple[ColumnProfile, ColumnProfile],
    before: tuple[ColumnProfile, ColumnProfile],
    reference: WindowProfile,
    test: Test,
    counted: bool,
) -> Measurement:
    """Texts and their words, on both sides; profiles of earlier versions hold no words."""
    if not counted:
        return Measurement("oov_share", name, None, Status.INSUFFICIENT, basis=_NO_WORDS)
    (texts, words), (their_texts, their_words) = now, before
    found = oov_share(words.cells, their_words.cells, texts.cells.size, their_texts.cells.size, test.alpha)
    return _shift("oov_share", name, found, texts.cells.size, reference, test)


def _out_of_range(now: Cells, before: Cells, alpha: float) -> ShareShift:
    """Values in cells below or above all those of the reference: to within the cells at its ends."""
    if not len(before.index):
        return shares.INSUFFICIENT
    beyond = (now.index < before.index[0]) | (now.index > before.index[-1])
    return shares.out_of_range_share(shares.tally_of(now, beyond), before.size, alpha)


def _shift(metric: str, name: str, shift: ShareShift, rows: float, reference: WindowProfile, test: Test) -> Measurement:
    """A share's measurement; `rows` are what it is a share of."""
    return shares.measured(metric, name, shift, rows, reference.size, test.alpha, Status.DRIFT)
