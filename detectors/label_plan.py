"""Which predictions to have labelled next, so that few labels say most about how often the model is wrong."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.pair import FloatArray

EVEN = 0.1
"""Share of the labels that is spread evenly, for the case that the chances are off."""


@dataclass(frozen=True, eq=False)
class LabelPlan:
    """Some rows to have labelled.

    Attributes:
        rows: their places, ascending, shape (k,).
        weights: what each label is to be sent with: 1 / the chance that its row was chosen, shape (k,).
        width: half of the 95% interval of the share of wrong predictions that is to be expected with these labels.
        width_by_chance: that with as many labels of rows that are chosen evenly.
    """

    rows: NDArray[np.int64]
    weights: FloatArray
    width: float
    width_by_chance: float


def plan(wrong: FloatArray, count: int, seed: int = 0, sampled: float = 1.0) -> LabelPlan:
    """Choose rows to have labelled.

    The share of wrong predictions is estimated by the mean of the labelled rows by weight, whose error is smallest where a row is
    chosen with a chance in proportion to the root of the expected square of what it differs from the share. They are drawn
    systematically in the order of their chance to be wrong, so that every kind of row is there.

    Args:
        wrong: the chance that the prediction is wrong, shape (rows,).
        count: labels, from 1 to all rows.
        sampled: the chance with which each row is among these, where they are a sample of more; weights and widths are of all.

    Raises:
        ValueError: no rows, or a count that is not among 1 to all of them.

    Source: Neyman, "On the two different aspects of the representative method" (1934); Horvitz and Thompson (1952); the ratio
    estimator of Hajek, in Sarndal, Swensson and Wretman, "Model Assisted Survey Sampling" (1992), section 5.7.

    >>> found = plan(np.repeat([0.01, 0.5], [900, 100]), 50)
    >>> len(found.rows), bool(np.mean(found.rows >= 900) > 0.2), found.width < found.width_by_chance
    (50, True, True)
    """
    if not 1 <= count <= wrong.size:
        raise ValueError(f"from {wrong.size} rows, 1 to {wrong.size} can be chosen, not {count}")
    share = float(wrong.mean())
    squares = wrong * (1 - wrong) + (wrong - share) ** 2
    chances = _chances(np.sqrt(squares), count)
    order = np.argsort(wrong, kind="stable")
    rows = np.sort(order[_systematic(chances[order], seed)])
    by_chance = squares.mean() * (1 - sampled * count / wrong.size) / count
    planned = (
        float((squares * (1 - chances) / chances).sum()) / wrong.size**2 + squares.mean() * (1 - sampled) / wrong.size
    )
    width = float(special.ndtri(0.975))
    return LabelPlan(rows, 1 / (sampled * chances[rows]), width * math.sqrt(planned), width * math.sqrt(by_chance))


def _chances(sizes: FloatArray, count: int) -> FloatArray:
    """Chances in proportion to the sizes, mixed with even ones, none above 1, that sum to the count."""
    sure = np.zeros(sizes.size, np.bool_)
    total = float(sizes.sum())
    even = np.full(sizes.size, 1 / sizes.size)
    mixed = (1 - EVEN) * sizes / total + EVEN * even if total > 0 else even
    while True:
        left = count - int(sure.sum())
        chances: FloatArray = np.where(sure, 1.0, mixed * left / max(float(mixed[~sure].sum()), 1e-300))
        over = (chances >= 1) & ~sure
        if not over.any():
            return chances
        sure |= over


def _systematic(chances: FloatArray, seed: int) -> NDArray[np.int64]:
    """As many rows as the chances sum to: those in whose span of the running sum a whole number, plus a random start, lies."""
    ends = np.cumsum(chances)
    count = round(float(ends[-1]))
    marks = np.random.default_rng(seed).random() + np.arange(count)
    found: NDArray[np.int64] = np.minimum(np.searchsorted(ends, marks, side="right"), chances.size - 1)
    return np.unique(found)
