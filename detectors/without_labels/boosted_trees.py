"""Gradient-boosted regression trees, for how wrong a prediction is likely to be.

What of LightGBM is needed for it: squared loss, histograms, and the leaf that gains most is split next.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray
from kernel.compiled import compiled

TREES = 100
LEAVES = 31
RATE = 0.1
LEAST_ROWS = 20
"""Of a leaf. All four are LightGBM's defaults."""
BINS = 255
"""Of the values of a column; rows without a value are in one more, the lowest."""

_NODES = 2 * LEAVES - 1
_LOWEST = float(np.finfo(np.float64).min)

Numbers = tuple[tuple[float, ...], ...]
Places = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Trees:
    """What was learnt, as plain numbers that can be stored; by tree, and in it by node, of which the first is the root.

    Attributes:
        base: the mean of the targets.
        columns: which column a node asks about; -1 at a leaf.
        bounds: a row goes left where its value is at most this, or where it has none.
        children: the node to the left; the one to the right is the next.
        steps: what a leaf adds; 0 at other nodes.
    """

    base: float
    columns: Places
    bounds: Numbers
    children: Places
    steps: Numbers

    def predict(self, rows: FloatArray) -> FloatArray:
        """Return the prediction for rows (rows, columns), shape (rows,); a value that is not finite is none.

        >>> fit(np.arange(100.0)[:, None], np.arange(100.0) // 50).predict(np.array([[10.0], [90.0]])).round(3).tolist()
        [0.0, 1.0]
        """
        columns, children = np.array(self.columns, np.int64), np.array(self.children, np.int64)
        bounds, steps = np.array(self.bounds, np.float64), np.array(self.steps, np.float64)
        found: FloatArray = _walk(_known(rows), self.base, columns, bounds, children, steps)
        return found


def fit(rows: FloatArray, targets: FloatArray, trees: int = TREES) -> Trees:
    """Return trees that predict the targets (rows,) from rows (rows, columns), where a value that is not finite is none.

    Each tree is fitted to what the ones before it left, and takes a tenth of that off. Nothing is drawn. Raises ValueError without
    rows. Source: Friedman, "Greedy function approximation: a gradient boosting machine" (2001); Ke et al., "LightGBM: a highly
    efficient gradient boosting decision tree" (2017).

    >>> fit(np.zeros((10, 1)), np.full(10, 3.0)).predict(np.zeros((1, 1))).tolist()
    [3.0]
    """
    if not len(rows):
        raise ValueError("trees need rows")
    edges = [_edges(column) for column in _known(rows).T]
    places = np.empty(rows.shape[::-1], np.uint8)
    for place, column, bounds in zip(places, _known(rows).T, edges, strict=True):
        place[:] = np.where(np.isnan(column), 0, np.searchsorted(bounds, column) + 1)
    base = float(targets.mean())
    columns, bins, children, steps = _boost(places, targets - base, trees)
    bounds = np.where(columns < 0, 0.0, _LOWEST)
    for at, bounds_of in enumerate(edges):
        asked = (columns == at) & (bins > 0)
        bounds[asked] = bounds_of[bins[asked] - 1]
    return Trees(base, _plain(columns), _plain(bounds), _plain(children), _plain(steps))


def _plain(values: npt.NDArray[np.generic]) -> Any:
    return tuple(map(tuple, values.tolist()))


def _known(rows: FloatArray) -> FloatArray:
    return np.where(np.isfinite(rows), rows, np.nan)


def _edges(column: FloatArray) -> FloatArray:
    """What parts the bins of a column: amid its values where they are few, else between as many rows each."""
    values = np.unique(column[~np.isnan(column)])
    if values.size > BINS:
        values = np.unique(np.quantile(column[~np.isnan(column)], np.linspace(0, 1, BINS), method="lower"))
    return values[:-1] + (values[1:] - values[:-1]) / 2


@compiled
def _boost(places, residuals, trees):  # type: ignore[no-untyped-def]
    columns, bins = np.full((trees, _NODES), -1), np.zeros((trees, _NODES), np.int64)
    children, steps = np.zeros((trees, _NODES), np.int64), np.zeros((trees, _NODES))
    order = np.arange(residuals.size)
    for tree in range(trees):
        _grow(places, residuals, order, columns[tree], bins[tree], children[tree], steps[tree])
    return columns, bins, children, steps


@compiled
def _grow(places, residuals, order, columns, bins, children, steps):  # type: ignore[no-untyped-def]
    """One tree, and its steps taken off the residuals; `order` holds the rows of each leaf together."""
    starts, ends = np.zeros(_NODES, np.int64), np.zeros(_NODES, np.int64)
    gains, best, bin_of = np.zeros(_NODES), np.zeros(_NODES, np.int64), np.zeros(_NODES, np.int64)
    ends[0] = order.size
    gains[0], best[0], bin_of[0] = _split(places, residuals, order[:])
    nodes = 1
    while nodes < _NODES:
        leaf = np.argmax(gains)
        if gains[leaf] <= 0:
            break
        start, end = starts[leaf], ends[leaf]
        rows = order[start:end].copy()
        left = places[best[leaf]][rows] <= bin_of[leaf]
        middle = start + left.sum()
        order[start:middle], order[middle:end] = rows[left], rows[~left]
        columns[leaf], bins[leaf], children[leaf], gains[leaf] = best[leaf], bin_of[leaf], nodes, 0.0
        starts[nodes], ends[nodes], starts[nodes + 1], ends[nodes + 1] = start, middle, middle, end
        for child in (nodes, nodes + 1):
            mine = order[starts[child] : ends[child]]
            gains[child], best[child], bin_of[child] = _split(places, residuals, mine)
        nodes += 2
    for node in range(nodes):
        if columns[node] < 0:
            rows = order[starts[node] : ends[node]]
            steps[node] = RATE * residuals[rows].mean()
            for row in rows:
                residuals[row] -= steps[node]


@compiled
def _split(places, residuals, rows):  # type: ignore[no-untyped-def]
    """The largest gain in squared error that some rows can have by a split, its column, and the last bin to the left."""
    found, column_of, bin_of = 0.0, 0, 0
    if rows.size < 2 * LEAST_ROWS:
        return found, column_of, bin_of
    whole = residuals[rows].sum()
    parent = whole * whole / rows.size
    for column in range(places.shape[0]):
        sums, counts = np.zeros(BINS + 1), np.zeros(BINS + 1, np.int64)
        mine = places[column]
        for row in rows:
            sums[mine[row]] += residuals[row]
            counts[mine[row]] += 1
        left, n = 0.0, 0
        for at in range(BINS):
            left += sums[at]
            n += counts[at]
            if n < LEAST_ROWS or counts[at] == 0:
                continue
            if rows.size - n < LEAST_ROWS:
                break
            gain = left * left / n + (whole - left) * (whole - left) / (rows.size - n) - parent
            if gain > found * (1 + 1e-9) and gain > 1e-12 * abs(parent):
                found, column_of, bin_of = gain, column, at
    return found, column_of, bin_of


@compiled
def _walk(rows, base, columns, bounds, children, steps):  # type: ignore[no-untyped-def]
    found = np.full(rows.shape[0], base)
    for row in range(rows.shape[0]):
        for tree in range(columns.shape[0]):
            node = 0
            while columns[tree, node] >= 0:
                value = rows[row, columns[tree, node]]
                node = children[tree, node] + (1 if value > bounds[tree, node] else 0)
            found[row] += steps[tree, node]
    return found
