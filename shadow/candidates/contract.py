"""What a candidate is to the replay, whatever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernel.errors import DriftglassError

FloatArray = NDArray[np.float64]
Source = Literal["numbers", "texts"]
"""Which map of the record log a feature is read from."""

FEATURE = "feature."


class CandidateError(DriftglassError):
    """The candidate failed on a batch; what it says is its own first line."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a candidate says about n rows.

    Attributes:
        labels: n class names (string), or for a regression n numbers (float64); null where it gave none, or NaN.
        scores: by class, shape (n,), NaN where there is none; empty while the classes are not known, and for a regression.
    """

    labels: pa.Array
    scores: Mapping[str, FloatArray] = field(default_factory=dict)


class Candidate(Protocol):
    """A model that is tried on recorded traffic. One thread at a time."""

    @property
    def inputs(self) -> Mapping[str, Source]:
        """The features it takes, each with the form it wants it in."""
        ...

    @property
    def is_regression(self) -> bool:
        """Whether it predicts numbers rather than classes."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Its classes, in the order of its scores; empty while they are not known, and for a regression."""
        ...

    def predict(self, batch: pa.RecordBatch) -> Predictions:
        """Predict n rows.

        Args:
            batch: a column feature.NAME of n values for each of `inputs`, numbers (float64) or texts (string) as they were
                recorded, null where missing. Other columns are ignored.

        Raises:
            CandidateError: it failed on this batch; another may succeed.
        """
        ...
