"""How complete the labels of a window are, and what it would say with all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors import label_delay
from detectors.label_delay import Cohort, Counts, DelayCurve
from detectors.outcomes import Outcomes
from detectors.pair import FloatArray
from kernel.clock import SECOND_US
from kernel.measurement import Measurement, Status
from kernel.windows import Span

ALL = ""
"""The name, among classes, of the labels of all."""
FINAL = 0.99
"""The share of the labels that are to come from which a window is final."""
LEAST_CHANCE = 0.2
"""Under it too little is known: one label would stand for more than five."""
TOO_FEW = "far fewer labels came than windows before it have: more are to come, or they are lost"
TOO_EARLY = f"the chance of a label to be here is under {LEAST_CHANCE:g}"
MOST_CLASSES = 20
_MEDIAN, _LATE = 0.5, 0.99
_MOMENTS = 101
_HALVINGS = 12
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Arrival:
    """How late the labels of a model, or of a segment of it, are.

    Attributes:
        curves: by class, whose labels may be later than those of another, and of all labels (ALL).
        now_us: how far the labels have come, in event time (store/label_delays.py): what was predicted at ts has the age now - ts.
        short: windows that have far fewer labels than their age promises, and how far labels must have come for each to be looked
            at again (detectors/label_shortfall.py).
    """

    curves: Mapping[str, DelayCurve]
    now_us: int
    short: Mapping[Span, int] = field(default_factory=dict)

    def chances(self, ts_us: NDArray[np.int64], classes: NDArray[np.generic] | None) -> FloatArray:
        """Return the chance that a label is there which comes at all, by when the prediction was made, shape (rows,).

        Args:
            classes: the label of each row, where it is a class; None for the curve of all.

        >>> soon, late = DelayCurve((0.0, 10.0), (0.0, 1.0)), DelayCurve((0.0, 40.0), (0.0, 1.0))
        >>> arrival = Arrival({"": soon, "fraud": late}, now_us=10 * SECOND_US)
        >>> arrival.chances(np.array([0, 0]), np.array(["fraud", "fine"])).tolist()
        [0.25, 1.0]
        """
        ages_us = self.now_us - ts_us
        found = self.curves[ALL].at(ages_us)
        for name in self.curves.keys() - {ALL} if classes is not None else ():
            mine = np.flatnonzero(classes == name)
            found[mine] = self.curves[name].at(ages_us[mine])
        return found

    @property
    def final_age_us(self) -> int:
        """The age from which a prediction's label is there if it comes at all, whichever it is.

        >>> Arrival({"": DelayCurve((0.0, 10.0), (0.0, 1.0))}, now_us=0).final_age_us // SECOND_US
        10
        """
        return max(curve.age_us(FINAL) for curve in self.curves.values())

    def is_final(self, window: Span) -> bool:
        """Whether a window [start, end) has 99% of the labels that are to come, of the class that takes longest, and is not short.

        >>> arrival = Arrival({"": DelayCurve((0.0, 10.0), (0.0, 1.0))}, now_us=60 * SECOND_US)
        >>> arrival.is_final((0, 50 * SECOND_US)), arrival.is_final((50 * SECOND_US, 60 * SECOND_US))
        (True, False)
        """
        return self._share(window, self.now_us) >= FINAL - _ROUNDING and not self.is_short(window)

    def is_short(self, window: Span) -> bool:
        """Whether a window, or a part of it, has far fewer labels than its age promises.

        >>> Arrival({}, 0, {(0, 10): 40}).is_short((0, 70)), Arrival({}, 0, {(0, 10): 40}).is_short((10, 20))
        (True, False)
        """
        return self._looked_at_us(window) is not None

    def _looked_at_us(self, window: Span) -> int | None:
        within = (us for (start_us, end_us), us in self.short.items() if window[0] <= start_us and end_us <= window[1])
        return max(within, default=None)

    def final_us(self, window: Span) -> int:
        """Return how far the labels must have come for a window to be final, which it is not yet; at most a little too far.

        >>> arrival = Arrival({"": DelayCurve((0.0, 10.0), (0.0, 1.0))}, now_us=0)
        >>> round(arrival.final_us((0, 10 * SECOND_US)) / SECOND_US, 1)
        18.6
        """
        early, late = self.now_us, window[1] + self.final_age_us
        for _ in range(_HALVINGS):
            middle = (early + late) // 2
            early, late = (early, middle) if self._share(window, middle) >= FINAL - _ROUNDING else (middle, late)
        again_us = self._looked_at_us(window)
        return late if again_us is None else max(late, again_us)

    def _share(self, window: Span, now_us: int) -> float:
        """The share of labels there at a moment, of predictions at any time of the window, of the class that takes longest."""
        ages_us = now_us - np.linspace(*window, _MOMENTS).astype(np.int64)
        return min(float(curve.at(ages_us).mean()) for curve in self.curves.values())

    def least_chance(self, ts_us: int) -> float:
        """Return the chance of the label of a prediction of that moment to be there, if it is the one that takes longest.

        >>> Arrival({"": DelayCurve((0.0, 10.0), (0.0, 1.0))}, now_us=5 * SECOND_US).least_chance(0)
        0.5
        """
        age = np.array([self.now_us - ts_us])
        return min(float(curve.at(age)[0]) for curve in self.curves.values())


def tally(delays_us: NDArray[np.int64], classes: NDArray[np.generic] | None) -> dict[str, Counts]:
    """Count the delays of labels, by class and of all (ALL); classes past the 20th by number count among all alone.

    >>> found = tally(np.zeros(3, np.int64), np.array(["a", "a", "b"]))
    >>> {name: int(counts.sum()) for name, counts in found.items()}
    {'': 3, 'a': 2, 'b': 1}
    """
    if not len(delays_us):
        return {}
    counts = {ALL: label_delay.count(delays_us)}
    if classes is None:
        return counts
    names, place, rows = np.unique(classes, return_inverse=True, return_counts=True)
    rows = np.where(names == ALL, 0, rows)  # a label that is no class
    for code in [code for code in np.argsort(-rows, kind="stable")[:MOST_CLASSES].tolist() if rows[code]]:
        counts[str(names[code])] = label_delay.count(delays_us[place == code])
    return counts


def learn(cohorts: Sequence[tuple[int, Mapping[str, Counts]]], now_us: int) -> Arrival | None:
    """Return what windows show of the delay of labels; None where they do not.

    Args:
        cohorts: where each window ends, and its labels' delays by class (tally).
        now_us: how far the labels have come.

    >>> soon = tally(np.full(200, SECOND_US), None)
    >>> learn([(0, soon)], now_us=100 * SECOND_US).final_age_us // SECOND_US
    1
    >>> learn([(0, soon)], now_us=SECOND_US)  # younger than its own delays
    """
    names = {name for _, counts in cohorts for name in counts}
    curves = {}
    for name in sorted(names):
        of_it = [Cohort(now_us - end_us, counts[name]) for end_us, counts in cohorts if name in counts]
        if (curve := label_delay.fit(of_it)) is not None:
            curves[name] = curve
    return Arrival(curves, now_us) if ALL in curves else None


def completeness(chances: FloatArray) -> float | None:
    """Return the share of the labels to come that is there, each of those there standing for 1 / chance; None without labels.

    Source: Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe" (1952).

    >>> completeness(np.array([0.5, 0.5, 1.0]))
    0.6
    """
    if not len(chances) or chances.min() <= 0:
        return None
    return len(chances) / float((1 / chances).sum())


def measure_arrival(arrival: Arrival, window: Span, found: Outcomes) -> Iterator[Measurement]:
    """label_completeness of a window, and how late its model's labels are: label_delay_p50 and label_delay_p99, in seconds.

    Without a label, completeness is what the curve of all expects of predictions at any moment of it. Source: `completeness`.

    Args:
        window: [start, end).
        found: with moments_us.

    >>> arrival = Arrival({"": DelayCurve((0.0, 10.0), (0.0, 1.0))}, now_us=5 * SECOND_US)
    >>> when, labels = np.zeros(2, np.int64), np.array(["a", "b"])
    >>> found = Outcomes(labels, labels, {}, None, when, predictions=4, moments_us=when)
    >>> [(m.metric, m.value) for m in measure_arrival(arrival, (0, SECOND_US), found)]
    [('label_completeness', 0.5), ('label_delay_p50', 10.0), ('label_delay_p99', 10.0)]
    """
    complete = completeness(arrival.chances(found.moments_us, found.classes))
    if complete is None:
        moments = np.linspace(window[0], window[1], _MOMENTS).astype(np.int64)
        complete = float(arrival.chances(moments, None).mean())
    said = TOO_FEW if arrival.is_short(window) else ""
    yield Measurement("label_completeness", "", complete, Status.OK, rows=len(found.actual), basis=said)
    for share in (_MEDIAN, _LATE):
        delay_s = arrival.curves[ALL].age_us(share) / SECOND_US
        yield Measurement(f"label_delay_p{share * 100:.0f}", "", delay_s, Status.OK, rows=len(found.actual))
