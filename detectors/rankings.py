"""Lists of items that a model has ranked, in columns: how it scored each item, and how relevant that was."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from detectors.pair import FloatArray


@dataclass(frozen=True, eq=False)
class Rankings:
    """The items (n,) of L lists. A list is ranked by falling score.

    Attributes:
        lists: the list of each item, 0 to L - 1, each of which has one.
        scores: as predicted.
        relevance: 0 or more; 0 where nobody said.
        weights: of each list, shape (L,); None where every one is 1.
        clusters: of each list, what its errors cluster by; None where it is its own.
    """

    lists: NDArray[np.intp]
    scores: FloatArray
    relevance: FloatArray
    weights: FloatArray | None = None
    clusters: NDArray[np.generic] | None = None

    @cached_property
    def size(self) -> int:
        """How many lists there are, L.

        >>> Rankings(np.array([1, 0, 1]), np.zeros(3), np.zeros(3)).size
        2
        """
        return int(self.lists.max(initial=-1)) + 1

    def order(self, by: FloatArray) -> NDArray[np.intp]:
        """The items, list by list, each by falling values (n,).

        >>> Rankings(np.array([1, 0, 1]), np.array([0.1, 0.2, 0.3]), np.zeros(3)).order(np.array([0.1, 0.2, 0.3])).tolist()
        [1, 2, 0]
        """
        return np.lexsort((-by, self.lists))

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """The places 0, 1, 2 ... within each list, laid out list by list.

        >>> Rankings(np.array([1, 0, 1]), np.zeros(3), np.zeros(3)).places.tolist()
        [0, 0, 1]
        """
        sizes = np.bincount(self.lists)
        return np.arange(self.lists.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)

    @cached_property
    def ties(self) -> NDArray[np.intp]:
        """Items of one list with one score, numbered in the order of `order(scores)`, laid out like it.

        >>> Rankings(np.array([0, 0, 0, 1]), np.array([0.5, 0.9, 0.5, 0.5]), np.zeros(4)).ties.tolist()
        [0, 1, 1, 2]
        """
        order = self.order(self.scores)
        new = (np.diff(self.lists[order]) != 0) | (np.diff(self.scores[order]) != 0)
        return np.concatenate([[0], np.cumsum(new)])[: order.size].astype(np.intp)


def rankings(joined: pa.Table, clusters: NDArray[np.generic]) -> Rankings | None:
    """The lists of a joined table (store.record_reads.labelled) of which an item has a label; None where there is none.

    Items of one list have the same value in the column `list`. In a list with a label an item without one is taken to be of no
    relevance, as one below 0 is. A list has the mean weight of its items, and the first of their clusters.

    Args:
        clusters: of the table's rows.

    >>> scores, labels = [0.9, 0.4, 0.5, 0.5], [None, 1.0, None, 1.0]
    >>> joined = {"list": ["q", "q", "r", None], "prediction_value": scores, "label_value": labels, "weight": [1.0] * 4}
    >>> found = rankings(pa.table(joined), np.arange(4))
    >>> found.lists.tolist(), found.relevance.tolist(), found.clusters.tolist()
    ([0, 0], [0.0, 1.0], [0])
    """
    if "list" not in joined.column_names:
        return None
    ranked = pc.and_(joined["list"].is_valid(), joined["prediction_value"].is_valid())
    told = pc.unique(joined["list"].filter(pc.and_(ranked, joined["label_value"].is_valid())))
    rows = np.flatnonzero(pc.and_(ranked, pc.is_in(joined["list"], told)).to_numpy())
    if not rows.size:
        return None
    items = joined.take(pa.array(rows))
    lists = pc.rank(items["list"].combine_chunks(), tiebreaker="dense").to_numpy().astype(np.intp) - 1
    relevance = np.maximum(items["label_value"].fill_null(0.0).to_numpy(), 0.0)
    found = Rankings(lists, items["prediction_value"].to_numpy(), relevance)
    weights = items["weight"].fill_null(1.0).to_numpy()
    mean = None if (weights == 1.0).all() else np.bincount(lists, weights) / np.bincount(lists)
    order = np.lexsort((clusters[rows], lists))
    first = np.unique(lists[order], return_index=True)[1]
    return replace(found, weights=mean, clusters=clusters[rows[order[first]]])
