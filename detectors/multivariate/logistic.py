"""Ridge logistic regression."""

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from detectors.pair import FloatArray


def fit(
    rows: FloatArray, positives: npt.NDArray[np.bool_], penalty: float, counted: FloatArray | None = None
) -> FloatArray:
    """Return the weights (columns + 1,), the intercept last, of the classes (rows,) on the columns (rows, columns).

    The least of sum c ln(1 + exp(-s f)) + penalty / 2 |w|^2, s the class as 1 or -1, f the log-odds, c how often a row counts
    (rows,), once by default; the intercept is not penalised. By L-BFGS (Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm
    for bound constrained optimization", 1995).

    >>> fit(np.array([[-1.0], [1.0]]), np.array([False, True]), penalty=1e9).round(6).tolist()
    [0.0, 0.0]
    """
    signs = np.where(positives, 1.0, -1.0)
    times = np.ones(len(rows)) if counted is None else counted

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        margins = signs * log_odds(rows, weights)
        pulls = -signs * times * special.expit(-margins)
        slope = np.append(rows.T @ pulls + penalty * weights[:-1], pulls.sum())
        return float(times @ np.logaddexp(0, -margins) + penalty / 2 * weights[:-1] @ weights[:-1]), slope

    found = optimize.minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B")
    weights: FloatArray = found.x
    return weights


def log_odds(rows: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the log-odds (rows,) of rows (rows, columns) by weights (columns + 1,).

    >>> log_odds(np.array([[2.0]]), np.array([3.0, 1.0])).tolist()
    [7.0]
    """
    odds: FloatArray = rows @ weights[:-1] + weights[-1]
    return odds
