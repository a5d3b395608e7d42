"""A laboratory for shadow runs: recorded traffic in a real record log, and real models exported from scikit-learn."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import pytest
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from kernel.clock import DAY_US
from store.database import Database
from store.record_reads import RecordReader
from store.record_schema import TIMESTAMP
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition
from testing.migrated import open_migrated

WORKSPACE = "acme"
MODEL = "flight-delay"
START_US = 1_364_774_400_000_000  # 2013-04-01
DAYS = 40
FEATURES = ("dep_delay", "distance", "carrier")


@dataclass(frozen=True)
class Traffic:
    """What was recorded: flights with their features, the champion's predictions and, of some, the labels."""

    frame: pd.DataFrame
    start_us: int = START_US
    end_us: int = START_US + DAYS * DAY_US

    @property
    def rows(self) -> int:
        return len(self.frame)


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """Flights of 40 days, 60 a day; late or not by delay, distance and carrier."""
    rng, n = np.random.default_rng(7), DAYS * 60
    frame = pd.DataFrame(
        {
            "dep_delay": rng.normal(size=n).astype(np.float32),
            "distance": rng.normal(size=n).astype(np.float32),
            "carrier": rng.choice(["UA", "AA", "B6"], n),
        }
    )
    lift = frame["carrier"].map({"UA": 1.0, "AA": -1.0, "B6": 0.0})
    odds = 1.2 * frame["dep_delay"] + 1.5 * frame["distance"] + lift
    frame["label"] = np.where(rng.random(n) < 1 / (1 + np.exp(-odds)), "late", "on_time")
    frame["ts_us"] = START_US + (np.arange(n) * (DAYS * DAY_US // n))
    frame["id"] = [f"f{i:06d}" for i in range(n)]
    return frame


@pytest.fixture(scope="session")
def trained(flights: pd.DataFrame) -> dict[str, Pipeline]:
    """weak (one feature) and strong (all three)."""
    strong = ColumnTransformer(
        [("numeric", StandardScaler(), ["dep_delay", "distance"]), ("carrier", OneHotEncoder(), ["carrier"])]
    )
    weak = ColumnTransformer([("numeric", StandardScaler(), ["dep_delay"])])
    return {
        name: make_pipeline(columns, LogisticRegression()).fit(flights[list(FEATURES)], flights["label"])
        for name, columns in (("strong", strong), ("weak", weak))
    }


Export = Callable[..., Path]


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Writes an estimator as an ONNX file."""
    folder = tmp_path_factory.mktemp("models")

    def write(
        name: str,
        estimator: Any,
        inputs: Sequence[tuple[str, Any]],
        metadata: Mapping[str, object] | None = None,
        *,
        zipmap: bool = False,
    ) -> Path:
        options = {"zipmap": zipmap} if hasattr(estimator, "predict_proba") else None
        graph = convert_sklearn(estimator, name, list(inputs), options=options)
        onnx.helper.set_model_props(graph, {key: json.dumps(value) for key, value in (metadata or {}).items()})
        path = folder / f"{name}.onnx"
        path.write_bytes(graph.SerializeToString())
        return path

    return write


@pytest.fixture(scope="session")
def candidates(trained: dict[str, Pipeline], export: Export) -> dict[str, Path]:
    """strong and weak as ONNX: one input a feature, classes in the metadata."""
    kinds = [
        (name, StringTensorType([None, 1]) if name == "carrier" else FloatTensorType([None, 1])) for name in FEATURES
    ]
    return {
        "strong": export("strong", trained["strong"], kinds, {"classes": ["late", "on_time"]}),
        "weak": export("weak", trained["weak"], kinds[:1], {"classes": ["late", "on_time"]}),
    }


@pytest.fixture
def log(tmp_path: Path) -> RecordLog:
    return RecordLog(str(tmp_path / "records"))


@pytest.fixture
def reader(log: RecordLog) -> RecordReader:
    return RecordReader(log, WORKSPACE)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_migrated(f"sqlite:///{tmp_path / 'driftglass.db'}")
    yield database
    database.close()


Record = Callable[..., Traffic]


@pytest.fixture
def record(log: RecordLog, flights: pd.DataFrame, trained: dict[str, Pipeline]) -> Record:
    """Records the flights as predicted by a model, and the labels of a share of them."""

    def write(
        champion: str = "weak", labelled: float = 1.0, version: str = "1", as_text: Sequence[str] = ()
    ) -> Traffic:
        model = trained[champion]
        frame = flights.assign(champion=model.predict(flights[list(FEATURES)]))
        frame[["score.late", "score.on_time"]] = model.predict_proba(flights[list(FEATURES)])
        frame["latency_ms"] = 5.0 + np.arange(len(frame)) % 10
        predictions = {
            "version": pa.array([version] * len(frame)),
            "prediction": pa.array(frame["champion"]),
            **{f"feature.{name}": pa.array(frame[name], from_pandas=True) for name in FEATURES},
            **{name: pa.array(frame[name]) for name in ("score.late", "score.on_time", "latency_ms")},
        }
        predictions |= {name: predictions[name].cast(pa.string()) for name in (f"feature.{n}" for n in as_text)}
        append(log, RecordKind.PREDICTIONS, frame, predictions)
        known = frame.iloc[: round(labelled * len(frame))]
        if len(known):
            append(log, RecordKind.LABELS, known, {"label": pa.array(known["label"])})
        return Traffic(frame)

    return write


def append(log: RecordLog, kind: RecordKind, frame: pd.DataFrame, columns: Mapping[str, pa.Array]) -> None:
    """Append flat rows as the collector does, after what is there."""
    topic, rows = f"driftglass.{kind}", len(frame)
    first = log.end(WORKSPACE, kind, Partition(topic, 0)) or 0
    moments = pa.array(frame["ts_us"]).cast(TIMESTAMP)
    table = pa.table(
        {
            "model": pa.array([MODEL] * rows),
            "id": pa.array(frame["id"]),
            "ts": moments,
            "topic": pa.array([topic] * rows),
            "partition": pa.array(np.zeros(rows, np.int32)),
            "offset": pa.array(np.full(rows, first)),
            "row": pa.array(np.arange(rows, dtype=np.int32)),
            "ingested_at": moments,
            **columns,
        }
    )
    log.append(WORKSPACE, kind, [table], {Partition(topic, 0): (first, first + 1)})
