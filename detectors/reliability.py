"""The reliability diagram of a window: a measurement a bin."""

from collections.abc import Iterator

import numpy as np

from detectors import clusters, wilson
from detectors.estimate import Estimate
from detectors.forecasts import Forecasts
from detectors.metrics import RELIABILITY
from detectors.pair import effective_size
from detectors.reliability_bins import BINS, ReliabilityBins, bin_up
from kernel.measurement import Measurement, Status


def measure_reliability(said: Forecasts) -> Iterator[Measurement]:
    """How often what was forecast happened, in each of ten bins of its probability that has rows.

    In the column "0.3 to 0.4"; `expected` is the mean probability. The interval is Wilson's, and cluster-robust from 30 clusters
    where rows differ.
    Source: Murphy and Winkler, "Reliability of subjective probability forecasts of precipitation and temperature" (1977).

    >>> from detectors.forecasts import of_two
    >>> from detectors.outcomes import Outcomes
    >>> names = np.array(["a", "b"])
    >>> rows = Outcomes(names, names, {"a": np.array([0.32, 0.38])}, None, np.zeros(2, np.int64), predictions=2)
    >>> [(m.column, m.value, round(m.expected, 2)) for m in measure_reliability(of_two(rows, "a"))]
    [('0.3 to 0.4', 0.5, 0.35)]
    """
    weights = said.rows.weights
    if not said.sure.size or not (weights is None or weights.sum() > 0):
        return
    binned = bin_up(said.sure, said.right, weights)
    for place in np.flatnonzero(binned.shares > 0).tolist():
        found = _frequency(said, binned, place)
        yield Measurement(
            RELIABILITY, f"{place / BINS:g} to {(place + 1) / BINS:g}", found.value, Status.OK,
            _mean(said, binned, place), lower=found.lower, upper=found.upper, rows=found.rows, basis=found.said,
        )  # fmt: skip


def _mean(said: Forecasts, binned: ReliabilityBins, place: int) -> float:
    mine = binned.place == place
    return min(1.0, float(binned.parts[mine] @ said.sure[mine]) / float(binned.shares[place]))


def _frequency(said: Forecasts, binned: ReliabilityBins, place: int) -> Estimate:
    mine = binned.place == place
    parts, right = binned.parts[mine] / float(binned.shares[place]), said.right[mine]
    share = min(1.0, float(parts @ right))
    robust = clusters.of_rows(share, parts * (right - share), said.rows.clusters[mine], limits=(0.0, 1.0))
    if (
        robust.basis == "cluster" and right.any() and not right.all()
    ):  # where all rows are alike, clusters show no error at all
        return robust
    return wilson.estimate(share, 1.0, effective_size(1.0, float(parts @ parts)), int(mine.sum()))
