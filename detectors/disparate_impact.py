"""Disparate impact ratio: how many times as often a group is given the positive class as the rest."""

import math

from scipy import special

from detectors.clustered_shares import Sides
from detectors.estimate import Estimate, none_of
from detectors.shares import Tally

_WIDEST = 50.0
"""In the logarithm; with so little behind it a ratio has no interval."""
_HALF = 0.5  # a row, which stands in the interval where a side has none


def estimate(group: Tally, rest: Tally, level: float = 0.95, by_cluster: Sides | None = None) -> Estimate:
    """Return P(positive | group) / P(positive | rest), 0 or more, with its interval; no value where the rest has no positive.

    The interval is normal in the logarithm; where the group has no positive, of counts with half a row more. It is that of the
    clusters where there are 30.
    Source: Feldman and others, "Certifying and removing disparate impact" (2015); of the interval Katz and others (1978), of the
    half Pettigrew, Gart and Thomas (1986).

    Args:
        group, rest: rows that were predicted as the positive class, among those of the group and among all others.
        by_cluster: the same rows by what they go together by; None where that is not known.

    >>> found = estimate(Tally(30, 100), Tally(50, 100))
    >>> round(found.value, 3), round(found.lower, 3), round(found.upper, 3)
    (0.6, 0.42, 0.858)
    """
    if not (group.rows > 0 and rest.events > 0):
        return none_of()
    more = 0.0 if group.events > 0 else _HALF
    chosen, of, others, of_others = (n + more for n in (group.events, group.rows, rest.events, rest.rows))
    error = math.sqrt(max(0.0, 1 / chosen - 1 / of) + max(0.0, 1 / others - 1 / of_others))
    width = float(special.ndtri(0.5 + level / 2)) * error
    value, middle = group.share / rest.share, (chosen / of) / (others / of_others)
    if not math.isfinite(value):
        return none_of(round(group.rows))
    if width > _WIDEST:
        return Estimate(value, None, None, round(group.rows))
    factor = math.exp(width)
    independent = Estimate(value, min(value, middle / factor), middle * factor, round(group.rows))
    return independent if by_cluster is None else by_cluster.ratio(independent, level)
