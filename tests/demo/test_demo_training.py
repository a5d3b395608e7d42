import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from kernel.errors import UnavailableError
from service.demo.flights import CATEGORICAL, CLASSES, FEATURES, NUMERIC, Flights
from service.demo.model import OnnxModel
from service.demo.paths import DemoPaths
from service.demo.training import inputs, train


@pytest.fixture(scope="module")
def december(flights: Flights) -> Flights:
    return flights.months(12, 12)


def rows(flights: Flights) -> dict[str, list[object]]:
    return flights.frame.select(FEATURES).to_dict(as_series=False)


def test_the_export_says_what_the_trained_model_says(
    flights: Flights, december: Flights, demo_paths: DemoPaths
) -> None:
    pipeline = train(LogisticRegression(max_iter=500), flights.months(1, 1))
    theirs = pipeline.predict_proba(inputs(december.frame))
    ours = OnnxModel(demo_paths.champion).score(rows(december))
    assert np.abs(ours.probabilities - theirs).max() < 1e-4
    decided = np.abs(theirs[:, 0] - 0.5) > 1e-4
    assert (np.array(ours.labels)[decided] == pipeline.predict(inputs(december.frame))[decided]).all()


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_exported_model_has_one_input_a_feature_and_names_its_classes(demo_paths: DemoPaths, version: str) -> None:
    path = demo_paths.champion if version == "1" else demo_paths.candidate
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    types = {node.name: (node.type, node.shape) for node in session.get_inputs()}
    assert types == dict.fromkeys(NUMERIC, ("tensor(float)", [None, 1])) | dict.fromkeys(
        CATEGORICAL, ("tensor(string)", [None, 1])
    )
    assert [node.name for node in session.get_outputs()] == ["label", "probabilities"]
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["version"] == version
    assert tuple(json.loads(metadata["classes"])) == CLASSES


def test_cancelled_flights_are_scored_too(december: Flights, demo_paths: DemoPaths) -> None:
    cancelled = Flights(december.frame.filter(december.frame["dep_delay"].is_null()))
    scored = OnnxModel(demo_paths.champion).score(rows(cancelled))
    assert len(scored.labels) == cancelled.frame.height > 1_000
    assert np.isfinite(scored.probabilities).all()


def test_the_candidate_is_the_better_model_on_flights_that_neither_has_seen(
    flights: Flights, demo_paths: DemoPaths
) -> None:
    unseen = flights.months(4, 12)
    unseen = Flights(unseen.frame.filter(unseen.frame["label"].is_not_null()))
    late = (unseen.frame["label"] == "late").to_numpy()
    champion, candidate = (
        roc_auc_score(late, OnnxModel(path).score(rows(unseen)).probabilities[:, 0])
        for path in (demo_paths.champion, demo_paths.candidate)
    )
    assert 0.88 < champion < candidate


def test_a_missing_model_file_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no model file at"):
        OnnxModel(tmp_path / "absent.onnx")


def test_a_file_that_is_no_model_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("this is no model")
    with pytest.raises(UnavailableError, match="is no ONNX model"):
        OnnxModel(path)
