"""A classifier in ONNX with one input a feature: loads it and scores columns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kernel.errors import UnavailableError

Columns = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model says about n rows.

    labels: n class names, the class of the highest probability. probabilities: (n, classes) float32, rows sum to 1.
    """

    labels: list[str]
    probabilities: NDArray[np.float32]


class OnnxModel:
    """A classifier whose inputs are float or string tensors of shape [n, 1], and whose metadata name its classes.

    Args:
        path: the .onnx file, with "classes" (a JSON list, in the order of the probabilities) and "version" in its
            metadata.

    Raises:
        UnavailableError: when there is no such file, or when it is no such model.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UnavailableError(f"no model file at {path}: train one first, or correct the path")
        # One thread: a batch takes microseconds, and the processes beside this one need the cores.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf as error:
            raise UnavailableError(f"{path} is no ONNX model: export it again") from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        if not {"classes", "version"} <= metadata.keys():
            raise UnavailableError(f"{path} does not name its classes and version in its metadata: export it again")
        self.classes: tuple[str, ...] = tuple(json.loads(metadata["classes"]))
        self.version: str = metadata["version"]
        self._kinds: dict[str, str] = {node.name: node.type for node in self._session.get_inputs()}

    def score(self, columns: Columns) -> Scored:
        """Score n rows, given as one sequence of n values a feature; None is a missing number.

        Raises:
            KeyError: when a feature is missing.
        """
        feeds = {name: _tensor(columns[name], kind) for name, kind in self._kinds.items()}
        labels, probabilities = self._session.run(["label", "probabilities"], feeds)
        return Scored(labels.tolist(), probabilities)


def _tensor(values: Sequence[object], kind: str) -> NDArray[np.generic]:
    # numpy turns None into NaN, which the model imputes.
    dtype = np.float32 if kind == "tensor(float)" else np.object_
    return np.array(values, dtype).reshape(-1, 1)
