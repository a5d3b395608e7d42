"""The scale on which a measure moves evenly and scatters evenly, so that a straight line fits it."""

from enum import StrEnum

import numpy as np

from detectors.metrics import (
    CONFIDENCE,
    CONFUSION,
    DUPLICATES,
    ESTIMATED_PREFIX,
    OF_WORTH,
    PERFORMANCE,
    QUALITY,
    TEMPERATURE,
)
from detectors.pair import FloatArray
from kernel.measurement import GPU_SHARES

_SIGNED = frozenset(
    {"bias", "r2", "brier_resolution", "error_budget", "parity_difference", "opportunity_gap", *OF_WORTH}
)
_LOSSES = frozenset({"log_loss", "brier", "mae", "rmse", "mape"})
_ROOTED = frozenset({"js_distance", "hellinger", "tvd", "linf", "ks", "wasserstein"})
_SHARES = (
    frozenset({*QUALITY, *DUPLICATES, *CONFIDENCE, *PERFORMANCE, *GPU_SHARES, "error_rate", "uptime"})
    - _SIGNED
    - _LOSSES
    - {CONFUSION, TEMPERATURE}
)


class Scale(StrEnum):
    """How values are taken.

    Attributes:
        PLAIN: as they are.
        ROOT: the square root, of what is never below 0: a mean that moves evenly has a psi that grows with the square of time, and
            the root of a count or of a chi-square law scatters alike wherever it lies.
        ARCSINE: the arcsine of the square root, of shares: they scatter alike near 0, near 1 and between.
    """

    PLAIN = "plain"
    ROOT = "root"
    ARCSINE = "arcsine"

    def holds(self, value: float) -> bool:
        """Whether there is such a value.

        >>> Scale.ROOT.holds(-0.1), Scale.ARCSINE.holds(1.0), Scale.PLAIN.holds(-7.0)
        (False, True, True)
        """
        return self is Scale.PLAIN or (value >= 0 and (self is Scale.ROOT or value <= 1))

    def of(self, values: FloatArray) -> FloatArray:
        """The values (n,) on the scale; what rounding put beyond its end is at its end.

        Source: Bartlett, "The use of transformations" (1947).

        >>> Scale.ROOT.of(np.array([0.0, 0.09])).round(3).tolist(), Scale.ARCSINE.of(np.array([0.5, 1.0])).round(3).tolist()
        ([0.0, 0.3], [0.785, 1.571])
        """
        if self is Scale.PLAIN:
            return values
        root: FloatArray = np.sqrt(np.maximum(values, 0.0))
        return root if self is Scale.ROOT else np.arcsin(np.minimum(root, 1.0))


def scale_of(metric: str) -> Scale:
    """The scale of a metric of docs/statistics.md; distances that are no squares, and what may be below 0, are plain.

    >>> [scale_of(metric).value for metric in ("psi", "js_distance", "accuracy", "bias", "traffic")]
    ['root', 'plain', 'arcsine', 'plain', 'root']
    >>> scale_of("estimated_accuracy") is scale_of("accuracy")
    True
    """
    metric = metric.removeprefix(ESTIMATED_PREFIX)
    if metric in _SHARES:
        return Scale.ARCSINE
    return Scale.PLAIN if metric in _SIGNED | _ROOTED else Scale.ROOT
