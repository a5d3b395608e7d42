"""McNemar's test: whether two classifiers err on the same rows equally often."""

from dataclasses import dataclass

from scipy import special

from detectors import chi2


@dataclass(frozen=True)
class McNemar:
    """The test's statistic and two-sided p-value.

    Attributes:
        statistic: the smaller discordant count (exact), or the continuity-corrected chi-square statistic.
        p: two-sided p-value, at most 1.
        exact: whether the binomial law was used.
    """

    statistic: float
    p: float
    exact: bool


def mcnemar(only_first_right: int, only_second_right: int, exact: bool = True) -> McNemar:
    """Test the two discordant counts: rows that one classifier has right and the other wrong.

    Exact: the binomial law with probability 1/2, doubled; else (|b - c| - 1)^2 / (b + c) by chi-square with one degree
    of freedom. Both as statsmodels defines them. Without discordant rows p is 1. Raises ValueError for negative counts.
    Source: McNemar (1947), "Note on the sampling error of the difference between correlated proportions"; Edwards
    (1948) for the correction.

    >>> mcnemar(1, 9).p
    0.021484375
    """
    low, discordant = min(only_first_right, only_second_right), only_first_right + only_second_right
    if low < 0:
        raise ValueError("counts of discordant rows cannot be negative")
    if discordant == 0:
        return McNemar(0.0, 1.0, exact)
    if exact:
        return McNemar(float(low), min(1.0, 2 * float(special.bdtr(low, discordant, 0.5))), exact)
    statistic = (abs(only_first_right - only_second_right) - 1) ** 2 / discordant
    return McNemar(statistic, chi2.tail(statistic, 1), exact)
