"""Measurements over HTTP: filters, and a walk along the cursors while rows come and go."""

from typing import Any

import pytest

from kernel.clock import DAY_US, to_rfc3339
from kernel.measurement import Measurement, SeriesKey, Status
from kernel.windows import WindowSize
from store import models, windows
from store.models import Model
from store.tables import windows as window_rows
from store.windows import Window

FIRST_US = 1_362_096_000_000_000  # 2013-03-01


@pytest.fixture
def measured(api: Any) -> Any:
    """Writes what detectors write: the measurements of a day, replaced as a whole."""

    def measure(day: int, found: list[Measurement], model: str = "m") -> None:
        start_us = FIRST_US + day * DAY_US
        models.declare(api.db, "default", Model(model), 0)
        revision = write_window(api, model, start_us)
        held = windows.lease(
            api.db, "default", Model(model), start_us + 9 * DAY_US, "test", seconds=60, limit=9, again_before_us=0
        )
        assert held is not None
        (window,) = [w for w in held.windows if w.start_us == start_us]
        assert window.data_revision == revision
        key = SeriesKey(model, "1", "", "1d")
        assert windows.finish(api.db, "default", held, window, {key: found}, windows.Labels(), 0)

    return measure


def write_window(api: Any, model: str, start_us: int) -> int:
    """A closed window that is due."""
    known: list[Window] = [w for w in windows.listing(api.db, "default", model) if w.start_us == start_us]
    revision = known[0].data_revision + 1 if known else 1
    with api.db.write() as connection:
        key = {"workspace": "default", "model": model, "size": "1d", "start_us": start_us}
        if known:
            at = window_rows.c
            here = (at.workspace == "default", at.model == model, at.start_us == start_us)
            connection.execute(window_rows.update().where(*here).values(data_revision=revision))
        else:
            row = key | {"end_us": start_us + DAY_US, "data_revision": revision, "rows": 10}
            connection.execute(window_rows.insert().values(**row))
    return revision


def psi(column: str, value: float | None, status: Status = Status.OK) -> Measurement:
    return Measurement("psi", column, value, status, expected=0.01, p_value=float("nan"), rows=10)


def walk(api: Any, **query: Any) -> list[dict[str, Any]]:
    found, cursor = [], {}
    while True:
        page = api.get("/v1/measurements", **query, **cursor).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def test_a_measurement_in_full(api: Any, measured: Any) -> None:
    measured(0, [psi("delay", 0.25, Status.DRIFT), Measurement("rows", "", 10.0, Status.OK)])
    whole, delay = sorted(walk(api), key=lambda item: item["column"] or "")
    assert whole["column"] is None
    assert delay == {
        "model": "m", "version": "1", "window": "1d", "window_start": "2013-03-01T00:00:00Z",
        "window_end": "2013-03-02T00:00:00Z", "span_start": "2013-03-01T00:00:00Z", "metric": "psi", "column": "delay",
        "segment": None, "value": 0.25, "expected": 0.01, "excess": None, "p_value": None, "p_change": None, "alpha": None,
        "lower": None, "upper": None, "rows": 10.0, "reference_rows": None, "status": "drift", "basis": None,
        "p_own": None, "delta": None, "usual_lower": None, "usual_upper": None,
    }  # fmt: skip


def test_filters(api: Any, measured: Any) -> None:
    for day in range(3):
        measured(day, [psi("delay", 0.1), psi("carrier", 0.2), Measurement("rows", "", 5.0, Status.OK)])
    measured(0, [psi("delay", 0.3)], model="n")
    assert len(walk(api)) == 10
    assert len(walk(api, model="n")) == 1
    assert len(walk(api, metric="psi", column="delay")) == 4
    assert {item["metric"] for item in walk(api, column="")} == {"rows"}
    assert len(walk(api, version="1", segment="", window="1d")) == 10
    assert walk(api, version="2") == []
    later = walk(api, model="m", metric="rows", start=to_rfc3339(FIRST_US + DAY_US))
    assert [item["window_start"] for item in later] == ["2013-03-02T00:00:00Z", "2013-03-03T00:00:00Z"]
    before = walk(api, model="m", metric="rows", end=to_rfc3339(FIRST_US + DAY_US))
    assert [item["window_start"] for item in before] == ["2013-03-01T00:00:00Z"]


def test_a_model_that_nobody_knows_is_not_found_and_those_that_are_known_are_named(api: Any, measured: Any) -> None:
    for name in ("m", "n"):
        measured(0, [psi("delay", 0.1)], model=name)
    assert api.refused(404, api.get("/v1/measurements", model="nope")).endswith(
        "'nope': it is registered by its first record; there are: m, n"
    )


def test_a_length_that_nothing_is_measured_at_is_refused_and_those_there_are_are_named(api: Any, measured: Any) -> None:
    measured(0, [psi("delay", 0.1)])
    models.declare(api.db, "default", Model("n", window=WindowSize("1h"), rollups=(WindowSize("1w"),)), 0)
    of_m = api.refused(422, api.get("/v1/measurements", model="m", window="1h"))
    assert of_m == "window: '1h' is no length that 'm' is measured at; there are: 1d"
    of_any = api.refused(422, api.get("/v1/measurements", window="7h"))
    assert of_any == "window: '7h' is no length that any model is measured at; there are: 1d, 1h, 1w"
    assert walk(api, model="n", window="1w") == walk(api, window="1h") == []  # nothing yet
    models.declare(api.db, "default", Model("m", window=WindowSize("1h")), 0)
    assert len(walk(api, model="m", window="1d")) == 1  # what is no length of it any more is still there


def test_a_metric_that_is_none_is_refused(api: Any) -> None:
    answer = api.http.get("/v1/measurements", params={"metric": "psii"})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("metric: no metric has the name 'psii'")


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_walk_meets_every_row_once_while_rows_are_added(api: Any, measured: Any, limit: int) -> None:
    for day in range(4):
        measured(day, [psi("b", float(day)), psi("d", float(day))])
    found, cursor, step = [], {}, 0
    while True:
        page = api.get("/v1/measurements", limit=limit, **cursor).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
        if step < 5:  # further days and columns, before and after where the walk is; and a day measured again
            measured(10 + step, [psi(name, 9.0) for name in "abcde"])
            measured(step % 4, [psi("b", 7.0), psi("d", 7.0)])
        step += 1
    met = [(item["column"], item["window_start"]) for item in found]
    assert len(met) == len(set(met))
    assert set(met) >= {(name, to_rfc3339(FIRST_US + day * DAY_US)) for name in "bd" for day in range(4)}
    assert met == sorted(met)


@pytest.mark.parametrize("cursor", ["x", "bm9uc2Vuc2U", "W10", "é", "WyJhIiwiYiJd", "WyIiLCIiLCIiLDFlMzAsIiIsIiIsIiJd"])
def test_a_strange_cursor_is_refused(api: Any, cursor: str) -> None:
    assert api.refused(422, api.get("/v1/measurements", cursor=cursor)).startswith("cursor: ")


@pytest.mark.parametrize(
    ("name", "value"), [("limit", 0), ("limit", 1_001), ("start", "yesterday"), ("end", "2013-03-01")]
)
def test_wrong_questions_name_the_parameter(api: Any, name: str, value: Any) -> None:
    assert api.refused(422, api.get("/v1/measurements", **{name: value})).startswith(f"{name}: ")


def test_windows_say_their_state(api: Any, measured: Any) -> None:
    measured(0, [psi("delay", 0.1)])
    write_window(api, "m", FIRST_US + DAY_US)
    first, second = api.get("/v1/models/m/windows", window="1d").json()
    assert first == {
        "window": "1d", "start": "2013-03-01T00:00:00Z", "end": "2013-03-02T00:00:00Z", "state": "measured",
        "provisional": True, "rows": 10, "labels": 0,
    }  # fmt: skip
    assert second["state"] == "open"
    assert api.get("/v1/models/m/windows", window="1h").json() == []
    sentence = api.refused(422, api.http.put("/v1/models/m", json={"window": "1h"}))
    assert "windows of 1d" in sentence
