"""Labels without a prediction, counted and listed over HTTP."""

from typing import Any

import pyarrow as pa
import pytest

from kernel.clock import DAY_US, to_rfc3339
from store import models
from store.models import Model
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from testing.record_log import append_rows

AT = "/v1/models/m/orphan-labels"


@pytest.fixture
def sent(api: Any) -> Any:
    """Of predictions p0 to p4 of the last days: labels that fit, and of every kind that does not."""
    now_us = api.clock.now_us()
    models.declare(api.db, "default", Model("m"), 0)
    made = [{"id": f"p{i}", "ts": now_us - (10 + i) * DAY_US, "version": "1", "prediction": "ok"} for i in range(5)]
    made.append({"id": "old", "ts": now_us - 120 * DAY_US, "version": "1", "prediction": "ok"})
    ts = now_us - DAY_US
    labels = [
        {"id": "p0", "ts": ts, "label": "ok"},
        {"id": "p1", "ts": ts, "label": "ok", "prediction_ts": made[1]["ts"]},
        {"id": "p2", "ts": ts + 1, "label": "wrong day", "prediction_ts": made[2]["ts"] - 3 * DAY_US},
        {"id": "gone", "ts": ts + 2, "label": "never came", "prediction_ts": now_us - 9 * DAY_US},
        {"id": "gone", "ts": ts + 2, "label": "never came", "prediction_ts": now_us - 9 * DAY_US},
        {"id": "old", "ts": ts + 3, "label": "too late"},
        {"id": "far", "ts": ts + 4, "label_value": 2.5, "prediction_ts": now_us - 3_000 * DAY_US},
        {"id": "later", "ts": now_us + DAY_US, "label": "out of the span"},
    ]
    log = RecordLog(api.records)
    for kind, rows in ((RecordKind.PREDICTIONS, made), (RecordKind.LABELS, labels)):
        columns = {name for row in rows for name in row}
        table = pa.table({name: [row.get(name) for row in rows] for name in sorted(columns)})
        append_rows(log, kind, table)
    return api


def test_labels_without_a_prediction_are_counted_and_listed_the_newest_first(sent: Any) -> None:
    found = sent.get(AT).json()
    assert [item["id"] for item in found["items"]] == ["far", "old", "gone", "p2"]
    assert found["count"] == 4
    assert found["items"][0]["label"] == 2.5
    assert found["items"][2]["prediction_ts"] == to_rfc3339(sent.clock.now_us() - 9 * DAY_US)
    assert found["items"][1]["prediction_ts"] is None


def test_a_limit_shortens_the_list_and_not_the_count(sent: Any) -> None:
    found = sent.get(AT, limit=1).json()
    assert ([item["id"] for item in found["items"]], found["count"]) == (["far"], 4)


def test_a_model_without_labels_has_no_orphans_and_an_unknown_one_is_told(api: Any) -> None:
    models.declare(api.db, "default", Model("m"), 0)
    assert api.get(AT).json() == {"items": [], "count": 0}
    assert api.get("/v1/models/nobody/orphan-labels").status_code == 404
