"""ONNX candidates of every shape that scikit-learn exports, against scikit-learn itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import pytest
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from kernel.errors import ContractError, SettingsError, UnavailableError
from shadow.candidates.contract import CandidateError
from shadow.candidates.onnx import OnnxCandidate

NUMBERS = ["dep_delay", "distance"]
Export = Callable[..., Path]


def batch_of(frame: pd.DataFrame) -> pa.RecordBatch:
    table = pa.table({f"feature.{name}": pa.array(frame[name], from_pandas=True) for name in frame.columns})
    casts = [pa.field(f.name, pa.float64() if pa.types.is_floating(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(casts)).combine_chunks().to_batches()[0]


def agree(candidate: OnnxCandidate, frame: pd.DataFrame, model: Any, columns: Sequence[str]) -> None:
    found = candidate.predict(batch_of(frame[list(columns)]))
    classes = [str(name) for name in model.classes_]
    inputs = frame[list(columns)] if "carrier" in columns else frame[list(columns)].to_numpy()
    assert found.labels.to_pylist() == [str(name) for name in model.predict(inputs)]
    assert set(found.scores) == set(classes)
    for place, name in enumerate(classes):
        np.testing.assert_allclose(found.scores[name], model.predict_proba(inputs)[:, place], atol=1e-5)


@pytest.fixture(scope="module")
def plain(flights: pd.DataFrame) -> Pipeline:
    return make_pipeline(SimpleImputer(), LogisticRegression()).fit(flights[NUMBERS].to_numpy(), flights["label"])


@pytest.fixture
def rows(flights: pd.DataFrame) -> pd.DataFrame:
    return flights.iloc[:300]


def test_one_input_a_feature(candidates: dict[str, Path], trained: dict[str, Pipeline], rows: pd.DataFrame) -> None:
    candidate = OnnxCandidate(candidates["strong"])
    assert candidate.inputs == {"dep_delay": "numbers", "distance": "numbers", "carrier": "texts"}
    assert candidate.classes == ("late", "on_time")
    agree(candidate, rows, trained["strong"], [*NUMBERS, "carrier"])


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("metadata", [{}, {"classes": ["late", "on_time"], "features": NUMBERS}])
def test_one_matrix_with_features_in_order(
    export: Export, plain: Pipeline, rows: pd.DataFrame, zipmap: bool, metadata: dict[str, object]
) -> None:
    path = export(
        f"matrix-{zipmap}-{len(metadata)}", plain, [("x", FloatTensorType([None, 2]))], metadata, zipmap=zipmap
    )
    agree(OnnxCandidate(path, features=() if metadata else NUMBERS), rows, plain, NUMBERS)


def test_a_missing_number_is_nan(export: Export, plain: Pipeline, rows: pd.DataFrame) -> None:
    path = export("imputing", plain, [("x", FloatTensorType([None, 2]))])
    holed = rows.assign(distance=rows["distance"].where(rows.index % 3 > 0))
    agree(OnnxCandidate(path, NUMBERS), holed, plain, NUMBERS)


def test_integer_labels_are_their_digits(export: Export, rows: pd.DataFrame) -> None:
    model = LogisticRegression().fit(rows[NUMBERS].to_numpy(), (rows["label"] == "late").astype(int))
    path = export("integers", model, [("x", FloatTensorType([None, 2]))])
    agree(OnnxCandidate(path, NUMBERS), rows, model, NUMBERS)


def test_integer_labels_are_places_among_named_classes(export: Export, rows: pd.DataFrame) -> None:
    model = LogisticRegression().fit(rows[NUMBERS].to_numpy(), (rows["label"] == "late").astype(int))
    path = export("places", model, [("x", FloatTensorType([None, 2]))])
    found = OnnxCandidate(path, NUMBERS, classes=["on_time", "late"]).predict(batch_of(rows[NUMBERS]))
    said = np.where(model.predict(rows[NUMBERS].to_numpy()) == 1, "late", "on_time")
    assert found.labels.to_pylist() == said.tolist()
    np.testing.assert_allclose(found.scores["late"], model.predict_proba(rows[NUMBERS].to_numpy())[:, 1], atol=1e-5)


def test_a_regression_gives_numbers(export: Export, rows: pd.DataFrame) -> None:
    model = LinearRegression().fit(rows[["distance"]].to_numpy(), rows["dep_delay"])
    candidate = OnnxCandidate(export("regression", model, [("distance", FloatTensorType([None, 1]))]))
    assert candidate.is_regression
    found = candidate.predict(batch_of(rows[["distance"]]))
    np.testing.assert_allclose(
        found.labels.to_numpy(), model.predict(rows[["distance"]].to_numpy()), rtol=1e-4, atol=1e-5
    )


def test_a_text_where_a_number_is_wanted_is_read_as_one(candidates: dict[str, Path], rows: pd.DataFrame) -> None:
    candidate = OnnxCandidate(candidates["weak"])
    written = rows.assign(dep_delay=[repr(float(x)) for x in rows["dep_delay"]])
    read, direct = (candidate.predict(batch_of(frame[["dep_delay"]])) for frame in (written, rows))
    np.testing.assert_array_equal(read.scores["late"], direct.scores["late"])


def test_a_number_where_a_text_is_wanted_is_its_digits(export: Export, rows: pd.DataFrame) -> None:
    gates = pd.DataFrame({"gate": (np.arange(len(rows)) % 3).astype(str)})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(gates, rows["label"])
    candidate = OnnxCandidate(
        export("gates", model, [("gate", StringTensorType([None, 1]))], {"classes": ["late", "on_time"]})
    )
    found = candidate.predict(batch_of(gates.astype(float)))
    np.testing.assert_allclose(found.scores["late"], model.predict_proba(gates)[:, 0], atol=1e-5)


def test_a_category_that_the_model_refuses_fails_the_batch(candidates: dict[str, Path], rows: pd.DataFrame) -> None:
    strange = rows.assign(carrier="XX")[[*NUMBERS, "carrier"]]
    with pytest.raises(CandidateError, match="Unknown Category"):
        OnnxCandidate(candidates["strong"]).predict(batch_of(strange))


def test_a_row_without_an_integer_gets_no_label(export: Export, rows: pd.DataFrame) -> None:
    model = LogisticRegression().fit(np.arange(300).reshape(-1, 1), rows["label"])
    candidate = OnnxCandidate(export("integer", model, [("hour", Int64TensorType([None, 1]))]))
    found = candidate.predict(pa.record_batch({"feature.hour": pa.array([1.0, None, 300.0])}))
    assert [label is None for label in found.labels.to_pylist()] == [False, True, False]


def test_probabilities_that_are_nan_are_no_prediction(tmp_path: Path) -> None:
    kind, helper = onnx.TensorProto, onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Log", ["x"], ["p"])],
        "log",
        [helper.make_tensor_value_info("x", kind.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("p", kind.FLOAT, [None, 1])],
    )
    path = tmp_path / "log.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    batch = pa.record_batch({"feature.x": pa.array([-1.0, 1.0, 2.5])})
    assert OnnxCandidate(path, classes=["no", "yes"]).predict(batch).labels.to_pylist() == [None, "no", "yes"]
    assert OnnxCandidate(path).predict(batch).labels.to_pylist()[0] is None


def test_what_cannot_be_loaded_is_one_sentence(export: Export, plain: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="there is no candidate at"):
        OnnxCandidate(tmp_path / "none.onnx")
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"no model")
    with pytest.raises(UnavailableError, match=r"garbage\.onnx cannot be loaded as an ONNX model") as raised:
        OnnxCandidate(garbage)
    assert "\n" not in str(raised.value)
    path = export("unfit", plain, [("x", FloatTensorType([None, 2]))])
    with pytest.raises(ContractError, match="features: must say the order of the columns of the input 'x'"):
        OnnxCandidate(path)
    with pytest.raises(ContractError, match="features: are 3, and the candidate takes 2"):
        OnnxCandidate(path, ["a", "b", "c"])
    with pytest.raises(ContractError, match="classes: are 3, the candidate gives 2 scores"):
        OnnxCandidate(path, ["a", "b"], classes="abc").predict(
            pa.record_batch({"feature.a": [1.0], "feature.b": [1.0]})
        )
    with pytest.raises(SettingsError, match=r"shadow\.providers: this ONNX Runtime has no MoonExecutionProvider"):
        OnnxCandidate(path, ["a", "b"], providers=["MoonExecutionProvider"])


def test_without_onnx_runtime_the_extra_is_named(candidates: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(UnavailableError, match=r"install driftglass\[onnx\]"):
        OnnxCandidate(candidates["strong"])
