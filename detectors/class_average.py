"""How a measure of each class becomes one number: binary, macro or weighted, as scikit-learn defines them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.confusion import Average, ClusterCells, ConfusionCounts, linear_interval, share_interval
from detectors.estimate import Estimate, none_of
from detectors.pair import FloatArray


@dataclass(frozen=True, eq=False)
class ClassRatios:
    """A ratio per class, hits / whole, where whole = label_share * (rows of its label) + predicted_share * (predicted).

    Recall is (1, 0), precision (0, 1), F1 (1/2, 1/2). A class whose whole is 0 counts as 0, as in scikit-learn.
    Source: Sokolova and Lapalme, "A systematic analysis of performance measures for classification tasks" (2009).

    >>> from detectors.confusion import count
    >>> recall = ClassRatios(count(["a", "a", "b"], ["a", "c", "b"]), label_share=1.0, predicted_share=0.0)
    >>> recall.whole.tolist(), recall.ratios.tolist()
    ([2.0, 1.0, 0.0], [0.5, 1.0, 0.0])
    >>> recall.estimate("weighted", None, None, level=0.95).value
    0.6666666666666666
    """

    counts: ConfusionCounts
    label_share: float
    predicted_share: float

    @property
    def whole(self) -> FloatArray:
        """The denominators, shape (K,)."""
        weights = self.counts.weights
        whole: FloatArray = self.label_share * weights.sum(axis=1) + self.predicted_share * weights.sum(axis=0)
        return whole

    @property
    def ratios(self) -> FloatArray:
        """The measure per class, shape (K,)."""
        whole = self.whole
        return np.divide(np.diag(self.counts.weights), whole, out=np.zeros_like(whole), where=whole > 0)

    def estimate(self, average: Average, positive: str | None, parts: ClusterCells | None, level: float) -> Estimate:
        """Return the average with its interval; no value where the measure does not exist.

        Precision and recall of one class are shares, so their interval is Wilson's; all others have the delta method's.

        Raises ValueError for a binary average without the positive class.
        """
        if average == "binary" and positive is None:
            raise ValueError("a binary measure needs its positive class")
        if average == "binary" and 0.0 in (self.label_share, self.predicted_share):
            return self._one_share(self._chosen(positive), parts, level)
        mix = self._mix(average, positive)
        if mix is None:
            return none_of(self.counts.rows)
        value = float(mix @ self.ratios)
        return linear_interval(value, self._gradient(mix, average, value), self.counts, parts, level)

    def _chosen(self, positive: str | None) -> npt.NDArray[np.bool_]:
        return np.array([name == positive for name in self.counts.classes], dtype=np.bool_)

    def _one_share(self, chosen: npt.NDArray[np.bool_], parts: ClusterCells | None, level: float) -> Estimate:
        side = chosen[:, None] if self.label_share else chosen[None, :]
        among = np.broadcast_to(side, self.counts.weights.shape)
        return share_interval(np.diag(chosen), among, self.counts, parts, level)

    def _mix(self, average: Average, positive: str | None) -> FloatArray | None:
        """How much each class weighs; macro takes the classes seen on either side."""
        labelled, predicted = self.counts.weights.sum(axis=1), self.counts.weights.sum(axis=0)
        if average == "weighted":
            mix = labelled
        elif average == "macro":
            mix = ((labelled + predicted) > 0).astype(np.float64)
        else:
            mix = (self._chosen(positive) & (self.whole > 0)).astype(np.float64)
        return mix / mix.sum() if mix.sum() > 0 else None

    def _gradient(self, mix: FloatArray, average: Average, value: float) -> FloatArray:
        whole, ratios = self.whole, self.ratios
        slope = np.divide(mix, whole, out=np.zeros_like(whole), where=whole > 0)
        by_label, by_prediction = (-share * slope * ratios for share in (self.label_share, self.predicted_share))
        if average == "weighted":
            by_label = by_label + (ratios - value) / self.counts.weights.sum()
        gradient: FloatArray = by_label[:, None] + by_prediction[None, :] + np.diag(slope)
        return gradient
