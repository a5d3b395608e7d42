"""Stratified splits of rows, drawn as scikit-learn draws them: whether scores need a calibration can hang on the draw."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.intp]


def shuffled(
    positives: npt.NDArray[np.bool_], held_out: float, splits: int, seed: int
) -> Iterator[tuple[Places, Places]]:
    """Yield the places of the rows that are kept and of those that are held out, each class in its share of the rows (rows,).

    The same rows as StratifiedShuffleSplit(splits, test_size=held_out, random_state=seed), which NannyML draws from seed 42.
    Source: scikit-learn 1.9, sklearn/model_selection/_split.py.

    >>> [(kept, held)] = shuffled(np.arange(20) < 10, held_out=0.1, splits=1, seed=42)
    >>> sorted(held.tolist()), kept.size
    ([2, 16], 18)
    """
    rng = np.random.RandomState(seed)
    of_class = np.flatnonzero(~positives), np.flatnonzero(positives)
    counts = np.array([rows.size for rows in of_class])
    held_rows = math.ceil(held_out * positives.size)
    for _ in range(splits):
        kept_of = _in_shares(counts, positives.size - held_rows, rng)
        held_of = _in_shares(counts - kept_of, held_rows, rng)
        drawn = [rows[rng.permutation(rows.size)] for rows in of_class]
        kept = [rows[:end] for rows, end in zip(drawn, kept_of, strict=True)]
        held = [rows[start : start + n] for rows, start, n in zip(drawn, kept_of, held_of, strict=True)]
        yield rng.permutation(np.concatenate(kept)), rng.permutation(np.concatenate(held))


def _in_shares(counts: Places, draws: int, rng: np.random.RandomState) -> Places:
    """How many of each of two classes are drawn; what is left over goes to the larger remainder, by lot where they are equal."""
    exact = counts / counts.sum() * draws
    whole = np.floor(exact)
    if draws > whole.sum():
        left = exact - whole
        whole[rng.choice(np.flatnonzero(left == left.max()), 1, replace=False)] += 1
    found: Places = whole.astype(np.intp)
    return found
