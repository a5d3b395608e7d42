"""Shadow replay beside onnxruntime alone on the same batches: boosted trees on 20 numbers, with and without 5 categories; and
a logistic regression, which costs next to nothing, so that what is left is ours.

Ours is a batch's whole way: Arrow columns as read from the record log to tensors, through the model, to labels and scores beside
the champion's. The peer runs the same session on tensors that lie ready. They take turns, batch by batch; a figure is the
median of the rounds.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from onnx.helper import set_model_props
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from bench.size import sized
from shadow.candidates.contract import FEATURE
from shadow.candidates.feeds import Feeds
from shadow.candidates.onnx import OnnxCandidate
from shadow.replay import beside

BATCHES, BATCH_ROWS, ROUNDS = 8, sized(16_384, 1_024), sized(5, 1)
NUMBERS = [f"number_{i}" for i in range(20)]
TEXTS = [f"text_{i}" for i in range(5)]


def measure() -> list[dict[str, Any]]:
    """A row for each model; rows a second, and ours as a share of the peer's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        return [
            _measured(path, model, texts) for model, texts in (("trees", []), ("trees", TEXTS), ("logistic", TEXTS))
        ]


def _measured(path: Path, model: str, texts: list[str]) -> dict[str, Any]:
    frame = _export(path, model, texts)
    candidate = OnnxCandidate(path)
    session = candidate.session
    batches = _recorded(frame).to_batches(max_chunksize=BATCH_ROWS)
    fed = [Feeds(session.get_inputs()).feed(batch).tensors for batch in batches]
    ours, peer = [], []
    for _ in range(ROUNDS):
        mine = theirs = 0
        for batch, tensors in zip(batches, fed, strict=True):
            began = time.perf_counter_ns()
            beside(batch, candidate.predict(batch), "late")
            between = time.perf_counter_ns()
            session.run(["label", "probabilities"], tensors)
            mine, theirs = mine + between - began, theirs + time.perf_counter_ns() - between
        ours.append(mine / 1e9)
        peer.append(theirs / 1e9)
    rows = BATCHES * BATCH_ROWS
    return {
        "what": "shadow replay",
        "model": model,
        "features": f"{len(NUMBERS)} numbers, {len(texts)} texts",
        "peer": "onnxruntime alone",
        "ours_rows_per_s": rows / statistics.median(ours),
        "peer_rows_per_s": rows / statistics.median(peer),
        "ratio": statistics.median(peer) / statistics.median(ours),
        "bar": 0.85,
    }


def _export(path: Path, kind: str, texts: list[str]) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), BATCHES * BATCH_ROWS
    frame = pd.DataFrame({name: rng.normal(size=rows).astype(np.float32) for name in NUMBERS})
    for name in texts:
        frame[name] = rng.choice([f"value {i}" for i in range(20)], rows)
    actual = np.where(frame[NUMBERS].sum(axis=1) + rng.normal(size=rows) > 0, "late", "on_time")
    columns = ColumnTransformer([("numbers", "passthrough", NUMBERS), ("texts", OneHotEncoder(), texts)])
    trees = GradientBoostingClassifier(n_estimators=100, max_depth=4, subsample=0.5, random_state=0)
    classifier = trees if kind == "trees" else LogisticRegression()
    model = make_pipeline(columns, classifier).fit(frame[: 4 * BATCH_ROWS // 10], actual[: 4 * BATCH_ROWS // 10])
    kinds = {name: FloatTensorType if name in NUMBERS else StringTensorType for name in frame.columns}
    inputs = [(name, kind([None, 1])) for name, kind in kinds.items()]
    graph = convert_sklearn(model, "bench", inputs, options={"zipmap": False})
    set_model_props(graph, {"classes": json.dumps(model.classes_.tolist())})
    path.write_bytes(graph.SerializeToString())
    return frame


def _recorded(frame: pd.DataFrame) -> pa.Table:
    """Columns as store.record_reads.RecordReader.predictions gives them."""
    rows = len(frame)
    offsets = pa.array(np.arange(0, 2 * rows + 1, 2, dtype=np.int32))
    probability = np.random.default_rng(1).random(rows)
    scores = np.column_stack([probability, 1 - probability]).reshape(-1)
    columns = {
        "version": pa.array(["1"] * rows),
        "id": pa.array([f"{i:032d}" for i in range(rows)]),
        "ts_us": pa.array(np.arange(rows)),
        "prediction": pa.array(np.where(probability > 0.5, "late", "on_time")),
        "prediction_value": pa.nulls(rows, pa.float64()),
        "latency_ms": pa.array(probability),
        "weight": pa.nulls(rows, pa.float64()),
        "scores": pa.MapArray.from_arrays(offsets, pa.array(["late", "on_time"] * rows), pa.array(scores)),
    }
    features = {FEATURE + name: pa.array(frame[name]) for name in frame.columns}
    floats = {n: v.cast(pa.float64()) if pa.types.is_floating(v.type) else v for n, v in features.items()}
    return pa.table(columns | floats)


if __name__ == "__main__":
    for row in measure():
        print(json.dumps(row))
