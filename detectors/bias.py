"""Mean error."""

from detectors import mean_sums
from detectors.estimate import Estimate
from detectors.mean_sums import ClusterSums, MeanSums
from detectors.pair import FloatArray


def losses(labels: FloatArray, predictions: FloatArray) -> FloatArray:
    """Return prediction - label of rows (rows,), in the label's unit.

    >>> import numpy as np
    >>> losses(np.array([1.0, 2.0]), np.array([2.0, 5.0])).tolist()
    [1.0, 3.0]
    """
    return predictions - labels


def sums(labels: FloatArray, predictions: FloatArray, weights: FloatArray | None = None) -> MeanSums:
    """Sum up the losses of rows (rows,).

    >>> import numpy as np
    >>> sums(np.array([1.0, 2.0]), np.array([2.0, 5.0])).value
    2.0
    """
    return mean_sums.sum_up(losses(labels, predictions), weights)


def estimate(total: MeanSums, parts: ClusterSums | None = None, level: float = 0.95) -> Estimate:
    """Return the mean with its interval, in the label's unit; above 0 where the model says too much.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy" (2006).

    >>> import numpy as np
    >>> estimate(sums(np.array([1.0, 2.0]), np.array([2.0, 5.0]))).value
    2.0
    """
    return mean_sums.estimate(total, parts, level)
