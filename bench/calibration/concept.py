"""Errors of windows that rise or do not: how often detectors of concept drift call noise, and how soon they call a rise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import signal

from detectors.concept_drift import DETECTORS, alone, detect
from detectors.concept_series import AGREED
from detectors.pair import FloatArray

WINDOWS, RISES_AT = 200, 100
KEPT = (0.0, 0.3, 0.6)
RISES = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Concept:
    """One detector, or what three of the five agree on.

    Attributes:
        kept: how much of its error a window keeps of the one before.
        false: calls in 200 windows without a rise.
        delays: windows until a rise of 1, 2 or 3 deviations is called, the median over all series; -1 where most see none of it.
    """

    kept: float
    detector: str
    false: float
    delays: list[float]


def measure(kept: float, series: int, tell: Callable[[], None], seed: int = 0) -> list[Concept]:
    """Each detector alone, and what they agree on."""
    false = dict.fromkeys((AGREED, *DETECTORS), 0)
    delays: dict[str, list[list[float]]] = {name: [[] for _ in RISES] for name in false}
    for number in range(series):
        errors = _noise(np.random.default_rng((seed, number, int(10 * kept))), kept)
        for name, places in _calls(errors).items():
            false[name] += places.size
        for at, rise in enumerate(RISES):
            for name, places in _calls(errors + rise * (np.arange(WINDOWS) >= RISES_AT)).items():
                after = places[places >= RISES_AT]
                delays[name][at].append(float(after[0]) - RISES_AT if after.size else np.inf)
        tell()
    return [Concept(kept, name, false[name] / series, [_median(of) for of in delays[name]]) for name in false]


def _calls(errors: FloatArray) -> dict[str, np.ndarray]:
    return {AGREED: detect(errors).agreed, **alone(errors)}


def _median(delays: list[float]) -> float:
    median = float(np.median(delays))
    return median if np.isfinite(median) else -1.0


def _noise(rng: np.random.Generator, kept: float) -> FloatArray:
    """Autoregressive, with a deviation of 1 from the first window on."""
    moves = rng.normal(0, np.sqrt(1 - kept**2), WINDOWS)
    moves[0] = rng.normal()
    return np.asarray(signal.lfilter([1.0], [1.0, -kept], moves))
