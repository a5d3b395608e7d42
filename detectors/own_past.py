"""A series against its own past: real windows are not independent draws, so the past says what is ordinary."""

import math

import numpy as np
from scipy import special

from detectors.delta import DELTA
from detectors.pair import FloatArray

LEAST_WINDOWS = 30


def p_own_past(value: float, past: FloatArray) -> float | None:
    """Return the one-sided probability of a window's statistic as large as `value`, given its past (windows,).

    The log statistics are taken as normal with unknown mean and deviation, so the standardised next one is Student's
    with windows - 1 degrees of freedom. None with fewer than 30 past windows. A zero counts as half the past's smallest
    positive value; after a past that never moved any rise has probability 0.
    Source: prediction interval, Geisser, "Predictive Inference" (1993), section 2.2.

    >>> past = np.exp(np.linspace(-1, 1, 40))
    >>> round(p_own_past(1.0, past), 9), p_own_past(100.0, past) < 1e-6, p_own_past(1.0, past[:29])
    (0.5, True, None)
    """
    if past.size < LEAST_WINDOWS:
        return None
    if past.min() == past.max():
        return 0.0 if value > past[0] else 1.0
    least = past[past > 0].min() / 2
    logs = np.log(np.maximum(past, least))
    gap = math.log(max(value, least)) - float(logs.mean())
    z = gap / (float(logs.std(ddof=1)) * math.sqrt(1 + 1 / past.size))
    return float(special.stdtr(past.size - 1, -z))


def ordinary_delta(past_psi: FloatArray, share: float = 0.9, least: float = DELTA) -> float:
    """Return the delta of the interval null: 0.1, or the psi that this share of past windows (windows,) kept under.

    The past counts from 30 windows. Source: STATISTICS.md, "Effect".

    >>> ordinary_delta(np.full(30, 0.25)), ordinary_delta(np.full(29, 0.25))
    (0.25, 0.1)
    """
    if past_psi.size < LEAST_WINDOWS:
        return least
    return max(least, float(np.quantile(past_psi, share)))
