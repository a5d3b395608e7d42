"""Statistical parity difference: how much oftener a group is given the positive class than the rest."""

from detectors import newcombe
from detectors.clustered_shares import Sides
from detectors.estimate import Estimate, none_of
from detectors.shares import Tally


def estimate(group: Tally, rest: Tally, level: float = 0.95, by_cluster: Sides | None = None) -> Estimate:
    """Return P(positive | group) - P(positive | rest), -1 to 1, with Newcombe's interval, or that of the clusters where there are
    30; no value where a side has no rows.

    Source: Calders and Verwer, "Three naive Bayes approaches for discrimination-free classification" (2010).

    Args:
        group, rest: rows that were predicted as the positive class, among those of the group and among all others.
        by_cluster: the same rows by what they go together by; None where that is not known.

    >>> found = estimate(Tally(30, 100), Tally(50, 100))
    >>> round(found.value, 3), round(found.lower, 3), round(found.upper, 3)
    (-0.2, -0.326, -0.064)
    """
    if not (group.rows > 0 and rest.rows > 0):
        return none_of()
    ends = newcombe.interval(group.share, group.rows, rest.share, rest.rows, level)
    independent = Estimate(group.share - rest.share, *ends, round(group.rows))
    return independent if by_cluster is None else by_cluster.difference(independent, level)
