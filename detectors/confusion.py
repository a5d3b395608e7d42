"""Confusion counts: all that accuracy, precision, recall and F1 need, kept as sums that merge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors import clusters, wilson
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray, effective_size

Average = Literal["binary", "macro", "weighted"]
Labels = Sequence[str] | npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class ConfusionCounts:
    """Weighted counts by label (row) and prediction (column).

    Attributes:
        classes: the names of the K classes, sorted.
        weights: sum of the weights, shape (K, K).
        squares: sum of the squared weights, shape (K, K), for effective sizes.
        rows: the number of rows.
    """

    classes: tuple[str, ...]
    weights: FloatArray
    squares: FloatArray
    rows: int

    def merge(self, other: "ConfusionCounts") -> "ConfusionCounts":
        """Add two counts; classes are united. Associative and commutative.

        >>> count(["a"], ["b"]).merge(count(["c"], ["b"])).weights.tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        """
        classes = tuple(sorted({*self.classes, *other.classes}))
        left, right = self.spread(classes), other.spread(classes)
        return ConfusionCounts(
            classes, left.weights + right.weights, left.squares + right.squares, left.rows + right.rows
        )

    def spread(self, classes: tuple[str, ...]) -> "ConfusionCounts":
        """Lay the counts out on more classes, which must hold all of these.

        >>> count(["a"], ["a"]).spread(("a", "b")).weights.tolist()
        [[1.0, 0.0], [0.0, 0.0]]
        """
        if classes == self.classes:
            return self
        places = np.array([classes.index(name) for name in self.classes], np.int64)
        weights, squares = np.zeros((2, len(classes), len(classes)))
        weights[np.ix_(places, places)] = self.weights
        squares[np.ix_(places, places)] = self.squares
        return ConfusionCounts(classes, weights, squares, self.rows)

    def index(self, name: str) -> int | None:
        """The place of a class, or None where no row has it.

        >>> count(["a"], ["b"]).index("b"), EMPTY.index("b")
        (1, None)
        """
        return self.classes.index(name) if name in self.classes else None


@dataclass(frozen=True, eq=False)
class ClusterCells:
    """Where rows lie in the counts, and in which cluster: what the error of a measure needs where errors cluster.

    Attributes:
        labels, predictions: the places of the rows' classes in `classes` of the counts, shape (rows,).
        weights: None where every one is 1.
        cluster: the number of each row's cluster, from 0.
        clusters: how many there are.
    """

    labels: npt.NDArray[np.intp]
    predictions: npt.NDArray[np.intp]
    weights: FloatArray | None
    cluster: npt.NDArray[np.intp]
    clusters: int

    def influences(self, gradient: FloatArray) -> FloatArray:
        """Each cluster's influence, shape (G,), on a measure with this gradient (K, K) in the counts.

        >>> _, cells = count_clusters(["a", "a", "b"], ["a", "b", "b"], np.array([1, 2, 1]))
        >>> cells.influences(np.array([[1.0, 2.0], [4.0, 8.0]])).tolist()
        [9.0, 2.0]
        """
        of_rows = gradient[self.labels, self.predictions]
        return clusters.sum_by_cluster(of_rows if self.weights is None else of_rows * self.weights, self.cluster)


def count_clusters(
    labels: Labels, predictions: Labels, keys: npt.NDArray[np.generic], weights: FloatArray | None = None
) -> tuple[ConfusionCounts, ClusterCells]:
    """Count rows as `count` does, and say where each lies, by the rows' cluster keys (rows,).

    >>> counts, cells = count_clusters(["a", "b"], ["b", "b"], np.array(["mon", "tue"]))
    >>> counts.classes, cells.clusters
    (('a', 'b'), 2)
    """
    names, truth, guess = _places(labels, predictions)
    cells = ClusterCells(truth, guess, weights, *clusters.number(keys))
    return _counted(names, truth, guess, weights), cells


def count(labels: Labels, predictions: Labels, weights: FloatArray | None = None) -> ConfusionCounts:
    """Count rows (rows,) of labels and predictions (compared as strings), each with its weight, 1 where none are given.

    >>> counts = count(["late", "late", "on_time"], ["late", "on_time", "on_time"])
    >>> counts.classes, counts.weights.tolist()
    (('late', 'on_time'), [[1.0, 1.0], [0.0, 1.0]])
    """
    return _counted(*_places(labels, predictions), weights)


def _places(labels: Labels, predictions: Labels) -> tuple[list[str], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The classes, and the place of each row's label and prediction among them."""
    truth, guess = np.asarray(labels, dtype=np.str_), np.asarray(predictions, dtype=np.str_)
    if truth.shape != guess.shape or truth.ndim != 1:
        raise ValueError(f"labels and predictions must pair up, got shapes {truth.shape} and {guess.shape}")
    names, codes = np.unique(np.concatenate([truth, guess]), return_inverse=True)
    return names.tolist(), codes[: truth.size], codes[truth.size :]


def _counted(
    names: list[str], truth: npt.NDArray[np.intp], guess: npt.NDArray[np.intp], weights: FloatArray | None
) -> ConfusionCounts:
    cells, size = truth * len(names) + guess, len(names)
    weight = np.ones(truth.size) if weights is None else np.asarray(weights, np.float64)
    sums, squares = (np.bincount(cells, w, size * size).reshape(size, size) for w in (weight, weight * weight))
    return ConfusionCounts(tuple(names), sums.astype(np.float64), squares.astype(np.float64), truth.size)


EMPTY = count([], [])


def merge_all(parts: Sequence[ConfusionCounts]) -> ConfusionCounts:
    """Merge any number of counts; EMPTY of none.

    >>> merge_all([count(["a"], ["b"]), count(["c"], ["c"])]).classes
    ('a', 'b', 'c')
    """
    total = EMPTY
    for part in parts:
        total = total.merge(part)
    return total


def linear_interval(
    value: float | None,
    gradient: FloatArray,
    counts: ConfusionCounts,
    parts: ClusterCells | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the interval of a share-like measure by its gradient (K, K) in the counts (delta method).

    The measure must not change when all counts are multiplied. `parts` are the rows that were counted, by cluster.
    Source: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 2.7.2.

    >>> counts = count(["a"] * 10, ["a"] * 9 + ["b"])
    >>> gradient = np.array([[0.01, -0.09], [0.0, 0.0]])  # of the share of "a" among all
    >>> found = linear_interval(0.9, gradient, counts)
    >>> found.value, round(found.lower, 3), found.upper
    (0.9, 0.714, 1.0)
    """
    if value is None:
        return none_of(counts.rows)
    error = float(np.sqrt((gradient**2 * counts.squares).sum()))
    influences = None if parts is None else parts.influences(gradient)
    return clusters.interval(value, counts.rows, error, influences, level, (0.0, 1.0))


def share_interval(
    hits: npt.NDArray[np.bool_],
    among: npt.NDArray[np.bool_],
    counts: ConfusionCounts,
    parts: ClusterCells | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the share of the cells `hits` among the cells `among`, masks (K, K): Wilson, cluster-robust from 30 clusters.

    Source: Wilson (1927), at the effective size of Kish, "Survey Sampling" (1965).

    >>> diagonal = np.eye(2, dtype=bool)
    >>> found = share_interval(diagonal, np.ones_like(diagonal), count(["a"] * 10, ["a"] * 9 + ["b"]))
    >>> found.value, round(found.lower, 3), round(found.upper, 3)
    (0.9, 0.596, 0.982)
    """
    weight, of_weight = float(counts.weights[hits].sum()), float(counts.weights[among].sum())
    if not of_weight > 0:
        return none_of(counts.rows)
    if parts is not None and parts.clusters >= clusters.LEAST_CLUSTERS:
        gradient = (hits - weight / of_weight * among) / of_weight
        return linear_interval(weight / of_weight, gradient, counts, parts, level)
    size = effective_size(of_weight, float(counts.squares[among].sum()))
    return wilson.estimate(weight, of_weight, size, counts.rows, level)
