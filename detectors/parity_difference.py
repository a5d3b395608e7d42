"""Statistical parity difference: how much oftener a group is given the positive class than the rest."""

from detectors import newcombe
from detectors.estimate import Estimate, none_of
from detectors.shares import Tally


def estimate(group: Tally, rest: Tally, level: float = 0.95) -> Estimate:
    """Return P(positive | group) - P(positive | rest), -1 to 1, with Newcombe's interval; no value where a side has no rows.

    Source: Calders and Verwer, "Three naive Bayes approaches for discrimination-free classification" (2010).

    Args:
        group, rest: rows that were predicted as the positive class, among those of the group and among all others.

    >>> found = estimate(Tally(30, 100), Tally(50, 100))
    >>> round(found.value, 3), round(found.lower, 3), round(found.upper, 3)
    (-0.2, -0.326, -0.064)
    """
    if not (group.rows > 0 and rest.rows > 0):
        return none_of()
    ends = newcombe.interval(group.share, group.rows, rest.share, rest.rows, level)
    return Estimate(group.share - rest.share, *ends, round(group.rows))
