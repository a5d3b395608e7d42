"""NannyML's estimates of its own data sets, chunk by chunk: python -m testing.peer_estimates.of_nannyml, in its environment."""

import json
import sys
from pathlib import Path

import nannyml
import numpy as np
import pandas as pd
from nannyml.calibration import NoopCalibrator

from testing.peer_estimates.sets import SETS, WORTH, DataSet

FILES = Path(nannyml.__file__).parent / "datasets" / "data"
VALUE = "business_value"
FIGURES = (
    "value", "sampling_error", "lower_confidence_boundary", "upper_confidence_boundary",
    "lower_threshold", "upper_threshold",
)  # fmt: skip


def estimates(of: DataSet) -> dict[str, object]:
    """Which scores were calibrated; and of each chunk whose it is, where it begins and ends there, and the figures by metric."""
    reference, analysis = (_read(FILES / name) for name in (of.reference, of.analysis))
    estimator = _estimator(of)
    estimator.fit(reference)
    found = estimator.estimate(analysis).to_df()
    return {"calibrated": _calibrated(estimator, of), "chunks": [_chunk(row, of) for _, row in found.iterrows()]}


def _calibrated(estimator: nannyml.CBPE | nannyml.DLE, of: DataSet) -> list[bool]:
    """By class, in the order of the scores."""
    if of.task == "multiclass":
        return [not isinstance(estimator._calibrators[name], NoopCalibrator) for name in of.scores]
    return [bool(estimator.needs_calibration)] if of.task == "binary" else []


def _chunk(row: pd.Series, of: DataSet) -> dict[str, object]:
    start, end = int(row["chunk", "start_index"]), int(row["chunk", "end_index"]) + 1
    metrics = of.metrics + (VALUE,) * (of.task == "binary")
    figures = {metric: [_number(row[metric, figure]) for figure in FIGURES] for metric in metrics}
    return {"of_reference": row["chunk", "period"] == "reference", "start": start, "end": end, **figures}


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _estimator(of: DataSet) -> nannyml.CBPE | nannyml.DLE:
    metrics = [*of.metrics, *[VALUE] * (of.task == "binary")]
    columns = {"y_pred": of.prediction, "y_true": of.label, "metrics": metrics, "chunk_size": of.chunk}
    if of.task == "regression":
        return nannyml.DLE(feature_column_names=list(of.features), **columns)
    if of.task == "multiclass":
        return nannyml.CBPE(problem_type="classification_multiclass", y_pred_proba=of.scores, **columns)
    worth = np.reshape(list(WORTH.values()), (2, 2))
    return nannyml.CBPE(
        problem_type="classification_binary", y_pred_proba=of.scores["1"], business_value_matrix=worth, **columns
    )


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


if __name__ == "__main__":
    np.random.seed(1)  # for the error of average precision
    sys.stdout.write("\n" + json.dumps({name: estimates(of) for name, of in SETS.items()}) + "\n")
