"""Columns of categories as columns of numbers."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from detectors.pair import FloatArray

MOST = 20
Categories = Sequence[str | None]


def one_hot(window: Categories, reference: Categories, most: int = MOST) -> tuple[FloatArray, FloatArray]:
    """Return a column of zeros and ones for each of the most frequent categories of both sides together, missing among them.

    Shapes (n, columns) and (m, columns); what is past the most frequent is zero in all columns. Which side a row is of
    plays no part in the choice, so that a test which permutes rows stays valid.

    >>> [side.tolist() for side in one_hot(["JFK", None], ["JFK", "LGA"], most=1)]
    [[[1.0], [0.0]], [[1.0], [0.0]]]
    """
    held = Counter(window) + Counter(reference)
    chosen = sorted(held, key=lambda category: (-held[category], category or ""))[:most]
    return _columns(window, chosen), _columns(reference, chosen)


def shares(values: Categories, reference: Categories) -> FloatArray:
    """Return each value's share among the reference's, shape (n,): 0 for one that it lacks, and a missing one is its most frequent.

    So NannyML codes categories for its reconstruction error (count encoding, normalised).

    >>> shares(["JFK", "EWR", None], ["JFK", "JFK", "LGA", None]).tolist()
    [0.75, 0.0, 0.75]
    """
    held = Counter(value for value in reference if value is not None)
    if not held:
        return np.zeros(len(values))
    usual = min(held, key=lambda category: (-held[category], category))
    held[usual] += len(reference) - held.total()
    return np.array([held.get(usual if value is None else value, 0) for value in values]) / len(reference)


def _columns(values: Categories, chosen: Sequence[str | None]) -> FloatArray:
    place = {category: at for at, category in enumerate(chosen)}
    places = np.array([place.get(value, len(chosen)) for value in values], np.intp)
    return np.eye(len(chosen) + 1)[places, :-1]
