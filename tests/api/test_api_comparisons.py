"""Versions compared over HTTP, from measurements that were stored as detectors store them."""

from typing import Any

import numpy as np
import pytest

from kernel.clock import DAY_US, to_rfc3339
from kernel.measurement import Measurement, SeriesKey, Status
from store import models, windows
from store.models import Model
from store.tables import windows as window_rows

FIRST_US = 1_362_096_000_000_000  # 2013-03-01
DAYS, ROWS = 40, 500
AT = "/v1/models/m/comparisons"


@pytest.fixture
def measured(api: Any) -> Any:
    """Forty days of two versions; the second is four points better, and its log loss is the same. A third has no labels."""
    models.declare(api.db, "default", Model("m"), 0)
    days = [FIRST_US + day * DAY_US for day in range(DAYS)]
    common = {"workspace": "default", "model": "m", "size": "1d", "data_revision": 1, "rows": 10}
    with api.db.write() as connection:
        connection.execute(window_rows.insert(), [common | {"start_us": us, "end_us": us + DAY_US} for us in days])
    held = windows.lease(
        api.db, "default", Model("m"), days[-1] + 9 * DAY_US, "test", seconds=60, limit=99, again_before_us=0
    )
    assert held is not None
    rng = np.random.default_rng(1)
    for window in held.windows:
        day = rng.normal(0, 0.03)  # good or bad for both
        found = {
            SeriesKey("m", version, "", "1d"): [
                _measurement("accuracy", level + day + rng.normal(0, 0.015), 0.017),
                _measurement("log_loss", 0.4 + day + rng.normal(0, 0.02), 0.02),
            ]
            for version, level in (("1", 0.80), ("2", 0.84))
        }
        found[SeriesKey("m", "3", "", "1d")] = [Measurement("label_coverage", "", 0.0, Status.OK)]
        assert windows.finish(api.db, "default", held, window, found, windows.Labels(), 0)
    return api


def _measurement(metric: str, value: float, error: float) -> Measurement:
    return Measurement(metric, "", value, Status.OK, lower=value - 1.96 * error, upper=value + 1.96 * error, rows=ROWS)


def asked(api: Any, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(AT, **query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_the_better_version_is_named_once_it_is_sure_and_another_metric_stays_open(measured: Any) -> None:
    accuracy, loss = asked(measured, version="2", against="1")
    assert accuracy["metric"] == "accuracy"
    assert accuracy["difference"] == pytest.approx(0.04, abs=0.012)
    assert 0 < accuracy["always_lower"] < accuracy["lower"] < accuracy["upper"] < accuracy["always_upper"]
    assert accuracy["p_value"] < 0.05
    assert (accuracy["better"], accuracy["windows"]) == ("2", DAYS)
    assert (accuracy["rows"], accuracy["against_rows"]) == (DAYS * ROWS, DAYS * ROWS)
    assert (loss["metric"], loss["better"]) == ("log_loss", None)
    assert loss["lower"] < 0 < loss["upper"]


def test_asked_the_other_way_round_the_answer_is_the_same(measured: Any) -> None:
    (forth,) = asked(measured, version="2", against="1", metric="accuracy")
    (back,) = asked(measured, version="1", against="2", metric="accuracy")
    assert back["difference"] == -forth["difference"]
    assert back["better"] == "2"
    assert back["p_value"] == pytest.approx(forth["p_value"])


def test_before_ten_windows_nothing_is_said_to_who_looks_often(measured: Any) -> None:
    start = to_rfc3339(FIRST_US + (DAYS - 5) * DAY_US)
    (few,) = asked(measured, version="2", against="1", metric="accuracy", start=start)
    assert (few["windows"], few["p_value"], few["always_lower"], few["better"]) == (5, 1.0, None, None)


def test_a_version_without_labels_has_nothing_in_common(measured: Any) -> None:
    assert [item["metric"] for item in asked(measured, version="3", against="1")] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"version": "1", "against": "1"}, "against"),
        ({"version": "1", "against": "2", "metric": "psi"}, "metric"),
        ({"version": "1", "against": "2", "window": "5q"}, "window"),
    ],
)
def test_what_cannot_be_compared_is_told(measured: Any, query: dict[str, str], field: str) -> None:
    answer = measured.get(AT, **query)
    assert answer.status_code == 422
    assert field in answer.text
