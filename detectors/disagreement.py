"""How far two versions disagree on the same rows, window by window: what hints at a change before any label has come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors import mean_sums, wilson
from detectors.concept_drift import detect
from detectors.estimate import Estimate
from detectors.mean_sums import MeanSums
from kernel.windows import WindowSize

LEAST_ROWS = 30
"""Pairs of a window that detectors read."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What two versions said of the rows of a window that both predicted.

    Attributes:
        unit: `share` of rows with different classes, or mean `distance` of two numbers.
        called: whether three of five detectors had called a rise of the disagreement by then.
    """

    start_us: int
    unit: Literal["share", "distance"]
    estimate: Estimate
    called: bool


def disagreements(differences: pa.Table, size: WindowSize) -> list[Disagreement]:
    """Return the disagreement of each window that has pairs, by its start, with 95% intervals for independent rows.

    Where two classes differ one of them is wrong, so the errors of the two versions add up to the share at least. Where it rises
    and stays, rows have come on which the versions were never made to agree, or one of them changed: a hint, which only labels
    settle. Of rows of which some are classes and some numbers, the classes count.

    Args:
        differences: sums by minute, in order (store/version_pairs.py).

    Source: Milani Fard et al., "Launch and Iterate: Reducing Prediction Churn" (2016). Detectors: those of concept_drift.

    >>> sums = {"rows": [60, 40], "weight": [60.0, 40.0], "total": [6.0, 10.0], "squares": [60.0, 40.0]}
    >>> moments = {"minute_us": [0, 60_000_000], "of_classes": [True, True], "centre": [0.1, 0.25], "spread": [5.4, 7.5]}
    >>> (found,) = disagreements(pa.table(sums | moments), WindowSize("1d"))
    >>> found.unit, found.estimate.value, round(found.estimate.upper, 2)
    ('share', 0.16, 0.24)
    """
    if not differences.num_rows:
        return []
    of_classes = bool(pc.any(differences["of_classes"]).as_py())
    chosen = differences.filter(pc.equal(differences["of_classes"], of_classes))
    starts, firsts = np.unique(size.starts(chosen["minute_us"].to_numpy()), return_index=True)
    sums = [MeanSums(*of) for of in zip(*(chosen[name].to_pylist() for name in _SUMS), strict=True)]
    ends = np.append(firsts[1:], len(sums))
    merged = [mean_sums.merge_all(sums[first:end]) for first, end in zip(firsts, ends, strict=True)]
    estimates = [_of_classes(of) if of_classes else mean_sums.estimate(of) for of in merged]
    called = _called(estimates)
    unit: Literal["share", "distance"] = "share" if of_classes else "distance"
    return [
        Disagreement(start, unit, found, place in called)
        for place, (start, found) in enumerate(zip(starts.tolist(), estimates, strict=True))
    ]


_SUMS = ("rows", "weight", "total", "squares", "centre", "spread")


def _of_classes(sums: MeanSums) -> Estimate:
    return wilson.estimate(sums.total, sums.weight, sums.weight**2 / sums.squares, sums.rows)


def _called(estimates: Sequence[Estimate]) -> set[int]:
    """The places at which detectors agree, of those with pairs enough."""
    values = [math.nan if one.value is None or one.rows < LEAST_ROWS else one.value for one in estimates]
    told = np.flatnonzero(np.isfinite(values))
    return set(told[detect(np.array(values)[told]).agreed].tolist())
