"""Temperature: by what log-odds would have to be divided to suit what happened."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from detectors import clusters
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray

_EPS = float(np.finfo(np.float64).eps)
_HOTTEST = 1e3  # beyond it, and below one in it, no temperature is told: scores say nothing, or part the classes
_ROUNDS = 60
_CLOSE = 1e-12
_FAR = 300.0  # a logarithm that no interval passes, so that its ends are numbers
_AT_ONCE = 16_384  # rows whose sums stay in the processor's cache


def estimate(
    probabilities: FloatArray,
    labels: npt.NDArray[np.integer],
    weights: FloatArray | None = None,
    keys: npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the temperature with the least log loss: 1 suits, more says that the model is too sure, less that it is not enough.

    No value where none is the best: of scores that say nothing or the opposite, and of those that part the classes without a fault.
    Rows whose label is no class of the scores (-1) are left out. The interval is that of its logarithm, cluster-robust where the
    keys (rows,) name 30 clusters or more.
    Source: Guo and others, "On calibration of modern neural networks" (2017), section 4.2; of the interval White, "Maximum
    likelihood estimation of misspecified models" (1982).

    Args:
        probabilities: of each class, shape (rows, K); held within machine epsilon of 0 and 1.
        labels: column numbers, shape (rows,).

    >>> rng = np.random.default_rng(1)
    >>> odds = rng.normal(size=4_000)
    >>> happened = rng.random(4_000) < 1 / (1 + np.exp(-odds))
    >>> said = 1 / (1 + np.exp(-2 * odds))  # twice too sure
    >>> found = estimate(np.column_stack([1 - said, said]), happened.astype(int))
    >>> found.lower < 2 < found.upper, round(found.upper - found.lower, 2)
    (True, 0.33)
    """
    kept = labels >= 0
    weight = (np.ones(labels.size) if weights is None else weights)[kept]
    if not weight.sum() > 0:
        return none_of(labels.size)
    gaps, parts = _gaps(probabilities[kept], labels[kept]), weight / weight.sum()
    coldness = _best(gaps, parts)
    if coldness is None:
        return none_of(labels.size)
    means, spreads = _moments(gaps, coldness)
    influences = parts * means / (coldness * float(parts @ spreads))  # of the temperature's logarithm
    found = clusters.of_rows(-math.log(coldness), influences, None if keys is None else keys[kept], level)
    lower, upper = (None if end is None else math.exp(max(-_FAR, min(end, _FAR))) for end in (found.lower, found.upper))
    return replace(found, value=1 / coldness, lower=lower, upper=upper)


def _gaps(probabilities: FloatArray, labels: npt.NDArray[np.integer]) -> FloatArray:
    """The logarithm of each class's probability less that of what happened, shape (K, rows), which sums faster over classes."""
    logs = np.log(np.clip(np.ascontiguousarray(probabilities.T), _EPS, 1 - _EPS))
    found: FloatArray = logs - logs[labels, np.arange(labels.size)]
    return found


def _moments(gaps: FloatArray, coldness: float) -> tuple[FloatArray, FloatArray]:
    """The mean and the variance of each row's gaps under the probabilities at this coldness, each of shape (rows,)."""
    means, spreads = np.empty((2, gaps.shape[1]))
    for at in range(0, gaps.shape[1], _AT_ONCE):
        part = gaps[:, at : at + _AT_ONCE]
        chances = np.exp(coldness * (part - part.max(axis=0)))
        chances /= chances.sum(axis=0)
        mean = (chances * part).sum(axis=0)
        means[at : at + _AT_ONCE] = mean
        spreads[at : at + _AT_ONCE] = (chances * np.square(part - mean)).sum(axis=0)
    return means, spreads


def _best(gaps: FloatArray, parts: FloatArray) -> float | None:
    """One over the temperature, by Newton's method within ends that close in: the mean gap, which grows with it, is then 0."""
    low, high = 1 / _HOTTEST, _HOTTEST
    if not float(parts @ _moments(gaps, low)[0]) < 0 < float(parts @ _moments(gaps, high)[0]):
        return None
    coldness = 1.0
    for _ in range(_ROUNDS):
        means, spreads = _moments(gaps, coldness)
        slope, excess = float(parts @ spreads), float(parts @ means)
        low, high = (low, coldness) if excess > 0 else (coldness, high)
        following = coldness - excess / slope if slope > 0 else 0.0
        following = following if low < following < high else math.sqrt(low * high)
        if abs(following - coldness) <= _CLOSE * coldness:
            return following
        coldness = following
    return coldness
