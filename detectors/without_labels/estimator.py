"""What a labelled reference says of windows without labels: what was fitted, and which columns it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from detectors.estimate import Estimate
from detectors.without_labels import cbpe, cbpe_multiclass, dle, estimated_value, scored
from detectors.without_labels.scored import Scored
from detectors.without_labels.thresholds import Thresholds
from kernel.column_spec import SCORE
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.worth import Worth

OF_CLASSES = ("accuracy", "precision", "recall", "f1", "roc_auc")
OF_NUMBERS = ("mae", "rmse", "mape")
_NO_SCORES = ColumnProfile(Kind.SCORE)


@dataclass(frozen=True)
class OfTwo:
    """Of two classes, from a window's profile.

    Attributes:
        positive: the class that precision, recall and the ROC curve are about.
        spread: see trust.py.
    """

    positive: str
    fitted: cbpe.Fitted
    spread: float = 0.0
    method: ClassVar[str] = "cbpe"
    metrics: ClassVar[tuple[str, ...]] = OF_CLASSES

    def of_profile(self, window: WindowProfile) -> dict[str, Estimate]:
        """Return the estimate of each metric from the cells of the class's score; without scores none has a value.

        >>> OfTwo("late", cbpe.Fitted(None, {}, {})).of_profile(WindowProfile())["accuracy"].value is None
        True
        """
        return cbpe.estimate(self.fitted, self._scored(window))

    def value(self, window: WindowProfile, worth: Worth) -> Estimate | None:
        """Return what a row is expected to be worth; None where that is not declared of two classes.

        >>> OfTwo("late", cbpe.Fitted(None, {}, {})).value(WindowProfile(), Worth()) is None
        True
        """
        return (
            estimated_value.of_two(self.fitted, self._scored(window), self.positive, worth.cells)
            if worth.cells
            else None
        )

    def _scored(self, window: WindowProfile) -> Scored:
        column = window.columns.get(SCORE + self.positive, _NO_SCORES)
        return scored.of_cells(column if column.kind is Kind.SCORE else _NO_SCORES)


@dataclass(frozen=True)
class OfSeveral:
    """Of several classes, from rows.

    Attributes:
        classes: in the order of the columns of scores.
        spread: see trust.py.
    """

    classes: tuple[str, ...]
    fitted: cbpe_multiclass.Fitted
    spread: float = 0.0
    method: ClassVar[str] = "cbpe"
    metrics: ClassVar[tuple[str, ...]] = OF_CLASSES


@dataclass(frozen=True)
class OfNumbers:
    """Of a regression, from rows.

    Attributes:
        features: each with where the record log keeps it, "numbers" or "texts"; in the order of the columns.
        spread: see trust.py.
    """

    features: tuple[tuple[str, str], ...]
    fitted: dle.Fitted
    spread: float = 0.0
    method: ClassVar[str] = "dle"
    metrics: ClassVar[tuple[str, ...]] = OF_NUMBERS


Estimator = OfTwo | OfSeveral | OfNumbers


def main_metric(estimator: Estimator) -> str:
    """Return the metric by which an estimator is judged itself.

    >>> main_metric(OfTwo("late", cbpe.Fitted(None, {}, {})))
    'accuracy'
    """
    return estimator.metrics[0]


def broken(estimator: Estimator, metric: str, value: float) -> Thresholds | None:
    """Return the thresholds of a metric where a value lies beyond them on the bad side; else None.

    >>> fitted = cbpe.Fitted(None, {}, {"accuracy": Thresholds(0.8, 0.9)})
    >>> broken(OfTwo("late", fitted), "accuracy", 0.7), broken(OfTwo("late", fitted), "accuracy", 0.95)
    (Thresholds(lower=0.8, upper=0.9), None)
    """
    known: Mapping[str, Thresholds] = estimator.fitted.thresholds
    limits = known.get(metric)
    if limits is None:
        return None
    worse = value > limits.upper if metric in OF_NUMBERS else value < limits.lower
    return limits if worse else None
