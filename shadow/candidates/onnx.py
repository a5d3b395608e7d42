"""A candidate in ONNX, run by ONNX Runtime."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from kernel.errors import ContractError, SettingsError, UnavailableError
from shadow.candidates.contract import CandidateError, Predictions, Source
from shadow.candidates.feeds import Feeds
from shadow.candidates.outputs import Outputs, without


class OnnxCandidate:
    """An ONNX file as a candidate.

    Inputs are one tensor [n, 1] a feature (float, double, integer, boolean or string), named after it, or one matrix [n, k];
    outputs a label, probabilities with or without ZipMap, both, or one number a row. Its metadata may say "classes" and
    "features", JSON lists; the arguments win.

    Args:
        path: the file.
        features: the features in the order of the inputs, or of the matrix' columns; () where the inputs bear their names.
        classes: the classes in the order of the probabilities; () where the file names them.
        threads: within one operator; 0 for one a core.
        providers: execution providers, the preferred first.

    Attributes:
        session: ONNX Runtime's own, for benchmarks.

    Raises:
        UnavailableError: ONNX Runtime is not installed, there is no such file, or it is no ONNX model.
        ContractError: its inputs or outputs are not those of a model on features.
        SettingsError: a provider that this ONNX Runtime does not have.
    """

    def __init__(
        self,
        path: Path,
        features: Sequence[str] = (),
        classes: Sequence[str] = (),
        threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        if not path.is_file():
            raise UnavailableError(f"there is no candidate at {path}: export the model to ONNX, or correct the path")
        self.session, self._errors = _open(path, threads, providers)
        metadata = self.session.get_modelmeta().custom_metadata_map
        self._feeds = Feeds(self.session.get_inputs(), features or _listed(metadata, "features", path))
        self._outputs = Outputs(self.session.get_outputs(), classes or _listed(metadata, "classes", path))

    @property
    def inputs(self) -> dict[str, Source]:
        """The features it takes, each with the form it wants it in."""
        return self._feeds.inputs

    @property
    def is_regression(self) -> bool:
        """Whether it predicts numbers rather than classes."""
        return self._outputs.is_regression

    @property
    def classes(self) -> tuple[str, ...]:
        """Its classes, in the order of its scores; empty while they are not known."""
        return self._outputs.classes

    def predict(self, batch: pa.RecordBatch) -> Predictions:
        """Predict n rows; a row that lacks an integer gets no label.

        Raises:
            CandidateError: ONNX Runtime fails on this batch.
            ContractError: the probabilities are not as many as the classes.
        """
        fed = self._feeds.feed(batch)
        try:
            found = self.session.run(self._outputs.names, fed.tensors)
        except self._errors as error:
            raise CandidateError(_first_line(error)) from error
        predictions = self._outputs.read(found)
        if fed.missing is None:
            return predictions
        return Predictions(without(predictions.labels, fed.missing), predictions.scores)


def _open(path: Path, threads: int, providers: Sequence[str]) -> tuple[Any, tuple[type[Exception], ...]]:
    runtime = _runtime()
    unknown = sorted(set(providers) - set(runtime.get_available_providers()))
    if unknown:
        allowed = ", ".join(runtime.get_available_providers())
        raise SettingsError(f"shadow.providers: this ONNX Runtime has no {', '.join(unknown)}; it has {allowed}")
    errors = _errors(runtime)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what fails is said once, by us
    try:
        return runtime.InferenceSession(str(path), options, providers=list(providers)), errors
    except errors as error:
        raise UnavailableError(f"{path} cannot be loaded as an ONNX model: {_first_line(error)}") from error


def _runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise UnavailableError(
            "candidates need ONNX Runtime: install driftglass[onnx] or driftglass[onnx-gpu]"
        ) from error
    module: ModuleType = onnxruntime
    return module


def _errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """Its exceptions have no common root but Exception."""
    state = vars(runtime.capi.onnxruntime_pybind11_state).values()
    return tuple(e for e in state if isinstance(e, type) and issubclass(e, Exception))


def _listed(metadata: dict[str, str], name: str, path: Path) -> tuple[str, ...]:
    try:
        values = json.loads(metadata.get(name, "[]"))
    except json.JSONDecodeError as error:
        raise ContractError(name, f"in the metadata of {path} must be a JSON list, got {metadata[name]!r}") from error
    if not isinstance(values, list):
        raise ContractError(name, f"in the metadata of {path} must be a JSON list, got {metadata[name]!r}")
    return tuple(str(value) for value in values)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
