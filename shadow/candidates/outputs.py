"""What an ONNX model puts out, read as classes with their scores, or as numbers."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernel.errors import ContractError
from shadow.candidates.contract import FloatArray, Predictions

_LABELS = ("tensor(string)", "tensor(int64)", "tensor(int32)")
_SCORES = ("tensor(float)", "tensor(double)", "tensor(float16)")
_ZIPMAP = "seq(map("


class OutputNode(Protocol):
    """An output as ONNX Runtime describes it."""

    name: str
    type: str


class Outputs:
    """The outputs of one model: a label, probabilities with or without ZipMap, both, or a regression's value.

    Args:
        nodes: its outputs.
        classes: the classes in the order of the probabilities; () where neither file nor spec names them. Then they are
            ZipMap's keys, or learnt: the label of a row is the class of its highest probability.

    Raises:
        ContractError: no output can be read as a prediction.
    """

    def __init__(self, nodes: Sequence[OutputNode], classes: Sequence[str] = ()) -> None:
        label = next((n for n in nodes if n.type in _LABELS), None)
        scored = [n for n in nodes if n.type in _SCORES or n.type.startswith(_ZIPMAP)]
        score = next((n for n in scored if "prob" in n.name), scored[0] if scored else None)
        if label is None and score is None:
            raise ContractError(
                "", f"the candidate's outputs {[n.name for n in nodes]} hold no label, scores or number"
            )
        zipped = score is not None and score.type.startswith(_ZIPMAP)
        self.is_regression = label is None and not classes and not zipped
        self._has_label, self._zipped = label is not None, zipped
        # Integer labels are places in the list of classes where the classes are not integers themselves.
        self._places = (
            label is not None and label.type != _LABELS[0] and not all(c.lstrip("-").isdigit() for c in classes)
        )
        self._classes = tuple(classes)
        self._learnt: dict[int, str] = {}
        self.names = [n.name for n in (label, score) if n is not None]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes as far as they are known; empty while one is not."""
        return self._classes

    def read(self, found: Sequence[Any]) -> Predictions:
        """Read what the outputs `names` hold for n rows.

        Raises:
            ContractError: the probabilities are not as many as the classes.
        """
        if self.is_regression:
            # from_pandas: NaN is no prediction.
            return Predictions(pa.array(np.asarray(found[0], np.float64).reshape(-1), from_pandas=True))
        labels = self._labels(found[0]) if self._has_label else None
        if labels is not None and len(found) == 1:
            return Predictions(labels)
        matrix = self._matrix(found[-1])
        if not self._classes and labels is not None:
            self._learn(labels, matrix)
        if labels is None:
            labels = pa.array(self._classes, pa.string()).take(pa.array(matrix.argmax(axis=1)))
        broken = ~np.isfinite(matrix.sum(axis=1))
        return Predictions(without(labels, broken), dict(zip(self._classes, matrix.T, strict=False)))

    def _labels(self, values: NDArray[Any]) -> pa.Array:
        flat = values.reshape(-1)
        if flat.dtype == np.object_:
            return pa.array(flat, pa.string())
        if self._places and self._classes:
            return pa.array(self._classes, pa.string()).take(pa.array(flat))
        return pa.array(flat).cast(pa.string())

    def _matrix(self, values: Any) -> FloatArray:
        if self._zipped:
            return self._unzipped(values)
        matrix = np.asarray(values, np.float64).reshape(len(values), -1)
        if matrix.shape[1] == 1 and len(self._classes) in (0, 2):
            matrix = np.column_stack([1 - matrix, matrix])
        if self._classes and matrix.shape[1] != len(self._classes):
            raise ContractError(
                "classes", f"are {len(self._classes)}, the candidate gives {matrix.shape[1]} scores a row"
            )
        return matrix

    def _unzipped(self, rows: Sequence[dict[Any, float]]) -> FloatArray:
        if not self._classes and rows:
            self._classes = tuple(str(key) for key in rows[0])
        # Every row's map has the same keys in the same order.
        values = chain.from_iterable(map(dict.values, rows))
        return np.fromiter(values, np.float64, len(rows) * len(self._classes)).reshape(len(rows), -1)

    def _learn(self, labels: pa.Array, matrix: FloatArray) -> None:
        places, rows = np.unique(matrix.argmax(axis=1), return_index=True)
        for place, row in zip(places.tolist(), rows.tolist(), strict=True):
            self._learnt.setdefault(place, labels[row].as_py())
        if len(set(self._learnt.values())) == matrix.shape[1]:
            self._classes = tuple(self._learnt[place] for place in range(matrix.shape[1]))


def without(labels: pa.Array, rows: NDArray[np.bool_]) -> pa.Array:
    """The labels, null in these rows (n,).

    >>> without(pa.array(["a", "b"]), np.array([True, False])).to_pylist()
    [None, 'b']
    """
    return pa.compute.if_else(pa.array(rows), pa.scalar(None, labels.type), labels) if rows.any() else labels
