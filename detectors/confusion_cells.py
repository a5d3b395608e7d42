"""The confusion matrix of a window: a measurement a cell."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detectors import confusion
from detectors.metrics import CONFUSION
from detectors.outcomes import Outcomes
from kernel.measurement import Measurement, Status

MOST_CLASSES = 10
OTHER = "other"
_LONGEST = 120  # characters of a class's name: two of them and what is between them are part of a key
_AS = " as "


def measure_confusion(found: Outcomes) -> Iterator[Measurement]:
    """How many rows (the sum of their weights) of each class were predicted as each, in the column "LABEL as PREDICTION".

    The 10 commonest classes have cells of their own, the rest are "other". Told, with the interval of the cell's share of all
    rows times all. Nothing without classes. Source: Kohavi and Provost, "Glossary of terms" (1998); Wilson (1927).

    >>> names = np.array(["late", "late", "ok"]), np.array(["late", "ok", "ok"])
    >>> found = Outcomes(*names, {}, None, np.zeros(3, np.int64), predictions=3)
    >>> [(m.column, m.value) for m in measure_confusion(found)]
    [('late as late', 1.0), ('late as ok', 0.0), ('ok as late', 1.0), ('ok as ok', 1.0)]
    """
    if found.is_regression or not len(found.actual):
        return
    labels, predictions = _common(found)
    counts, cells = confusion.count_clusters(labels, predictions, found.clusters, found.weights)
    everything, total = np.ones_like(counts.weights, np.bool_), float(counts.weights.sum())
    for place in np.ndindex(counts.weights.shape):
        one = np.zeros_like(everything)
        one[place] = True
        share, value = confusion.share_interval(one, everything, counts, cells), float(counts.weights[place])
        lower = None if share.lower is None else min(value, share.lower * total)
        upper = None if share.upper is None else max(value, share.upper * total)
        label, prediction = (counts.classes[side] for side in place)
        yield Measurement(
            CONFUSION, f"{label}{_AS}{prediction}", value, Status.OK, lower=lower, upper=upper, rows=counts.rows,
            basis=share.said,
        )  # fmt: skip


def cell(column: str) -> tuple[str, str]:
    """The label and the prediction of a cell by its column.

    >>> cell("late as on_time")
    ('late', 'on_time')
    """
    label, _, prediction = column.partition(_AS)
    return label, prediction


def _common(found: Outcomes) -> Iterator[NDArray[np.generic]]:
    """Labels and predictions, with the rarer classes as one."""
    sides = found.actual, found.predicted
    names, rows = np.unique(np.concatenate(sides), return_counts=True)
    names, rows = (part[np.char.str_len(names) <= _LONGEST] for part in (names, rows))
    kept = names[np.argsort(-rows, kind="stable")[:MOST_CLASSES]]
    return (np.where(np.isin(side, kept), side, OTHER) for side in sides)
