"""Concept drift: where the error of a model rises and stays, by five detectors of river that read it a window at a time.

A window is one observation, whatever its rows: errors of one day go together, so a bad day says one thing, and not one a row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from river import drift

from detectors.pair import FloatArray
from detectors.season import IntArray

DETECTORS = ("adwin", "ddm", "hddm", "kswin", "page_hinkley")
SCALED_BY = 30
"""The first windows, which say what is usual."""
AGREEING = 3
TOGETHER = 30
"""Windows within which detectors have called the same thing: they differ in how soon they do."""
_FURTHEST = 5.0
_NORMAL_MAD = 1.4826  # a normal deviation to the median of the deviations from the median


@dataclass(frozen=True, eq=False)
class Calls:
    """The windows at which something was called, by their place in the series, ascending.

    Attributes:
        by_detector: of each of DETECTORS.
        agreed: at which three of the five had called within 30 windows.
    """

    by_detector: Mapping[str, IntArray]
    agreed: IntArray


def detect(errors: FloatArray) -> Calls:
    """Return what five detectors call in a series of errors (windows,), finite and in the order of time.

    The first 30 windows give the scale; a series that has no more calls nothing. ADWIN, KSWIN and Page-Hinkley read deviations from
    their median, 5 at most, so that one wild window is not a level. DDM and HDDM, which are for bits, read whether a window is
    worse than that median. A detector begins anew after its call; where three agree all do, and the 30 windows after that give a
    new scale. ADWIN and KSWIN call a fall as well as a rise.

    Parameters are river's, but that ADWIN looks at every window, Page-Hinkley for rises alone, and KSWIN draws from a fixed seed.

    Source: river 0.26 (Montiel and others, "River: machine learning for streaming data in Python", 2021). ADWIN: Bifet and
    Gavalda (2007); DDM: Gama and others (2004); HDDM, its A test: Frias-Blanco and others (2015); KSWIN: Raab, Heusinger and
    Schleif (2020); Page-Hinkley: Page (1954).

    >>> errors = np.random.default_rng(0).normal(np.repeat([0.10, 0.13], [120, 60]), 0.01)
    >>> found = detect(errors)
    >>> found.agreed.tolist(), {name: places.tolist() for name, places in found.by_detector.items() if places.size}
    ([135], {'adwin': [129], 'kswin': [135], 'page_hinkley': [131]})
    """
    calls: dict[str, list[int]] = {name: [] for name in DETECTORS}
    agreed: list[int] = []
    begin = 0
    while errors.size - begin > SCALED_BY:
        found = {name: begin + places for name, places in alone(errors[begin:]).items()}
        end = _first_agreed(found)
        for name, places in found.items():
            calls[name] += places[places <= (errors.size if end is None else end)].tolist()
        if end is None:
            break
        agreed.append(end)
        begin = end + 1
    by_detector = {name: np.array(places, np.int64) for name, places in calls.items()}
    return Calls(MappingProxyType(by_detector), np.array(agreed, np.int64))


def alone(errors: FloatArray) -> dict[str, IntArray]:
    """Return where each detector calls in a series of errors (windows,) if others do not make it begin anew.

    >>> {name: places.tolist() for name, places in alone(np.repeat([0.0, 0.1], [60, 40])).items() if places.size}
    {'adwin': [67], 'ddm': [60], 'hddm': [64], 'kswin': [99], 'page_hinkley': [70]}
    """
    usual = errors[:SCALED_BY]
    middle = float(np.median(usual))
    spread = max(_NORMAL_MAD * float(np.median(np.abs(usual - middle))), 1e-12 * max(1.0, abs(middle)))
    deviations = np.clip((errors - middle) / spread, -_FURTHEST, _FURTHEST)
    worse = errors > middle
    return {
        "adwin": _places(drift.ADWIN(clock=1), deviations),
        "ddm": _places(drift.binary.DDM(), worse),
        "hddm": _places(drift.binary.HDDMA(), worse),
        "kswin": _places(drift.KSWIN(seed=0), deviations),
        "page_hinkley": _places(drift.PageHinkley(mode="up"), deviations),
    }


def _places(detector: drift.ADWIN, values: npt.NDArray[np.generic]) -> IntArray:
    return np.array([place for place, called in enumerate(_fed(detector, values)) if called], np.int64)


def _fed(detector: drift.ADWIN, values: npt.NDArray[np.generic]) -> Iterator[bool]:
    for value in values.tolist():
        detector.update(value)
        yield detector.drift_detected


def _first_agreed(found: Mapping[str, IntArray]) -> int | None:
    """The first window at which so many detectors had called within so many windows; None where there is none."""
    for place in np.unique(np.concatenate(list(found.values()))).tolist():
        near = sum(bool(((place - TOGETHER < places) & (places <= place)).any()) for places in found.values())
        if near >= AGREEING:
            return int(place)
    return None
