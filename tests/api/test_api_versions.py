"""Which version an answer is about where the request names none: the one with most rows lately, whatever strays."""

from typing import Any

import numpy as np
import pytest

from kernel.clock import DAY_US, to_rfc3339
from store import models
from store.models import Model
from store.tables import measurements

FIRST_US = 1_362_096_000_000_000  # 2013-03-01
DAYS = 40
AT = "/v1/models/m"


@pytest.fixture
def served(api: Any) -> Any:
    """Version 1 served for forty days, version 2 is a canary of the last five, and one row named no version on the last day."""
    models.declare(api.db, "default", Model("m"), 0)
    for day in range(DAYS):
        measure(api, "1", day, rows=500.0, accuracy=0.9, psi=0.01)
        measure(api, "", day, traffic=550.0)
        if day >= DAYS - 5:
            measure(api, "2", day, rows=50.0, accuracy=0.8, psi=0.02)
    measure(api, "", DAYS - 1, rows=1.0, accuracy=0.0, psi=3.0)
    return api


def measure(api: Any, version: str, day: int, **values: float) -> None:
    start_us = FIRST_US + day * DAY_US
    where = {"workspace": "default", "model": "m", "version": version, "segment": "", "size": "1d", "status": "ok"}
    where |= {"window_start_us": start_us, "window_end_us": start_us + DAY_US, "span_start_us": start_us}
    rows = [
        where | {"metric": metric, "column": "delay" if metric == "psi" else "", "value": value, "rows": 500.0}
        for metric, value in values.items()
    ]
    with api.db.write() as connection:
        connection.execute(measurements.insert(), rows)


def items(api: Any, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(f"{AT}/{path}", **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_a_forecast_is_of_the_version_that_stands_for_the_model(served: Any) -> None:
    (found,) = items(served, "forecasts", metric="psi")
    assert (found["version"], found["value"]) == ("1", 0.01)
    (canary,) = items(served, "forecasts", metric="psi", version="2")
    assert (canary["version"], canary["value"]) == ("2", 0.02)
    (stray,) = items(served, "forecasts", metric="psi", version="")
    assert (stray["version"], stray["value"]) == (None, 3.0)


@pytest.mark.parametrize("query", [{}, {"version": "1"}, {"version": ""}])
def test_traffic_is_that_of_all_versions_whichever_is_named(served: Any, query: dict[str, str]) -> None:
    (found,) = items(served, "forecasts", metric="traffic", **query)
    assert (found["version"], found["value"], found["windows"]) == (None, 550.0, DAYS)


def test_concept_drift_is_read_of_the_version_that_stands_for_the_model(served: Any) -> None:
    assert {(one["version"], one["windows"]) for one in items(served, "concept-drift")} == {("1", DAYS)}
    assert {(one["version"], one["windows"]) for one in items(served, "concept-drift", version="")} == {(None, 1)}


def test_figures_are_held_beside_the_version_that_stands_for_the_model(served: Any) -> None:
    for day, value in enumerate(np.random.default_rng(1).normal(0.9, 0.02, DAYS)):
        with served.db.write() as connection:
            here = (measurements.c.version == "1", measurements.c.metric == "accuracy")
            at = measurements.c.window_start_us == FIRST_US + day * DAY_US
            connection.execute(measurements.update().where(*here, at).values(value=value))
        sent = {"name": "revenue", "values": [{"ts": to_rfc3339(FIRST_US + day * DAY_US), "value": value}]}
        served.http.post(f"{AT}/business", json=sent)
    (found,) = items(served, "business/revenue/correlations", metric="accuracy")
    assert (found["windows"], found["correlation"]) == (DAYS, pytest.approx(1.0))
    assert items(served, "business/revenue/correlations", metric="accuracy", version="") == []
