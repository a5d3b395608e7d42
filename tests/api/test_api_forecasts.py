"""Forecasts over HTTP, from measurements that were stored as detectors store them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kernel.clock import DAY_US, to_rfc3339
from kernel.measurement import Measurement, SeriesKey, Status
from kernel.profile import WindowProfile
from kernel.versions import OF_ALL_VERSIONS
from store import models, references, windows
from store.models import Model
from store.tables import decisions
from store.tables import windows as window_rows

FIRST_US = 1_362_096_000_000_000  # 2013-03-01
DAYS = 40
AT = "/v1/models/m/forecasts"
NOTHING = {"crosses": None, "earliest": None, "latest": None, "probability": None}


def line(level: float, slope: float, scatter: float, seed: int) -> np.ndarray:
    return level + slope * np.arange(DAYS) + np.random.default_rng(seed).normal(0, scatter, DAYS)


SERIES = {
    ("psi", "soon"): line(0.10, 0.005, 0.01, 1) ** 2,
    ("psi", "later"): line(0.10, 0.003, 0.01, 2) ** 2,
    ("psi", "calm"): line(0.10, 0.0, 0.01, 3) ** 2,
    ("psi", "over"): line(0.50, 0.01, 0.01, 4) ** 2,
    ("accuracy", ""): line(0.90, -0.001, 0.004, 9),
    ("log_loss", ""): line(0.40, 0.001, 0.004, 6),
    ("traffic", ""): line(32, -0.2, 0.4, 7) ** 2,
    ("error_rate", ""): line(0.01, 0.0002, 0.001, 8),
}


@pytest.fixture
def measured(api: Any) -> Any:
    fill(api)
    return api


def fill(api: Any) -> None:
    """Forty days of a model's version 1, and a reference with labels."""
    models.declare(api.db, "default", Model("m"), 0)
    days = [FIRST_US + day * DAY_US for day in range(DAYS)]
    common = {"workspace": "default", "model": "m", "size": "1d", "data_revision": 1, "rows": 10}
    performance = {"accuracy": (0.84, 0.88), "log_loss": (0.39, 0.45), "bias": (-0.1, 0.1)}
    reference = {n: {"value": (a + b) / 2, "lower": a, "upper": b, "rows": 9.0} for n, (a, b) in performance.items()}
    references.put(api.db, "default", "m", WindowProfile(9, 0, 9, 9, {}), reference, {}, 0)
    with api.db.write() as connection:
        connection.execute(window_rows.insert(), [common | {"start_us": us, "end_us": us + DAY_US} for us in days])
    held = windows.lease(
        api.db, "default", Model("m"), days[-1] + 9 * DAY_US, "test", seconds=60, limit=99, again_before_us=0
    )
    assert held is not None
    for window in held.windows:
        day = days.index(window.start_us)
        found: dict[SeriesKey, list[Measurement]] = {
            SeriesKey("m", "1", "", "1d"): [Measurement("psi", "thin", 0.01 * day, Status.INSUFFICIENT)],
            SeriesKey("m", "", "", "1d"): [],
        }
        for (metric, column), values in SERIES.items():
            key = SeriesKey("m", of_version(metric), "", "1d")
            found[key].append(Measurement(metric, column, values[day], Status.OK))
        assert windows.finish(api.db, "default", held, window, found, windows.Labels(), 0)


def of_version(metric: str) -> str:
    return "" if metric in OF_ALL_VERSIONS else "1"


def decide(api: Any, metric: str, column: str, **decided: float) -> None:
    """What was decided of the newest window."""
    where = {"workspace": "default", "model": "m", "segment": "", "size": "1d", "metric": metric}
    where |= {"version": of_version(metric)}
    where |= {"column": column, "window_start_us": FIRST_US + (DAYS - 1) * DAY_US}
    with api.db.write() as connection:
        at = decisions.c
        connection.execute(decisions.delete().where(*(at[name] == value for name, value in where.items())))
        connection.execute(decisions.insert().values(**where, window_end_us=0, status="ok", basis="x", **decided))


def asked(api: Any, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(AT, version="1", **query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def day_of(text: str) -> float:
    return (np.datetime64(text[:-1], "us").astype(np.int64) - FIRST_US) / DAY_US


def test_a_forecast_in_full(measured: Any) -> None:
    (found,) = asked(measured, metric="psi", column="soon")
    moments = [day_of(found.pop(name)) for name in ("earliest", "crosses", "latest")]
    assert moments == sorted(moments)
    assert moments[0] < (0.1**0.5 - 0.1) / 0.005 < moments[2]
    assert found.pop("probability") > 0.99
    assert found == {
        "metric": "psi", "column": "soon", "version": "1", "window": "1d", "limit": 0.1, "direction": "above",
        "value": SERIES["psi", "soon"][-1], "horizon": "90d", "windows": DAYS, "basis": "detectors.delta",
    }  # fmt: skip


def test_without_a_metric_what_comes_soonest_comes_first(measured: Any) -> None:
    found = asked(measured)
    assert {(item["metric"], item["column"]) for item in found} == {
        ("psi", "soon"), ("psi", "later"), ("accuracy", None), ("log_loss", None),
    }  # fmt: skip
    assert [item["crosses"] for item in found] == sorted(item["crosses"] for item in found)
    assert all(item["probability"] > 0.5 for item in found)
    assert [item["column"] for item in asked(measured, column="soon")] == ["soon"]


def test_every_column_that_is_asked_for_is_there(measured: Any) -> None:
    found = {item["column"]: item for item in asked(measured, metric="psi")}
    assert list(found) == ["calm", "later", "over", "soon"]
    for column in ("calm", "over"):
        assert found[column] | NOTHING == found[column]
        assert found[column]["limit"] == 0.1


def test_performance_is_held_against_the_bad_end_of_the_reference(measured: Any) -> None:
    (accuracy,) = asked(measured, metric="accuracy")
    assert (accuracy["limit"], accuracy["direction"]) == (0.84, "below")
    assert day_of(accuracy["earliest"]) < 60 < day_of(accuracy["latest"])
    (loss,) = asked(measured, metric="log_loss")
    assert (loss["limit"], loss["direction"], loss["basis"]) == (0.45, "above", "the interval of the reference")


def test_the_own_delta_and_what_is_usual_are_limits(measured: Any) -> None:
    decide(measured, "psi", "soon", delta=0.16)
    (found,) = asked(measured, metric="psi", column="soon")
    assert (found["limit"], found["basis"]) == (0.16, "delta by the own past")
    (bare,) = asked(measured, metric="traffic")  # that of all versions, whichever is named
    assert bare["version"] is None
    assert (bare["limit"], bare["direction"], bare["crosses"]) == (None, None, None)
    decide(measured, "traffic", "", usual_lower=400.0, usual_upper=2_000.0)
    (traffic,) = asked(measured, metric="traffic")
    assert (traffic["limit"], traffic["direction"]) == (400.0, "below")
    assert day_of(traffic["crosses"]) == pytest.approx(60, abs=4)


def test_any_limit_can_be_asked_for(measured: Any) -> None:
    (found,) = asked(measured, metric="error_rate", limit=0.025)
    assert (found["direction"], found["basis"]) == ("above", "asked for")
    assert found["crosses"] > to_rfc3339(FIRST_US + DAYS * DAY_US)
    (far,) = asked(measured, metric="error_rate", limit=2)
    assert far | NOTHING == far
    assert [item["direction"] for item in asked(measured, metric="psi", column="over", limit=0.2)] == ["below"]


def test_what_is_not_there_is_empty(measured: Any) -> None:
    assert asked(measured, metric="psi", column="nowhere") == asked(measured, window="1h") == []
    assert measured.get(AT, version="").json() == {"items": []}  # no record lacks a version


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"metric": "rows"}, "metric: "),
        ({"limit": 0.1}, "limit: "),
        ({"metric": "psi", "limit": "nan"}, "limit: "),
        ({"window": "7h"}, "window: "),
    ],
)
def test_what_makes_no_sense_is_refused(measured: Any, query: dict[str, Any], said: str) -> None:
    assert measured.refused(422, measured.get(AT, **query)).startswith(said)


def test_an_unknown_model_is_not_found(api: Any) -> None:
    api.refused(404, api.get(AT))


def test_the_limit_of_psi_is_the_one_that_is_set(serve: Callable[..., Any]) -> None:
    api = serve(delta=0.2)
    fill(api)
    assert [item["limit"] for item in asked(api, metric="psi", column="soon")] == [0.2]
