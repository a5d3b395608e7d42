"""Fisher's exact test of two shares."""

import math

import numpy as np


def two_sided(window_events: int, window_rows: int, reference_events: int, reference_rows: int) -> float:
    """Return the probability, given all events, of a split between the two sides no likelier than this one.

    The law of the window's events is hypergeometric. Only the splits within 40 standard deviations and 100 events of
    the likeliest one are counted: what lies beyond is below 1e-100. Source: Fisher, "Statistical Methods for Research
    Workers" (1934), section 21.02.

    >>> round(two_sided(8, 10, 1, 6), 6)
    0.034965
    >>> two_sided(0, 100, 0, 1000)
    1.0
    """
    events, rows = window_events + reference_events, window_rows + reference_rows
    if not rows or events in (0, rows):
        return 1.0
    first, last = max(0, events - reference_rows), min(window_rows, events)
    mode = min(max((events + 1) * (window_rows + 1) // (rows + 2), first), last)
    variance = events / rows * (1 - events / rows) * window_rows * reference_rows / max(rows - 1, 1)
    reach = math.ceil(40 * math.sqrt(variance)) + 100
    low, high = max(first, mode - reach), min(last, mode + reach)
    if not low <= window_events <= high:
        return 0.0
    x = np.arange(low, high, dtype=np.float64)
    ratios = np.log(events - x) + np.log(window_rows - x) - np.log(x + 1) - np.log(reference_rows - events + x + 1)
    logs = np.concatenate([[0.0], np.cumsum(ratios)])
    masses = np.exp(logs - logs.max())
    return min(1.0, float(masses[masses <= masses[window_events - low] * (1 + 1e-7)].sum() / masses.sum()))
