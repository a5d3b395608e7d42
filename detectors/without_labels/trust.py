"""Whether an estimator is to be believed: how far it was off where labels came, and how often too far.

An interval of sampling errors supposes that scores mean what they meant in the reference, and that rows are independent. Real
windows differ in themselves, so what estimates were off by from window to window of the reference is allowed for as well.
"""

import math

import numpy as np
from scipy import special

from detectors.pair import FloatArray
from detectors.without_labels.sampling_error import WIDTH

LAST = 20
"""Windows with labels that say whether an estimate is believed."""
OUTSIDE = 2 * float(special.ndtr(-WIDTH))
"""The share of windows that chance puts outside: 0.27%."""
LEVEL = 0.002
"""That so many were outside by chance is to be unlikelier than this: 2 of the last 20 are enough, and 1 never is."""


def spread(gaps: FloatArray, rows: FloatArray, error: float) -> float:
    """Return the standard deviation of what estimates are off by from window to window, beyond sampling; 0 of under two windows.

    Source: DerSimonian and Laird, "Meta-analysis in clinical trials" (1986), by the method of moments.

    Args:
        gaps: estimated less realised in windows of the reference, shape (windows,), in the metric's unit.
        rows: of each window.
        error: the standard error that one row would have.

    >>> spread(np.array([-0.1, 0.1]), np.array([100.0, 100.0]), 0.1).__round__(6)
    0.141067
    """
    if gaps.size < 2:
        return 0.0
    return math.sqrt(max(0.0, float(gaps.var(ddof=1)) - float((error**2 / rows).mean())))


def miss(gap: float, error: float, labels: float, reference_rows: float, off: float = 0.0) -> float | None:
    """Return how far an estimate was off, where 1 is the end of its interval; None where nothing may be off at all.

    The interval is three standard errors of estimated less realised: of the labels, of the rows that it was fitted on, and of what
    it was off by from window to window of the reference.

    Source: NannyML 0.13, SAMPLING_ERROR_RANGE, for the three; the variance of a difference for the rest.

    Args:
        gap: estimated less realised.
        error: the standard error that one row would have.
        off: by `spread`.

    >>> miss(-0.06, error=0.4, labels=800.0, reference_rows=800.0).__round__(6)
    1.0
    """
    width = WIDTH * math.sqrt(error**2 * (1 / labels + 1 / reference_rows) + off**2)
    return abs(gap) / width if width > 0 else None


def doubt(misses: FloatArray) -> str:
    """Return why an estimate is not believed, "" where it is: too many of the last 20 windows with labels were outside.

    Source: the binomial law of windows outside an interval that holds 99.73% of them.

    Args:
        misses: by `miss`, of the windows before it in order, shape (windows,).

    >>> doubt(np.array([0.3, 1.2, 0.8])), doubt(np.array([0.3, 1.2, 0.8, 2.0]))
    ('', 'outside its interval in 2 of the last 4 windows with labels')
    """
    last = misses[-LAST:]
    outside = int(np.count_nonzero(last > 1))
    if not outside or float(special.bdtrc(outside - 1, last.size, OUTSIDE)) >= LEVEL:
        return ""
    return f"outside its interval in {outside} of the last {last.size} windows with labels"
