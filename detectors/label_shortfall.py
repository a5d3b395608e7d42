"""Windows that are old enough to have all of their labels, by how far these have come, and have far fewer than is usual."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.label_arrival import Arrival
from kernel.clock import DAY_US
from kernel.windows import Span

FAR = 0.9
"""Under so much of what is usual a window has far fewer."""
_LOW = 0.1  # a window may have as small a share as a tenth of those before had
_DEVIATIONS = 3.0
_LEAST_WAIT_US = 7 * DAY_US


@dataclass(frozen=True, slots=True)
class WindowLabels:
    """How many predictions a window [start, end) has, and how many of them a label."""

    start_us: int
    end_us: int
    rows: int
    labels: int


def short(arrival: Arrival, of_windows: Sequence[WindowLabels]) -> dict[Span, int]:
    """Return the windows that are short of labels, and how far the labels must have come for each to be looked at again.

    Usual is the share of predictions with a label that nine in ten of the windows have which have waited: those twice as old as the
    oldest labels, and a week older at least. Short are younger ones with under 0.9 of it, and more than three standard deviations
    under it. One that has waited is final as it is: its labels were lost. Labels cannot have come far beyond the last prediction:
    what says so does not make windows older. The deviation is the binomial distribution's.

    >>> from detectors.label_delay import DelayCurve
    >>> arrival = Arrival({"": DelayCurve((0.0, 60.0), (0.0, 1.0))}, now_us=10 * DAY_US)
    >>> days = [WindowLabels(day * DAY_US, (day + 1) * DAY_US, 100, 40 if day == 6 else 95) for day in range(10)]
    >>> [(start_us // DAY_US, us // DAY_US) for (start_us, _), us in short(arrival, days).items()]
    [(6, 14)]
    """
    known = [one for one in of_windows if one.rows]
    if not known:
        return {}
    age_us = arrival.final_age_us
    wait_us = age_us + max(age_us, _LEAST_WAIT_US)
    sure_us = min(arrival.now_us, max(one.end_us for one in known) + age_us)
    waited = [min(1.0, one.labels / one.rows) for one in known if sure_us - one.end_us >= wait_us]
    if not waited:
        return {}
    usual = float(np.quantile(waited, _LOW, method="lower"))
    return {
        (one.start_us, one.end_us): arrival.now_us + one.end_us + wait_us - sure_us
        for one in known
        if sure_us - one.end_us < wait_us and _is_far_below(one, usual) and arrival.is_final((one.start_us, one.end_us))
    }


def _is_far_below(one: WindowLabels, usual: float) -> bool:
    expected = usual * one.rows
    return one.labels < min(FAR * expected, expected - _DEVIATIONS * math.sqrt(expected * (1 - usual)))
