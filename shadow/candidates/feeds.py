"""How recorded columns become what an ONNX model is fed: one input a feature, or one matrix of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernel.errors import ContractError
from shadow.candidates.contract import FEATURE, Source
from shadow.candidates.tensors import numbers, texts, whole_numbers

_FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
_WHOLES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
_TEXT = "tensor(string)"


class InputNode(Protocol):
    """An input as ONNX Runtime describes it."""

    name: str
    type: str
    shape: Sequence[int | str | None]


@dataclass(frozen=True, slots=True)
class Fed:
    """What one call is fed.

    Attributes:
        tensors: by the input's name.
        missing: rows, shape (n,), that lack a value which their input cannot leave open; None where there are none.
    """

    tensors: Mapping[str, NDArray[Any]]
    missing: NDArray[np.bool_] | None


class Feeds:
    """The inputs of one model.

    Args:
        nodes: its inputs: tensors of shape [n, 1] or [n] each of one feature, or one of shape [n, k].
        features: the features in the order of the inputs, or of the matrix' columns; () where inputs bear their names.

    Raises:
        ContractError: the inputs cannot be fed from features, or `features` does not fit them.
    """

    def __init__(self, nodes: Sequence[InputNode], features: Sequence[str] = ()) -> None:
        for node in nodes:
            if node.type not in {*_FLOATS, *_WHOLES, _TEXT} or len(node.shape) not in (1, 2):
                raise ContractError(
                    node.name, f"is an input of type {node.type}, {list(node.shape)}; features are [n, 1]"
                )
        self._nodes = tuple(nodes)
        self._matrix = len(nodes) == 1 and len(nodes[0].shape) == 2 and (nodes[0].shape[1] != 1 or len(features) > 1)
        self._features = self._declared(features) if features or self._matrix else tuple(n.name for n in nodes)
        kinds = [nodes[0].type] * len(self._features) if self._matrix else [n.type for n in nodes]
        self.inputs: dict[str, Source] = {
            name: "texts" if kind == _TEXT else "numbers" for name, kind in zip(self._features, kinds, strict=True)
        }

    def _declared(self, features: Sequence[str]) -> tuple[str, ...]:
        if not features:
            raise ContractError("features", f"must say the order of the columns of the input {self._nodes[0].name!r}")
        width = self._nodes[0].shape[1] if self._matrix else len(self._nodes)
        if isinstance(width, int) and width != len(features):
            raise ContractError("features", f"are {len(features)}, and the candidate takes {width}")
        if len(set(features)) != len(features):
            raise ContractError("features", "must name each feature once")
        return tuple(features)

    def feed(self, batch: pa.RecordBatch) -> Fed:
        """The tensors of n rows, from columns feature.NAME."""
        if self._matrix:
            return self._feed_matrix(batch)
        tensors: dict[str, NDArray[Any]] = {}
        gaps: NDArray[np.bool_] | None = None
        for name, node in zip(self._features, self._nodes, strict=True):
            values, missing = _values(batch.column(FEATURE + name), node.type)
            gaps = _either(gaps, missing)
            tensors[node.name] = values.reshape(-1, 1) if len(node.shape) == 2 else values
        return Fed(tensors, gaps)

    def _feed_matrix(self, batch: pa.RecordBatch) -> Fed:
        node = self._nodes[0]
        dtype = np.object_ if node.type == _TEXT else (_FLOATS | _WHOLES)[node.type]
        matrix = np.empty((batch.num_rows, len(self._features)), dtype)
        gaps: NDArray[np.bool_] | None = None
        for place, name in enumerate(self._features):
            matrix[:, place], missing = _values(batch.column(FEATURE + name), node.type)
            gaps = _either(gaps, missing)
        return Fed({node.name: matrix}, gaps)


def _values(column: pa.Array, kind: str) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    if kind in _FLOATS:
        return numbers(column, _FLOATS[kind]), None
    if kind == _TEXT:
        return texts(column), None
    values, missing = whole_numbers(column, _WHOLES[kind])
    return values, missing if missing.any() else None


def _either(one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other
