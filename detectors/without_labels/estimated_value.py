"""What a row is expected to be worth before labels come."""

from detectors import value_per_row
from detectors.estimate import Estimate, none_of
from detectors.value_per_row import Cells
from detectors.without_labels import cbpe
from detectors.without_labels.scored import Scored


def of_two(fitted: cbpe.Fitted, scored: Scored, positive: str, cells: Cells) -> Estimate | None:
    """Return the expected worth of a row of two classes, with its interval of three sampling errors; None where more are named.

    Source: see cbpe.business_value.

    >>> from detectors.without_labels.scored import of_rows
    >>> import numpy as np
    >>> rows = of_rows(np.array([0.9, 0.2]), np.array([True, False]))
    >>> fitted = cbpe.fit(rows, np.array([True, False]))
    >>> of_two(fitted, rows, "late", {"late": {"late": 10.0, "ok": -5.0}}).value
    4.0
    """
    worth = value_per_row.by_outcome(cells, positive)
    if worth is None or not fitted.outcomes:
        return None
    return cbpe.business_value(fitted, scored, worth)


def of_numbers(error: Estimate, per_error: float) -> Estimate:
    """Return the expected worth of a row from the expected mean absolute error.

    >>> of_numbers(Estimate(4.0, 3.0, 6.0, 100), per_error=-2.0)
    Estimate(value=-8.0, lower=-12.0, upper=-6.0, rows=100, basis='iid')
    """
    if error.value is None:
        return none_of(error.rows)
    if error.lower is None or error.upper is None:
        return Estimate(per_error * error.value, None, None, error.rows)
    lower, upper = sorted((per_error * error.lower, per_error * error.upper))
    return Estimate(per_error * error.value, lower, upper, error.rows)
