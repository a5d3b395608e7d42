"""What performance would be with the labels that are still to come, from those that are there and how late labels are."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from detectors.label_arrival import LEAST_CHANCE, TOO_EARLY, Arrival
from detectors.metrics import CORRECTED_PREFIX
from detectors.outcomes import Outcomes, Task
from detectors.performance import LABEL_COVERAGE, Reference, compare
from kernel.measurement import Measurement, Status


def measure_corrected(
    raw: Sequence[Measurement], found: Outcomes, reference: Reference, task: Task, arrival: Arrival, end_us: int
) -> Iterator[Measurement]:
    """corrected_METRIC of each metric: what it would be with the labels that are still to come, as far as can be told.

    Each label stands for 1 / the chance that it is there by now. Where that is under 0.2 at the window's end, nothing is said; nor
    is it of rankings, in which an item without a label stands for one of no relevance. Intervals hold for the chances as they
    are known. Source: Horvitz and Thompson (1952), as label_arrival.

    Args:
        raw: what the labels say that are there (measure_performance).
        found: with moments_us.
        end_us: of the window.

    >>> import numpy as np
    >>> from detectors.label_delay import DelayCurve
    >>> soon, late = DelayCurve((0.0, 10.0), (0.0, 1.0)), DelayCurve((0.0, 20.0), (0.0, 1.0))
    >>> arrival = Arrival({"": soon, "late": late}, now_us=10_000_000)
    >>> labels, when = np.array(["late", "ok", "ok"]), np.zeros(3, np.int64)
    >>> found = Outcomes(np.array(["ok", "ok", "ok"]), labels, {}, None, when, 4, moments_us=when)
    >>> [(m.metric, m.value) for m in measure_corrected([], found, {}, Task(), arrival, 0)][0]
    ('corrected_accuracy', 0.5)
    """
    if task.kind == "ranking":
        return
    known = arrival.least_chance(end_us) >= LEAST_CHANCE
    chances = arrival.chances(found.moments_us, found.classes)
    if not known or not len(chances):
        for one in raw:
            name = f"{CORRECTED_PREFIX}{one.metric}"
            if one.metric != LABEL_COVERAGE:
                yield Measurement(name, "", None, Status.INSUFFICIENT, rows=len(chances), basis=TOO_EARLY)
        return
    weights = 1 / chances if found.weights is None else found.weights / chances
    for measured in compare(replace(found, weights=weights), reference, task):
        yield replace(measured, metric=f"{CORRECTED_PREFIX}{measured.metric}")
