"""Concept drift over HTTP, from measurements that were stored as detectors store them, whenever their labels came."""

from typing import Any

import numpy as np
import pytest

from kernel.clock import DAY_US, to_rfc3339
from kernel.measurement import Measurement, SeriesKey, Status
from store import models, windows
from store.models import Model
from store.tables import windows as window_rows

FIRST_US = 1_362_096_000_000_000  # 2013-03-01
DAYS, FALLS_AT = 100, 60
AT = "/v1/models/m/concept-drift"
STARTS = [FIRST_US + day * DAY_US for day in range(DAYS)]


def accuracy(version: str) -> np.ndarray:
    """Of a hundred days: version 1 falls by three points on the sixtieth."""
    fall = 0.03 * (np.arange(DAYS) >= FALLS_AT) * (version == "1")
    return np.random.default_rng(int(version)).normal(0.9, 0.01, DAYS) - fall


@pytest.fixture
def measured(api: Any) -> Any:
    models.declare(api.db, "default", Model("m"), 0)
    common = {"workspace": "default", "model": "m", "size": "1d", "data_revision": 1, "rows": 10}
    with api.db.write() as connection:
        connection.execute(window_rows.insert(), [common | {"start_us": us, "end_us": us + DAY_US} for us in STARTS])
    measure(api, {version: accuracy(version) for version in "12"})
    return api


def measure(api: Any, values: dict[str, np.ndarray]) -> None:
    """Measure every day of these versions again; the newest day first, as labels that come late have it."""
    held = windows.lease(
        api.db, "default", Model("m"), STARTS[-1] + 9 * DAY_US, "test", seconds=60, limit=DAYS, again_before_us=1
    )
    assert held is not None
    for window in reversed(held.windows):
        day = STARTS.index(window.start_us)
        found = {
            SeriesKey("m", version, "", "1d"): [Measurement("accuracy", "", float(of[day]), Status.OK, rows=500)]
            for version, of in values.items()
        }
        assert windows.finish(api.db, "default", held, window, found, windows.Labels(), 0)


def asked(api: Any, **query: Any) -> dict[str, dict[str, Any]]:
    answer = api.get(AT, **query)
    assert answer.status_code == 200, answer.text
    return {item["detector"]: item for item in answer.json()["items"]}


def test_detectors_agree_soon_after_the_fall_and_on_no_other_version(measured: Any) -> None:
    found = asked(measured, version="1")
    (when,) = found["agreed"].pop("called")
    assert to_rfc3339(STARTS[FALLS_AT]) <= when < to_rfc3339(STARTS[FALLS_AT + 25])
    assert found["agreed"] == {
        "detector": "agreed", "metric": "accuracy", "version": "1", "window": "1d", "windows": DAYS,
    }  # fmt: skip
    assert set(found) == {"agreed", "adwin", "ddm", "hddm", "kswin", "page_hinkley"}
    assert sum(bool(found[name]["called"]) for name in found if name != "agreed") >= 3
    assert [item["called"] for item in asked(measured, version="2").values()] == [[]] * 6


def test_corrected_labels_change_the_answer(measured: Any) -> None:
    """The fall was a feed of labels that was wrong: windows are measured again, and nothing is called any more."""
    assert asked(measured, version="1")["agreed"]["called"] != []
    with measured.db.write() as connection:
        connection.execute(window_rows.update().values(label_revision=window_rows.c.label_revision + 1))
    measure(measured, {"1": accuracy("1") + 0.03 * (np.arange(DAYS) >= FALLS_AT)})
    assert asked(measured, version="1")["agreed"]["called"] == []


def test_what_nobody_measured_is_empty(measured: Any) -> None:
    assert (
        asked(measured) == asked(measured, version="1", metric="mae") == asked(measured, version="1", window="1h") == {}
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [({"metric": "psi"}, "metric: "), ({"metric": "bias"}, "metric: "), ({"window": "7h"}, "window: ")],
)
def test_what_is_no_error_is_told(measured: Any, query: dict[str, str], said: str) -> None:
    assert measured.refused(422, measured.get(AT, **query)).startswith(said)


def test_a_model_that_nobody_knows_is_not_found(api: Any) -> None:
    api.refused(404, api.get(AT))
