"""Rows as store.record_reads.labelled joins them: predictions beside their labels."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from detectors.pair import FloatArray
from kernel.clock import DAY_US

Answer = str | float | None


def joined(
    predicted: Sequence[Answer],
    actual: Sequence[Answer],
    scores: Sequence[dict[str, float]] | None = None,
    days: int = 1,
    weights: FloatArray | None = None,
) -> pa.Table:
    """One version's rows over so many days; numbers and classes each in their own column."""
    rows = len(predicted)
    maps = pa.array([list(s.items()) for s in scores or [{}] * rows], pa.map_(pa.string(), pa.float64()))
    return pa.table(
        {
            "version": pa.array(["1"] * rows, pa.string()),
            "ts_us": pa.array(np.arange(rows) % days * DAY_US, pa.int64()),
            "prediction": _texts(predicted),
            "prediction_value": _numbers(predicted),
            "weight": pa.nulls(rows, pa.float64()) if weights is None else pa.array(weights),
            "scores": maps,
            "label": _texts(actual),
            "label_value": _numbers(actual),
        }
    )


def _texts(values: Sequence[Answer]) -> pa.Array:
    return pa.array([v if isinstance(v, str) else None for v in values], pa.string())


def _numbers(values: Sequence[Answer]) -> pa.Array:
    return pa.array([None if v is None or isinstance(v, str) else float(v) for v in values], pa.float64())
