"""Profiles as bars to draw: a few dozen bins made from the cells of a window's and a reference's profile, the same for both."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernel.cells import Cells
from kernel.grid import Float64Array, Grid
from kernel.profile import ColumnProfile, Kind
from kernel.written_text import SCRIPTS
from store.column_view import ColumnView

BARS = 36
MOST_VALUES = 40  # with no more distinct cells than these, each is drawn as a value of its own
TOP_CATEGORIES = 12
HEAVY = 0.05  # a narrow cell with this share of either side is drawn as a value of its own
_OUTSIDE = 0.004  # share of each side left to the outermost bars
_MUCH = 0.02
_SCORE_CELLS, _SCORE_SCALE, _SCORE_ZERO = 2048, 64, 1024


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars of equal width over the bulk of the values; shares of all values that are in a cell, shape (n,).

    Attributes:
        bounds: shape (n + 1,); the first bar also holds what lies below it, the last what lies above.
    """

    bounds: Float64Array
    current: Float64Array
    reference: Float64Array


@dataclass(frozen=True, slots=True)
class Values:
    """Values or categories with a bar each; shares in [0, 1], shape of `names`."""

    names: tuple[str, ...]
    current: Float64Array
    reference: Float64Array


@dataclass(frozen=True, slots=True)
class Bars:
    """A column as drawn: a histogram, single values, or both (a histogram with its heavy values beside it)."""

    histogram: Histogram | None
    values: Values | None


def bars(view: ColumnView) -> Bars:
    """The bars of a column; a side without a profile, or counted on another grid, has shares of 0."""
    known = view.current or view.reference
    if known is None:
        return Bars(None, None)
    reference = view.reference if view.reference and view.reference.kind is known.kind else ColumnProfile(known.kind)
    current = view.current or ColumnProfile(known.kind)
    if view.current and view.reference and not view.comparable:
        reference = ColumnProfile(known.kind)
    match known.kind:
        case Kind.CATEGORICAL:
            return Bars(None, _categories(current.cells, reference.cells, view.values))
        case Kind.TEXT:
            return Bars(None, _categories(current.cells, reference.cells, dict(SCRIPTS)))
        case Kind.BOOLEAN:
            return Bars(None, _categories(current.cells, reference.cells, {0: "false", 1: "true"}))
        case Kind.SCORE:
            return Bars(_score_histogram(current.cells, reference.cells), None)
        case _:
            grid = view.grid if known.kind is Kind.NUMERIC else Grid.identity()
            return _numeric(current, reference, grid) if grid else Bars(None, None)


def _shares(cells: Cells, size: int) -> Float64Array:
    dense = cells.dense(size)
    total = dense.sum()
    return dense / total if total else dense


def _categories(current: Cells, reference: Cells, names: dict[int, str]) -> Values:
    size = 1 + max(current.index.max(initial=0), reference.index.max(initial=0))
    p, q = _shares(current, size), _shares(reference, size)
    order = [int(code) for code in np.argsort(-np.maximum(p, q), kind="stable") if p[code] or q[code]]
    top, rest = order[:TOP_CATEGORIES], order[TOP_CATEGORIES:]
    labels = [names.get(code, "other" if code == 0 else f"code {code}") for code in top]
    p_top, q_top = [float(p[c]) for c in top], [float(q[c]) for c in top]
    if rest:
        labels.append(f"{len(rest)} more values")
        p_top.append(float(p[rest].sum()))
        q_top.append(float(q[rest].sum()))
    return Values(tuple(labels), np.array(p_top), np.array(q_top))


def _score_histogram(current: Cells, reference: Cells) -> Histogram:
    """Probabilities in [0, 1], whichever class was predicted."""
    edges = 1 / (1 + np.exp(-(np.arange(_SCORE_CELLS + 1) - _SCORE_ZERO) / _SCORE_SCALE))
    edges[0], edges[-1] = 0.0, 1.0
    p, q = (_shares(c, 2 * _SCORE_CELLS).reshape(2, -1).sum(axis=0) for c in (current, reference))
    bounds = np.linspace(0, 1, 41)
    return Histogram(bounds, _spread(p, edges[:-1], edges[1:], bounds), _spread(q, edges[:-1], edges[1:], bounds))


def _numeric(current: ColumnProfile, reference: ColumnProfile, grid: Grid) -> Bars:
    used = np.union1d(current.cells.index, reference.cells.index)
    if not len(used):
        return Bars(None, None)
    p, q = _shares(current.cells, grid.cells)[used], _shares(reference.cells, grid.cells)[used]
    means = _means(Cells.merge([current.cells, reference.cells]), grid)
    if len(used) <= MOST_VALUES:
        return Bars(None, Values(tuple(_name(m) for m in means), p, q))
    low, high = _limits(used, grid, min(current.low, reference.low), max(current.high, reference.high))
    heavy = _heavy(p, q, means, low, high)
    rest = ~heavy
    bounds = _bounds(p[rest], q[rest], means[rest], low[rest], high[rest])
    histogram = Histogram(
        bounds, _spread(p[rest], low[rest], high[rest], bounds), _spread(q[rest], low[rest], high[rest], bounds)
    )
    values = Values(tuple(_name(m) for m in means[heavy]), p[heavy], q[heavy]) if heavy.any() else None
    return Bars(histogram, values)


def _means(cells: Cells, grid: Grid) -> Float64Array:
    """The mean value in each cell used, shape (k,), to the digits that stored sums keep."""
    if len(cells.sums):
        means = grid.centre + cells.sums / cells.rows
        digits = 6 - int(np.floor(np.log10(max(1e-300, float(np.abs(means).max())))))
        return np.round(means, digits) + 0.0  # no minus before a zero
    return grid.lower_bounds()[cells.index]


def _limits(used: NDArray[np.int64], grid: Grid, least: float, most: float) -> tuple[Float64Array, Float64Array]:
    """Lower and upper bound of each cell used, within the values seen."""
    lower = grid.lower_bounds()
    upper = np.append(lower[1:], np.inf)
    return np.clip(lower[used], least, most), np.clip(np.nan_to_num(upper[used], nan=np.inf), least, most)


def _heavy(
    p: Float64Array, q: Float64Array, means: Float64Array, low: Float64Array, high: Float64Array
) -> NDArray[np.bool_]:
    """Cells that hold one value rather than a range: much in a cell far narrower than a bar would be."""
    order = np.cumsum((p + q) / max(1e-12, float((p + q).sum())))
    spread = means[np.searchsorted(order, 0.95).clip(max=len(means) - 1)] - means[np.searchsorted(order, 0.05)]
    width = max(float(spread), 1e-12) / BARS
    return (np.maximum(p, q) >= HEAVY) & (high - low < 0.5 * width)


def _bounds(
    p: Float64Array, q: Float64Array, means: Float64Array, low: Float64Array, high: Float64Array
) -> Float64Array:
    """Bounds of equal bars over all but the outermost values of either side."""
    ends: list[float] = []
    for shares in (p, q):
        total = shares.sum()
        if total > 0:
            cumulative = np.cumsum(shares) / total
            first, last = np.searchsorted(cumulative, (_OUTSIDE, 1 - _OUTSIDE)).clip(max=len(means) - 1)
            # A thin cell at the end may reach far out; one that holds much is shown whole.
            ends.append(low[first] if shares[first] > _MUCH * total else means[first])
            ends.append(high[last] if shares[last] > _MUCH * total else means[last])
    least, most = min(ends), max(ends)
    return np.linspace(least, most if most > least else least + 1.0, BARS + 1)


def _spread(shares: Float64Array, low: Float64Array, high: Float64Array, bounds: Float64Array) -> Float64Array:
    """The shares of cells laid evenly over the bars that they overlap; what is outside goes to the outermost bar."""
    low, high = np.clip(low, bounds[0], bounds[-1]), np.clip(high, bounds[0], bounds[-1])
    width = high - low
    # The share of each cell below each bound; a cell without width lies wholly in the bar that its value falls in.
    below = (bounds[None, :] - low[:, None]) / np.where(width > 0, width, 1.0)[:, None]
    part = np.where(width[:, None] > 0, np.clip(below, 0, 1), bounds[None, :] > low[:, None])
    part[:, 0], part[:, -1] = 0.0, 1.0
    return (shares[:, None] * np.diff(part, axis=1)).sum(axis=0)  # type: ignore[no-any-return]


def _name(value: float) -> str:
    return f"{value:,.4g}"
