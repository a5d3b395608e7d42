"""The rows of a regression that its losses are learnt from: with a label, in bounds, and with what a tree can part them by."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from api.estimator_building import MOST_CATEGORIES, MOST_ROWS, LabelledRows
from kernel.clock import DAY_US

US = pa.timestamp("us", "UTC")


def some(rows: int, day: int = 0, **more: Any) -> pa.Table:
    moments = pa.array(np.full(rows, day * DAY_US), pa.int64()).cast(US)
    columns = {
        "ts": moments,
        "prediction_value": np.arange(rows, dtype=float),
        "label_value": np.full(rows, float(day)),
    }
    return pa.table(columns | more)


def test_rows_without_a_label_or_a_number_are_left_out() -> None:
    rows = LabelledRows("regression")
    labels = pa.array([1.0, None, 3.0, float("nan"), 5.0])
    predictions = pa.array([1.0, 2.0, None, 4.0, float("inf")])
    rows.add(some(5, label_value=labels, prediction_value=predictions))
    found = rows.featured()
    assert (found.predictions.tolist(), found.labels.tolist()) == ([1.0], [1.0])


def test_a_feature_is_numbers_or_few_categories() -> None:
    rows = LabelledRows("")
    count = MOST_CATEGORIES + 1
    features = {
        "feature.x": np.arange(count, dtype=float), "feature.night": np.arange(count) % 2 == 0,
        "feature.c": ["a", None, "b"] * (count // 3) + ["a"] * (count % 3), "feature.id": [str(i) for i in range(count)],
        "feature.e": [[1.0, 2.0]] * count,
    }  # fmt: skip
    rows.add(some(count, **features))
    found = rows.featured()
    assert dict(found.features) == {"x": "numbers", "night": "numbers", "c": "texts"}
    columns = dict(zip((name for name, _ in found.features), found.columns, strict=True))
    assert set(columns["c"]) == {"a", "b", None}
    assert columns["x"].tolist() == found.predictions.tolist()  # row by row beside the predictions
    assert (columns["night"] == (columns["x"] % 2 == 0)).all()


def test_of_many_rows_a_sample_of_all_is_held() -> None:
    rows = LabelledRows("regression")
    for day in range(4):
        rows.add(some(MOST_ROWS // 2, day))
    found = rows.featured()
    assert found.labels.size == MOST_ROWS
    assert np.bincount(found.labels.astype(int)) == pytest.approx(np.full(4, MOST_ROWS / 4), rel=0.05)
    assert (found.moments_us == found.labels * DAY_US).all()


def test_of_many_features_fewer_rows_are_held() -> None:
    rows = LabelledRows("regression")
    rows.add(some(30_000, **{f"feature.x{i}": np.zeros(30_000) for i in range(100)}))
    assert rows.featured().labels.size == 20_000


def test_classes_have_no_use_for_them() -> None:
    rows = LabelledRows("binary")
    rows.add(some(10))
    assert rows.featured() is None
