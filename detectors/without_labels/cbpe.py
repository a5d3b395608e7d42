"""Confidence-based performance estimation of two classes: how well a model does, from its scores alone.

It sees what a change of the scores costs, and not a change of what they mean: where the chance of the class at a given score
is no longer the reference's (concept drift), the estimate stays what it was.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detectors import average_precision
from detectors.estimate import Estimate, bounded, none_of
from detectors.pair import FloatArray
from detectors.without_labels import calibration, expected_counts, expected_ranking, sampling_error, thresholds
from detectors.without_labels.expected_counts import RATIOS, ExpectedCounts, Ratio
from detectors.without_labels.isotonic import Isotonic
from detectors.without_labels.scored import Scored
from detectors.without_labels.thresholds import Thresholds

OUTCOMES = ("true_positive", "false_positive", "false_negative", "true_negative")
RANKINGS = ("roc_auc", "average_precision")
METRICS = (*RATIOS, *RANKINGS, *OUTCOMES)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Fitted:
    """What a labelled reference says of any window; plain numbers that can be stored.

    Attributes:
        calibration: from scores to chances; None where they are chances as they are.
        errors: by metric, the standard error that one row would have; None where the reference cannot tell.
        thresholds: by metric, between what the reference's own chunks lie; only where chunks are given.
        outcomes: the share of the reference's rows of each outcome.
    """

    calibration: Isotonic | None
    errors: Mapping[str, float | None]
    thresholds: Mapping[str, Thresholds]
    outcomes: Mapping[str, float] = field(default_factory=dict)

    def chances(self, scores: FloatArray) -> FloatArray:
        """Return the chance of the class at each score, of the same shape.

        >>> Fitted(Isotonic((0.0, 1.0), (0.0, 0.5)), {}, {}).chances(np.array([0.5])).tolist()
        [0.25]
        """
        return scores if self.calibration is None else self.calibration.at(scores)


def fit(
    scored: Scored,
    labels: Flags,
    chunks: npt.NDArray[np.int64] | None = None,
    seed: int = calibration.SEED,
    resamples: int = sampling_error.RESAMPLES,
) -> Fitted:
    """Return what a reference's rows and their labels say.

    Args:
        scored: row by row (scored.of_rows), all with a score.
        labels: whether a row is of the class, shape (rows,).
        chunks: which chunk a row is of, shape (rows,): windows of the reference, as long as those to come.
        seed: of the draws for the calibration and for the error of average precision.
        resamples: for the latter, which take most of the time; 0 where nobody asks for it.

    Raises:
        ValueError: without rows, or labels that do not pair up.

    Source: NannyML 0.13, performance_estimation/confidence_based/cbpe.py.

    >>> from detectors.without_labels.scored import of_rows
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.random(4_000)
    >>> fitted = fit(of_rows(scores, scores > 0.5), rng.random(4_000) < scores**2, chunks=np.arange(4_000) // 1_000)
    >>> fitted.calibration.at(np.array([0.5])).round(1), fitted.thresholds["accuracy"].broken_by(0.5)
    (array([0.3]), True)
    """
    if labels.shape != scored.scores.shape or not scored.rows:
        raise ValueError(f"a reference needs rows with labels, got shapes {scored.scores.shape} and {labels.shape}")
    truth = labels.astype(np.float64)
    counts = expected_counts.count(truth, scored.predicted, scored.weights)
    errors = {name: sampling_error.of_ratio(ratio, counts.rows) for name, ratio in _ratios(counts).items()}
    errors["roc_auc"] = sampling_error.of_area(scored.scores, truth, scored.weights)
    errors["average_precision"] = sampling_error.of_average_precision(scored.scores, truth, seed, resamples)
    return Fitted(
        calibration.fit(scored.scores, truth, scored.weights, seed),
        errors,
        {} if chunks is None else thresholds_of(scored, labels, chunks),
        {name: getattr(counts, name) / counts.rows for name in OUTCOMES},
    )


def estimate(fitted: Fitted, scored: Scored) -> dict[str, Estimate]:
    """Return the estimate of each metric of a window, with its interval of three sampling errors.

    Ratios, ROC AUC, and the four outcomes as shares of all rows. Average precision from rows alone, never from cells. No value
    where a metric does not exist (a class that is not expected, or never predicted).

    A cell of a profile counts at the mean score of its rows, so that a calibration that is straight within the cell is met
    exactly; else a chance is off by less than the curve rises within it, 1/64 in log-odds. Where a score's own order decides,
    rows of one cell count as equal.

    >>> from detectors.without_labels.scored import of_rows
    >>> found = estimate(Fitted(None, {"accuracy": 0.4}, {}), of_rows(np.array([0.9, 0.2]), np.array([True, False])))
    >>> [round(x, 6) for x in (found["accuracy"].value, found["accuracy"].lower, found["recall"].value)]
    [0.85, 0.001472, 0.818182]
    """
    chances = fitted.chances(scored.scores)
    values = _values(expected_counts.count(chances, scored.predicted, scored.weights))
    values["roc_auc"] = expected_ranking.roc_auc(scored.scores, chances, scored.weights)
    if scored.ranked:
        values["average_precision"] = expected_ranking.average_precision(scored.scores, chances, scored.weights)
    return {name: interval(value, fitted.errors.get(name), scored.size, scored.rows) for name, value in values.items()}


def thresholds_of(scored: Scored, labels: Flags, chunks: npt.NDArray[np.int64]) -> dict[str, Thresholds]:
    """Return by metric between what its values lie over chunks of a reference; the arguments are those of `fit`.

    Source: NannyML 0.13, StandardDeviationThreshold.

    >>> from detectors.without_labels.scored import of_rows
    >>> rows = of_rows(np.array([0.9, 0.2, 0.9, 0.2]), np.array([True, False, True, False]))
    >>> thresholds_of(rows, np.array([True, False, False, True]), np.array([0, 0, 1, 1]))["accuracy"]
    Thresholds(lower=0.0, upper=1.0)
    """
    realised = [_realised(scored, labels, rows) for rows in thresholds.rows_of(chunks)]
    found = {name: thresholds.of_chunks([values[name] for values in realised]) for name in METRICS}
    return {name: limits for name, limits in found.items() if limits is not None}


def business_value(fitted: Fitted, scored: Scored, worth: Mapping[str, float]) -> Estimate:
    """Return what a row of a window is worth in the mean, with its interval of three sampling errors.

    Args:
        worth: of a row of each outcome (OUTCOMES), in your currency; 0 for one that is not named.

    Raises:
        ValueError: for a name that is no outcome.

    Source: NannyML 0.13, estimate_business_value, whose value is that of all rows together.

    >>> from detectors.without_labels.scored import of_rows
    >>> rows = of_rows(np.array([0.9, 0.2]), np.array([True, False]))
    >>> fitted = fit(rows, np.array([True, False]))
    >>> business_value(fitted, rows, {"true_positive": 10.0, "false_negative": -5.0}).value
    4.0
    """
    if not worth.keys() <= set(OUTCOMES):
        raise ValueError(f"a row is one of {', '.join(OUTCOMES)}, got {', '.join(worth)}")
    counts = expected_counts.count(fitted.chances(scored.scores), scored.predicted, scored.weights)
    if not counts.rows > 0:
        return none_of(scored.rows)
    value = sum(each * getattr(counts, name) for name, each in worth.items()) / counts.rows
    before = sum(each * fitted.outcomes[name] for name, each in worth.items())
    square = sum(each * each * fitted.outcomes[name] for name, each in worth.items())
    error = math.sqrt(max(0.0, square - before * before) / scored.size)
    return bounded(value, error, sampling_error.WIDTH, scored.rows, "iid")


def interval(value: float | None, error: float | None, size: float, rows: int) -> Estimate:
    """Return a value from 0 to 1 with three sampling errors to each side; `error` is that of one row, `size` how many count.

    Source: NannyML 0.13, SAMPLING_ERROR_RANGE.

    >>> interval(0.9, 0.5, size=100.0, rows=100)
    Estimate(value=0.9, lower=0.75, upper=1.0, rows=100, basis='iid')
    """
    if value is None:
        return none_of(rows)
    if error is None:
        return Estimate(value, None, None, rows)
    return bounded(value, error / math.sqrt(size), sampling_error.WIDTH, rows, "iid", (0.0, 1.0))


def _ratios(counts: ExpectedCounts) -> dict[str, Ratio]:
    shares = {name: Ratio(getattr(counts, name), counts.rows, counts.rows) for name in OUTCOMES}
    return {name: of(counts) for name, of in RATIOS.items()} | shares


def _values(counts: ExpectedCounts) -> dict[str, float | None]:
    return {name: ratio.value for name, ratio in _ratios(counts).items()}


def _realised(scored: Scored, labels: Flags, rows: npt.NDArray[np.intp]) -> dict[str, float | None]:
    """The metrics of some rows by their labels: what is expected of chances of 0 and 1.

    Of rows of one label, or of one prediction, there is no precision, recall or F1, as NannyML has it.
    """
    scores, weights, truth, predicted = scored.scores[rows], scored.weights[rows], labels[rows], scored.predicted[rows]
    chances = truth.astype(np.float64)
    values = _values(expected_counts.count(chances, predicted, weights))
    if predicted.all() or truth.all() or not (predicted.any() and truth.any()):
        values |= dict.fromkeys(("precision", "recall", "f1"))
    values["roc_auc"] = expected_ranking.roc_auc(scores, chances, weights)
    values["average_precision"] = average_precision.value(scores, truth, weights)
    return values
