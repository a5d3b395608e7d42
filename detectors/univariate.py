"""The distances on a pair of bins, by their metric's name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from detectors import chi2, hellinger, js_distance, ks, linf, psi, tvd
from detectors.pair import BinnedPair

Measure = Callable[[BinnedPair], float | None]


@dataclass(frozen=True)
class Distance:
    """A distance and what noise alone gives of it; both None where a side of the pair is empty."""

    value: Measure
    expected: Measure


DISTANCES: Mapping[str, Distance] = MappingProxyType(
    {
        "psi": Distance(psi.value, psi.expected),
        "js_distance": Distance(js_distance.value, js_distance.expected),
        "hellinger": Distance(hellinger.value, hellinger.expected),
        "tvd": Distance(tvd.value, tvd.expected),
        "linf": Distance(linf.value, linf.expected),
        "chi2": Distance(chi2.value, chi2.expected),
        "ks": Distance(ks.value, ks.expected),
    }
)
"""All but ks take psi's bins; ks takes the cells in order. wasserstein needs the cells' means and stands apart."""
