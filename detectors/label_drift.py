"""Label drift: what happened in a window against what happened in the reference; classes by name, numbers by its deciles."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import js_distance
from detectors.binning import decile_bins
from detectors.delta import DELTA
from detectors.interval_null import measure_drift
from detectors.outcomes import Outcomes
from detectors.pair import BinnedPair, FloatArray, effective_size
from kernel.column_spec import LABEL
from kernel.measurement import Measurement, Status

MOST_CLASSES = 1_000
Tally = Mapping[str, Any]
"""As JSON: {"size": effective rows, "classes": {name: weight}, "rest": weight of the rarest}, or of numbers {"size", "edges": where
all bins but the last end, "counts"}."""


def tally(found: Outcomes) -> Tally:
    """Count the labels of a reference; {} without any.

    Numbers are counted by their own deciles, in which a heavy value has a bin of its own (detectors/binning.py).

    >>> two = Outcomes(np.array(["a", "a"]), np.array(["a", "b"]), {}, None, np.zeros(2, np.int64), 2)
    >>> tally(two)
    {'size': 2.0, 'classes': {'a': 1.0, 'b': 1.0}}
    """
    if not len(found.actual):
        return {}
    names, weights = _distinct(found)
    if not found.is_regression:
        order = np.argsort(-weights, kind="stable")
        classes = {str(names[i]): float(weights[i]) for i in order[:MOST_CLASSES]}
        rest = float(weights[order[MOST_CLASSES:]].sum())
        return {"size": _size(found), "classes": classes} | ({"rest": rest} if rest else {})
    bins = decile_bins(weights)
    last = np.flatnonzero(np.append(np.diff(bins) != 0, True))
    counts = np.add.reduceat(weights, np.append(0, last[:-1] + 1))
    return {"size": _size(found), "edges": names[last[:-1]].astype(float).tolist(), "counts": counts.tolist()}


def measure_label_drift(found: Outcomes, before: Tally, alpha: float, delta: float = DELTA) -> Iterator[Measurement]:
    """psi and js_distance of the column "label", with their noise; nothing where either side has no labels, or others than it.

    They are told: labels come whenever they come, so that there is no look at which a level could be kept.

    Sources: those of psi, js_distance and the interval null.

    Args:
        before: the reference's labels, by `tally`.
        alpha: the level of psi's lower bound.

    >>> names = np.array(["a"] * 30 + ["b"] * 70)
    >>> now = Outcomes(names, names, {}, None, np.zeros(100, np.int64), 100)
    >>> [round(m.value, 3) for m in measure_label_drift(now, {"size": 1000, "classes": {"a": 500.0, "b": 500.0}}, 1e-4)]
    [0.169, 0.174]
    """
    pair = _pair(found, before)
    if pair is None:
        return
    drift = measure_drift(pair, alpha, delta)
    if drift.p_delta is None:
        return
    for metric, value, expected, lower in (
        ("psi", drift.value, drift.expected, drift.lower),
        ("js_distance", js_distance.value(pair), js_distance.expected(pair), None),
    ):
        excess = None if value is None or expected is None else value - expected
        yield Measurement(
            metric, LABEL, value, Status.OK, expected, excess, drift.p_delta, drift.p_change, lower,
            rows=pair.window_size, reference_rows=pair.reference_size, basis=f"iid-null, {drift.basis}; told",
        )  # fmt: skip


def _pair(found: Outcomes, before: Tally) -> BinnedPair | None:
    if not before or not len(found.actual) or found.is_regression != ("edges" in before):
        return None
    names, weights = _distinct(found)
    if found.is_regression:
        held = np.asarray(before["counts"], np.float64)
        counts = np.bincount(np.searchsorted(before["edges"], names.astype(float)), weights, len(held))
        return BinnedPair(counts.astype(np.float64), held, _size(found), before["size"])
    known, rest = before["classes"], before.get("rest", 0.0)
    now = dict(zip(names.tolist(), weights.tolist(), strict=True))
    every = [*known, *([] if rest else sorted(now.keys() - known.keys()))]
    strange = sum(weight for name, weight in now.items() if name not in known) if rest else 0.0
    window = np.array([*(now.get(name, 0.0) for name in every), strange])
    reference = np.array([*(known.get(name, 0.0) for name in every), rest])
    return BinnedPair(window, reference, _size(found), before["size"])


def _distinct(found: Outcomes) -> tuple[NDArray[np.generic], FloatArray]:
    """The distinct labels in order, and the weight of each."""
    names, place = np.unique(found.actual, return_inverse=True)
    return names, np.bincount(place, found.weights).astype(np.float64)


def _size(found: Outcomes) -> float:
    weights = np.ones(len(found.actual)) if found.weights is None else found.weights
    return effective_size(float(weights.sum()), float(weights @ weights))
