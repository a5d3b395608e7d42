"""Figures of the business over HTTP, beside measurements that were stored as detectors store them."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from kernel.clock import DAY_US, to_rfc3339
from store import models
from store.models import Model
from store.tables import measurements

FIRST_US = 1_362_096_000_000_000  # 2013-03-01
DAYS = 60
AT = "/v1/models/m/business"


@pytest.fixture
def accuracy(api: Any) -> np.ndarray:
    """Of sixty days, all measured; the error rate hangs on nothing."""
    models.declare(api.db, "default", Model("m"), 0)
    rng = np.random.default_rng(1)
    found = {"accuracy": rng.normal(0.8, 0.03, DAYS), "error_rate": rng.random(DAYS)}
    common = {"workspace": "default", "model": "m", "version": "1", "segment": "", "size": "1d", "column": ""}
    rows = [
        common | {"metric": metric, "value": float(value), "status": "ok", "window_start_us": FIRST_US + day * DAY_US,
                  "window_end_us": FIRST_US + (day + 1) * DAY_US, "span_start_us": FIRST_US + day * DAY_US}
        for metric, values in found.items()
        for day, value in enumerate(values)
    ]  # fmt: skip
    with api.db.write() as connection:
        connection.execute(measurements.insert(), rows)
    return found["accuracy"]


def figures(values: np.ndarray, an_hour: int = 0) -> list[dict[str, Any]]:
    at = [FIRST_US + day * DAY_US + an_hour * DAY_US // 24 for day in range(len(values))]
    return [{"ts": to_rfc3339(us), "value": float(value)} for us, value in zip(at, values, strict=True)]


def test_what_goes_together_comes_first_and_is_scipys(api: Any, accuracy: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    morning, evening = (accuracy * 1_000 + rng.normal(0, 10, DAYS) for _ in range(2))
    for hour, part in ((8, morning), (20, evening)):
        answer = api.http.post(AT, json={"name": "revenue", "values": figures(part, hour)})
        assert answer.json() == {"accepted": DAYS}
    found = api.get(f"{AT}/revenue/correlations", version="1", by="sum").json()["items"]
    assert [one["metric"] for one in found] == ["accuracy", "error_rate"]
    assert found[0]["correlation"] == pytest.approx(spearmanr(morning + evening, accuracy).statistic)
    assert found[0]["p_value"] < 1e-6 < found[1]["p_value"]
    assert found[0]["windows"] == DAYS
    assert found[1]["lower"] < 0 < found[1]["upper"]


def test_a_figure_of_the_same_moment_is_replaced_and_series_are_listed(api: Any, accuracy: np.ndarray) -> None:
    api.http.post(AT, json={"name": "handling time", "values": figures(np.ones(DAYS))})
    api.http.post(AT, json={"name": "handling time", "values": figures(accuracy)})
    api.http.post(AT, json={"name": "deflection", "values": figures(np.ones(1))})
    first = to_rfc3339(FIRST_US)
    assert api.get(AT).json()["items"] == [
        {"name": "deflection", "count": 1, "first": first, "last": first},
        {"name": "handling time", "count": DAYS, "first": first, "last": to_rfc3339(FIRST_US + (DAYS - 1) * DAY_US)},
    ]
    (one,) = api.get(f"{AT}/handling time/correlations", version="1", metric="accuracy").json()["items"]
    assert one["correlation"] == pytest.approx(1.0)
    assert api.get(f"{AT}/deflection/correlations", version="1").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "", "values": [{"ts": "2013-03-01T00:00:00Z", "value": 1}]}, "name"),
        ({"name": "revenue", "values": []}, "values"),
        ({"name": "revenue", "values": [{"ts": "yesterday", "value": 1}]}, "values.0.ts"),
        ({"name": "revenue", "values": [{"ts": "2013-03-01T00:00:00Z", "value": "much"}]}, "values.0.value"),
        ({"name": "revenue", "values": [{"ts": "2100-01-01T00:00:00Z", "value": 1}]}, "2100-01-01T00:00:00Z lies"),
    ],
)
def test_figures_that_are_none_are_refused_by_their_field(
    api: Any, accuracy: np.ndarray, body: dict, said: str
) -> None:
    assert said in api.refused(422, api.http.post(AT, json=body))
    assert api.get(AT).json()["items"] == []


def test_unknown_models_figures_and_metrics_are_named(api: Any, accuracy: np.ndarray) -> None:
    body = {"name": "revenue", "values": figures(accuracy)}
    assert "nobody" in api.refused(404, api.http.post("/v1/models/nobody/business", json=body))
    assert "'revenue'" in api.refused(404, api.get(f"{AT}/revenue/correlations"))
    assert "guess" in api.refused(422, api.get(f"{AT}/revenue/correlations", metric="guess"))
