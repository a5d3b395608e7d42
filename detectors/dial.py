"""The one dial: how many false alarms a quarter a model may raise."""

import math

LONGEST_QUARTER_DAYS = 92
_OF_A_COLUMN = (
    4  # psi with its distances, missing_share, misfit_share, and unseen_share, oov_share or out_of_range_share
)
_OF_A_SERIES = 5  # error_rate, low_confidence_share, new_columns, constant_columns and duplicate_share
_OF_A_VERSION = 1  # latency_p99
_OF_A_MODEL = 1  # traffic


def alpha(false_alarms: float, windows_per_quarter: int, series: int, looks: int = 2) -> float:
    """Return the level of each planned test, so that the levels of a quarter sum to at most `false_alarms`.

    A test is one series (column x segment x statistic) in one window (roll-ups counted) at one look (at close and when
    final). The sum bounds the expected count of false alarms under any dependence. A model with one test a quarter and
    a dial of 1 or more gets a level below 1. Raises ValueError for a count below 1 or a dial that is not above 0.
    Source: Bonferroni's inequality; for the expected count, Gordon et al. (2007), "Control of the mean number of false
    discoveries".

    >>> alpha(false_alarms=1, windows_per_quarter=92, series=25) == 1 / (92 * 25 * 2)
    True
    """
    if not false_alarms > 0 or min(windows_per_quarter, series, looks) < 1:
        raise ValueError("the dial must be above 0, and windows, series and looks at least 1")
    return min(false_alarms / (windows_per_quarter * series * looks), 0.5)


def windows_per_quarter(*window_days: float) -> int:
    """Return how many windows of these lengths, the model's own and its roll-ups, may end in one quarter, at most.

    >>> windows_per_quarter(1, 7)
    106
    """
    return sum(math.ceil(LONGEST_QUARTER_DAYS / days) for days in window_days)


def planned_tests(columns: int, series: int = 1, versions: int = 1, together: int = 0) -> int:
    """Return how many tests each window plans, of so many columns in so many series (versions and segments).

    Args:
        together: tests of many columns at once that each version has: domain_auc of the features, and of every vector.

    >>> planned_tests(columns=12)
    55
    """
    return series * (_OF_A_COLUMN * columns + _OF_A_SERIES) + versions * (_OF_A_VERSION + together) + _OF_A_MODEL
