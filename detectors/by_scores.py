"""How good scores are: every metric that rests on them."""

from detectors import (
    average_precision,
    brier,
    brier_decomposition,
    calibration_error,
    conformal,
    log_loss,
    roc_auc,
    temperature,
)
from detectors.estimate import Estimate
from detectors.forecasts import Forecasts
from detectors.metrics import CONFORMAL_COVERAGE, CONFORMAL_THRESHOLD, TEMPERATURE
from detectors.pair import FloatArray


def estimates(said: Forecasts, least: float | None = None) -> dict[str, Estimate]:
    """Every metric of scores, by name, with its interval; areas and the parts of Brier of two classes alone.

    Args:
        least: the conformal threshold whose coverage is asked for; None where none is.

    >>> import numpy as np
    >>> from detectors.forecasts import of_two
    >>> from detectors.outcomes import Outcomes
    >>> names = np.array(["a", "b", "a"])
    >>> rows = Outcomes(names, names, {"a": np.array([0.8, 0.4, 0.6])}, None, np.zeros(3, np.int64), predictions=3)
    >>> round(estimates(of_two(rows, "a"))["brier"].value, 6)
    0.12
    """
    of_rows = said.rows.weights, said.rows.clusters
    metrics = {} if said.scores is None else _of_two(said, said.scores)
    if said.scores is None:
        metrics["log_loss"] = said.rows.mean(log_loss.losses(said.held, said.labels), log_loss.estimate)
        metrics["brier"] = said.rows.mean(brier.losses(said.held, said.labels), brier.estimate)
    if least is not None:
        metrics[CONFORMAL_COVERAGE] = said.rows.mean(conformal.held(said.of_labels, least), conformal.estimate)
    return metrics | {
        "calibration_error": calibration_error.estimate(said.sure, said.right, *of_rows),
        TEMPERATURE: temperature.estimate(said.held, said.labels, *of_rows),
        CONFORMAL_THRESHOLD: conformal.threshold(said.of_labels, said.rows.weights),
    }


def _of_two(said: Forecasts, scores: FloatArray) -> dict[str, Estimate]:
    of_rows = said.rows.weights, said.rows.clusters
    return {
        "roc_auc": roc_auc.estimate(scores, said.right, *of_rows),
        "pr_auc": average_precision.estimate(scores, said.right, *of_rows),
        "log_loss": said.rows.mean(log_loss.binary_losses(said.sure, said.right), log_loss.estimate),
        "brier": said.rows.mean(brier.binary_losses(said.sure, said.right), brier.estimate),
        **brier_decomposition.estimates(said.sure, said.right, *of_rows),
    }
