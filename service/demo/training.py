"""The demo's two models: trained with scikit-learn, exported to ONNX with one input a feature, checked against each other.

The champion is a logistic regression on January. The candidate is gradient boosting on January to March, which the
champion meets in a shadow run; judge it on flights from April on, for it has seen the labels of those before.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import polars as pl
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from kernel.errors import DriftglassError
from service.demo.flights import CATEGORICAL, FEATURES, MODEL, NUMERIC, Flights
from service.demo.model import OnnxModel
from service.demo.paths import DemoPaths

TOLERANCE = 1e-4  # of a probability: ONNX computes in float32, scikit-learn in float64


class ExportError(DriftglassError):
    """The exported model does not say what the trained one says."""


def train_models(flights: Flights, paths: DemoPaths) -> None:
    """Train champion (January) and candidate (January to March) and write both as ONNX files. About 8 s on one core.

    Raises:
        ExportError: when an exported model disagrees with the trained one.
    """
    paths.models.mkdir(parents=True, exist_ok=True)
    champion = train(LogisticRegression(max_iter=500), flights.months(1, 1))
    export(champion, flights.months(1, 1), paths.champion, version="1")
    boosting = GradientBoostingClassifier(
        n_estimators=100, max_depth=4, min_samples_leaf=200, subsample=0.5, max_features=0.3, random_state=0
    )
    candidate = train(boosting, flights.months(1, 3))
    export(candidate, flights.months(1, 3), paths.candidate, version="2")


def train(classifier: ClassifierMixin, flights: Flights) -> Pipeline:
    """Fit imputing, scaling, one-hot encoding and the classifier on the flights that have a label."""
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    encode = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("numeric", numeric, list(NUMERIC)), ("categorical", encode, list(CATEGORICAL))])
    labelled = flights.frame.filter(pl.col("label").is_not_null())
    return Pipeline([("columns", columns), ("classifier", classifier)]).fit(
        inputs(labelled), labelled["label"].to_numpy()
    )


def inputs(frame: pl.DataFrame) -> pl.DataFrame:
    """The features as the models take them: float32 with NaN for missing, and text."""
    return frame.select(pl.col(NUMERIC).cast(pl.Float32).fill_null(float("nan")), pl.col(CATEGORICAL)).select(FEATURES)


def export(pipeline: Pipeline, flights: Flights, path: Path, version: str) -> None:
    """Write a trained pipeline as ONNX: one [None, 1] input a feature, outputs "label" and "probabilities" (n, classes).

    Its metadata say model, version and classes (a JSON list, in the order of the probabilities).

    Raises:
        ExportError: when it disagrees with the pipeline on these flights.
    """
    kinds = {name: FloatTensorType if name in NUMERIC else StringTensorType for name in FEATURES}
    types = [(name, kind([None, 1])) for name, kind in kinds.items()]
    graph = convert_sklearn(pipeline, MODEL, types, options={"zipmap": False})
    metadata = {"model": MODEL, "version": version, "classes": json.dumps(pipeline.classes_.tolist())}
    onnx.helper.set_model_props(graph, metadata)
    path.write_bytes(graph.SerializeToString())
    gap = largest_gap(pipeline, path, flights)
    if gap > TOLERANCE:
        raise ExportError(f"{path} disagrees with the trained model by {gap:.2g}: this skl2onnx cannot export it")


def largest_gap(pipeline: Pipeline, path: Path, flights: Flights) -> float:
    """The largest difference of a probability between the trained pipeline and its export, over these flights."""
    rows = inputs(flights.frame)
    ours = OnnxModel(path).score(rows.to_dict(as_series=False)).probabilities
    return float(np.abs(ours - pipeline.predict_proba(rows)).max())
