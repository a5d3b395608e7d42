"""Which limit a series is held against, and on which side of it is bad."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from detectors.performance import LOWER_IS_BETTER, NEITHER_IS_BETTER

Interval = tuple[float | None, float | None]
LIMITED = ("psi", "js_distance", "traffic", "latency_p99")
"""Metrics with a limit of their own; those of performance have the reference's."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in the metric's unit.

    Attributes:
        above: whether it is crossed upward.
        basis: where it comes from, for people.
        own_hour: whether it is that of the newest window's hour of the week, and not of the whole week.
    """

    value: float
    above: bool
    basis: str
    own_hour: bool = False


def limit_of(
    metric: str, delta: float, own_delta: float | None, usual: Interval, reference: Mapping[str, Interval]
) -> Limit | None:
    """The limit of a metric; None where it has none, or what it comes from is not there.

    Of psi it is delta, of js_distance the distance that a small shift of that psi has: psi is then 8 ln 2 times its square, since
    both come to the same chi-square. Source: Lin, "Divergence measures based on the Shannon entropy" (1991).

    Args:
        delta: as it is set; own_delta: as it was decided by the series' own past.
        usual: the newest of what is usual: lower, upper.
        reference: the 95% interval of each performance metric of the reference.

    >>> limit_of("psi", 0.1, 0.25, (None, None), {})
    Limit(value=0.25, above=True, basis='delta by the own past', own_hour=False)
    >>> limit_of("accuracy", 0.1, None, (None, None), {"accuracy": (0.83, 0.85)})
    Limit(value=0.83, above=False, basis='the interval of the reference', own_hour=False)
    """
    if metric in ("psi", "js_distance"):
        psi, basis = (delta, "detectors.delta") if own_delta is None else (own_delta, "delta by the own past")
        return Limit(psi if metric == "psi" else math.sqrt(psi / (8 * math.log(2))), above=True, basis=basis)
    if metric in ("traffic", "latency_p99"):
        high = metric == "latency_p99"
        return _given(usual[high], "what is usual", above=high, own_hour=True)
    if metric in NEITHER_IS_BETTER:
        return None
    high = metric in LOWER_IS_BETTER
    return _given(reference.get(metric, (None, None))[high], "the interval of the reference", above=high)


def asked(limit: float, newest: float) -> Limit:
    """A limit that somebody asks for; it is crossed from where the newest value is.

    >>> asked(0.5, 0.7)
    Limit(value=0.5, above=False, basis='asked for', own_hour=False)
    """
    return Limit(limit, above=limit > newest, basis="asked for")


def _given(value: float | None, basis: str, *, above: bool, own_hour: bool = False) -> Limit | None:
    return None if value is None or not math.isfinite(value) else Limit(value, above, basis, own_hour)
