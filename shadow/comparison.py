"""Champion and candidate on the same rows: how far they agree, which is right more often, how fast each is. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import agreement, mcnemar
from shadow.candidates.contract import FloatArray
from shadow.deltas import Delta, class_deltas, counts_of, number_deltas
from shadow.pairs import ClassPairs, NumberPairs

_EXACT_BELOW = 25  # discordant rows: below, McNemar's test by the binomial law


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test on the rows that one model alone has right: b the champion, c the candidate."""

    b: int
    c: int
    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Milliseconds a request; None where nothing was measured."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of the champion as recorded, and of the candidate predicting row by row in the replay."""

    champion: Quantiles = Quantiles()
    candidate: Quantiles = Quantiles()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same recorded rows.

    Attributes:
        rows: replayed; unscored: those that the champion predicted and the candidate did not, or with no finite number.
        agreement, kappa: share of equal predictions, and Cohen's kappa; None for a regression.
        churn: rows by the champion's class (row) and the candidate's (column), in the order of `classes`.
        labels, label_coverage, label_days: rows with a label, their share, and the days they span.
    """

    rows: int
    unscored: int
    agreement: float | None
    kappa: float | None
    classes: tuple[str, ...]
    churn: tuple[tuple[int, ...], ...]
    mcnemar: McNemar | None
    metrics: tuple[Delta, ...]
    latency_ms: Latencies
    labels: int
    label_coverage: float | None
    label_days: int

    def to_json(self) -> dict[str, Any]:
        """As a run's result is stored; numbers that do not exist are null."""
        return asdict(self)

    def metric(self, name: str) -> Delta | None:
        """One metric; None where these rows do not have it."""
        return next((found for found in self.metrics if found.metric == name), None)


def compare(pairs: ClassPairs | NumberPairs, latencies: Latencies = Latencies()) -> Comparison:
    """Compare two models on the rows that both predicted; metrics on those that have a label besides."""
    if isinstance(pairs, NumberPairs):
        return _compare_numbers(pairs, latencies)
    labelled = pairs.actual >= 0
    both = (pairs.champion >= 0) & (pairs.candidate >= 0)
    predicted, scored = pairs.only(both), pairs.only(both & labelled)
    counts = counts_of(predicted, predicted.champion, predicted.candidate)
    return Comparison(
        rows=both.size,
        unscored=int(((pairs.champion >= 0) & (pairs.candidate < 0)).sum()),
        agreement=agreement.share(counts).value,
        kappa=agreement.kappa(counts),
        classes=pairs.classes,
        churn=_churn(predicted),
        mcnemar=_mcnemar(scored) if scored.actual.size else None,
        metrics=tuple(class_deltas(scored)) if scored.actual.size else (),
        latency_ms=latencies,
        labels=int(labelled.sum()),
        label_coverage=_share(labelled),
        label_days=len(np.unique(pairs.days[labelled])),
    )


def _compare_numbers(pairs: NumberPairs, latencies: Latencies) -> Comparison:
    labelled = np.isfinite(pairs.actual)
    scored = pairs.only(labelled & np.isfinite(pairs.champion) & np.isfinite(pairs.candidate))
    return Comparison(
        rows=labelled.size,
        unscored=int((np.isfinite(pairs.champion) & ~np.isfinite(pairs.candidate)).sum()),
        agreement=None,
        kappa=None,
        classes=(),
        churn=(),
        mcnemar=None,
        metrics=tuple(number_deltas(scored)) if scored.actual.size else (),
        latency_ms=latencies,
        labels=int(labelled.sum()),
        label_coverage=_share(labelled),
        label_days=len(np.unique(pairs.days[labelled])),
    )


def quantiles(values_ms: FloatArray) -> Quantiles:
    """P50, P90 and P99 of the finite values, each one that was measured.

    >>> quantiles(np.array([1.0, 2.0, np.nan])).p50
    1.0
    """
    held = values_ms[np.isfinite(values_ms)]
    if not held.size:
        return Quantiles()
    return Quantiles(*np.quantile(held, [0.5, 0.9, 0.99], method="inverted_cdf").tolist())


def _share(chosen: NDArray[np.bool_]) -> float | None:
    return float(chosen.mean()) if chosen.size else None


def _churn(pairs: ClassPairs) -> tuple[tuple[int, ...], ...]:
    size = len(pairs.classes)
    cells = np.bincount(pairs.champion * size + pairs.candidate, minlength=size * size)
    return tuple(tuple(line) for line in cells.reshape(size, size).tolist())


def _mcnemar(pairs: ClassPairs) -> McNemar:
    one, other = pairs.champion == pairs.actual, pairs.candidate == pairs.actual
    b, c = int((one & ~other).sum()), int((other & ~one).sum())
    test = mcnemar.mcnemar(b, c, exact=b + c < _EXACT_BELOW)
    return McNemar(b, c, test.statistic, test.p)
