"""What a metric that is a mean over rows takes the mean of."""

import numpy as np

from detectors import bias, brier, log_loss, mae
from detectors.outcomes import Outcomes, Task
from detectors.pair import FloatArray
from detectors.performance import positive_class

MEANS = ("accuracy", "mae", "bias", "log_loss", "brier")


def row_values(found: Outcomes, task: Task, metric: str) -> FloatArray | None:
    """Return the values (rows,) whose weighted mean is the metric, NaN of rows without a score; None where it has none.

    `log_loss` and `brier` are of the positive class, of two. Sources: those of the metrics.

    >>> rows = Outcomes(np.array(["a", "b"]), np.array(["a", "a"]), {}, None, np.array([0, 0]), predictions=2)
    >>> row_values(rows, Task(), "accuracy").tolist(), row_values(rows, Task(), "mae")
    ([1.0, 0.0], None)
    """
    if found.is_regression:
        of_numbers = {"mae": mae.losses, "bias": bias.losses}.get(metric)
        sides = found.actual.astype(np.float64), found.predicted.astype(np.float64)
        return None if of_numbers is None else of_numbers(*sides)
    if metric == "accuracy":
        return np.asarray(found.actual == found.predicted, np.float64)
    positive = positive_class(found, task)
    of_scores = {"log_loss": log_loss.binary_losses, "brier": brier.binary_losses}.get(metric)
    if of_scores is None or positive is None or positive not in found.scores:
        return None
    scores = found.scores[positive]
    values = of_scores(np.clip(scores, 0.0, 1.0), np.asarray(found.actual == positive))
    return np.where(np.isfinite(scores), values, np.nan)
