"""Pearson's chi-square statistic of two rows of counts."""

from scipy import special

from detectors.pair import BinnedPair, FloatArray


def margins(pair: BinnedPair) -> tuple[FloatArray, FloatArray]:
    """Return the expected rows (B,) of window and reference when both share one distribution.

    >>> from detectors.pair import pair_of
    >>> [side.tolist() for side in margins(pair_of([10, 20], [60, 0]))]
    [[23.333333333333332, 6.666666666666666], [46.666666666666664, 13.333333333333332]]
    """
    window, reference = pair.rows
    total = window + reference
    size = pair.window_size + pair.reference_size
    return total * (pair.window_size / size), total * (pair.reference_size / size)


def value(pair: BinnedPair) -> float | None:
    """Return the statistic on the 2 x B effective counts; None where a side is empty.

    Source: Pearson (1900); for weighted rows with effective sizes, Rao and Scott (1981), first-order correction.

    >>> from detectors.pair import pair_of
    >>> value(pair_of([10, 20], [20, 10]))
    6.666666666666667
    """
    if not pair.comparable:
        return None
    (window, _), (expected, others) = pair.rows, margins(pair)
    return float((((window - expected) ** 2) * (1 / expected + 1 / others)).sum())


def expected(pair: BinnedPair) -> float | None:
    """Return what noise alone gives: the degrees of freedom, B - 1.

    >>> from detectors.pair import pair_of
    >>> expected(pair_of([10, 20], [20, 10]))
    1.0
    """
    return float(pair.bins - 1) if pair.comparable else None


def tail(statistic: float, freedom: int) -> float:
    """Return P(chi-square >= statistic); 1 without degrees of freedom.

    >>> round(tail(3.841459, 1), 6), tail(0.0, 0)
    (0.05, 1.0)
    """
    return float(special.gammaincc(freedom / 2, statistic / 2)) if freedom > 0 else 1.0
