"""What is expected of the confusion matrix of rows whose label is not known, but its chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.pair import FloatArray


@dataclass(frozen=True)
class ExpectedCounts:
    """The expected weight of the rows of each outcome; of labels that are known, chances of 0 or 1, the weight itself.

    Attributes:
        true_positive, false_positive: of the rows that were predicted as the class.
        false_negative, true_negative: of the others.

    >>> counts = ExpectedCounts(30.0, 10.0, 20.0, 40.0)
    >>> counts.rows, counts.merge(counts).true_positive
    (100.0, 60.0)
    """

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float

    @property
    def rows(self) -> float:
        """The weight of all rows."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    def merge(self, other: "ExpectedCounts") -> "ExpectedCounts":
        """Add two counts. Associative and commutative."""
        return ExpectedCounts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )


@dataclass(frozen=True)
class Ratio:
    """A measure that is a sum of outcomes over another.

    Attributes:
        part: the weight of what counts.
        whole: the weight of what it is counted among.
        of: the weight of the rows that `whole` is about; more than it where a row counts by half, as in F1.
    """

    part: float
    whole: float
    of: float

    @property
    def value(self) -> float | None:
        """The measure; None where it is about no rows.

        >>> Ratio(1.0, 2.0, 2.0).value, Ratio(0.0, 0.0, 0.0).value
        (0.5, None)
        """
        return self.part / self.whole if self.whole > 0 else None


def count(chances: FloatArray, predicted: npt.NDArray[np.bool_], weights: FloatArray | None = None) -> ExpectedCounts:
    """Count rows (rows,) by whether they were predicted as the class and the chance that they are of it.

    Source: NannyML's documentation, "Confidence-based Performance Estimation (CBPE)".

    >>> count(np.array([0.75, 0.25]), np.array([True, False]))
    ExpectedCounts(true_positive=0.75, false_positive=0.25, false_negative=0.25, true_negative=0.75)
    """
    weight = np.ones(chances.size) if weights is None else weights
    up = weight * chances
    of_predicted, predicted_up = float(weight @ predicted), float(up @ predicted)
    up_at_all = float(up.sum())
    down_not_predicted = float(weight.sum()) - of_predicted - (up_at_all - predicted_up)
    return ExpectedCounts(predicted_up, of_predicted - predicted_up, up_at_all - predicted_up, down_not_predicted)


def accuracy(counts: ExpectedCounts) -> Ratio:
    """Rows whose prediction is right, among all.

    >>> accuracy(ExpectedCounts(30.0, 10.0, 20.0, 40.0)).value
    0.7
    """
    return Ratio(counts.true_positive + counts.true_negative, counts.rows, counts.rows)


def precision(counts: ExpectedCounts) -> Ratio:
    """Rows of the class, among those that were predicted as it.

    >>> precision(ExpectedCounts(30.0, 10.0, 20.0, 40.0)).value
    0.75
    """
    whole = counts.true_positive + counts.false_positive
    return Ratio(counts.true_positive, whole, whole)


def recall(counts: ExpectedCounts) -> Ratio:
    """Rows that were predicted as the class, among those of it.

    >>> recall(ExpectedCounts(30.0, 10.0, 20.0, 40.0)).value
    0.6
    """
    whole = counts.true_positive + counts.false_negative
    return Ratio(counts.true_positive, whole, whole)


def specificity(counts: ExpectedCounts) -> Ratio:
    """Rows that were not predicted as the class, among those that are not of it.

    >>> specificity(ExpectedCounts(30.0, 10.0, 20.0, 40.0)).value
    0.8
    """
    whole = counts.true_negative + counts.false_positive
    return Ratio(counts.true_negative, whole, whole)


def f1(counts: ExpectedCounts) -> Ratio:
    """The harmonic mean of precision and recall, of the expected counts: errors count by half.

    >>> round(f1(ExpectedCounts(30.0, 10.0, 20.0, 40.0)).value, 6)
    0.666667
    """
    errors = counts.false_positive + counts.false_negative
    return Ratio(counts.true_positive, counts.true_positive + errors / 2, counts.true_positive + errors)


RATIOS: dict[str, Callable[[ExpectedCounts], Ratio]] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
    "f1": f1,
}
"""By the name of the metric."""
