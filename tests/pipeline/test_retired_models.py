"""A retired model waits while others are measured, and is back as if it had never been away, less the silence."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.service_levels import measure_service
from kernel.clock import DAY_US, HOUR_US, ManualClock, to_rfc3339
from kernel.measurement import SERVICE_SPAN_US
from kernel.windows import WindowSize
from store import models, retiring, windows
from store.models import Model, Objectives
from testing.measured_days import START_US, Traffic

PROMISED = Objectives(availability=0.99)


def a_day(day: int, model: str = "m", share: float = 1.0) -> list[dict]:
    rows = int(200 * np.random.default_rng(day).uniform(0.9, 1.1) * share)
    of_day = START_US + day * DAY_US
    return [
        {"model": model, "id": f"{day}-{i}", "ts": to_rfc3339(of_day + i * DAY_US // 250), "prediction": "late"}
        for i in range(rows)
    ]


@pytest.fixture
def live(workspace, messages) -> Iterator[Callable[..., Any]]:
    """Days as they pass: sends records at the end of a day, and has a detector look after it; gives back the workspace."""
    now = replace(workspace, folder=workspace.folder, clock=ManualClock(START_US))
    for name in ("m", "n"):
        daily = replace(Model(name), window=WindowSize("1d"), lateness_us=0, objectives=PROMISED)
        models.declare(now.db, "default", daily, 0)
    traffic, worker = Traffic(now.sink(), now.clock, messages), now.evaluator()

    def pass_day(day: int, *records: dict, look: bool = True):
        traffic.pass_day(day, records)
        if look:
            worker.step()
        return now

    yield pass_day
    now.db.close()


def traffic_of(workspace, model: str = "m") -> dict[int, tuple[float, str, str]]:
    """Value, decision and its basis of each day."""
    rows = workspace.decided(metric="traffic", model=model)
    return {(row.window_start_us - START_US) // DAY_US: (row.value, row.status, row.basis) for row in rows}


def retire(workspace, model: str = "m") -> None:
    retiring.retire(workspace.db, "default", model, workspace.clock.now_us())


def unretire(workspace, model: str = "m") -> None:
    retiring.unretire(workspace.db, "default", model, workspace.clock.now_us())


def days(workspace, model: str = "m") -> list[int]:
    return [(w.start_us - START_US) // DAY_US for w in windows.listing(workspace.db, "default", model)]


def test_a_retired_model_waits_while_others_are_measured(live) -> None:
    for day in range(2):
        workspace = live(day, *a_day(day), *a_day(day, "n"))
    retire(workspace)
    for day in range(2, 5):
        live(day, *a_day(day), *a_day(day, "n"))
    assert (list(traffic_of(workspace)), list(traffic_of(workspace, "n"))) == ([0, 1], [0, 1, 2, 3, 4])
    of_service = {
        row.model for row in workspace.decided(metric="uptime") if row.window_start_us > START_US + 3 * DAY_US
    }
    assert of_service == {"n"}
    [seen] = retiring.listing(workspace.db, "default")
    assert (seen.model, seen.rows) == ("m", sum(len(a_day(day)) for day in range(2, 5)))
    assert days(workspace) == [0, 1, 2, 3, 4]  # its records were counted as ever


def test_a_worker_that_has_not_heard_of_it_gets_no_lease(live) -> None:
    workspace = live(0, *a_day(0), look=False)
    model = models.one(workspace.db, "default", "m")
    retire(workspace)

    def leased():
        now_us = workspace.clock.now_us()
        return windows.lease(workspace.db, "default", model, now_us, "w", seconds=60, limit=9, again_before_us=now_us)

    assert leased() is None
    unretire(workspace)
    assert leased() is not None


def test_what_came_meanwhile_is_measured_once_it_is_back_as_that_of_a_model_that_never_was_away(live) -> None:
    for day in range(34):
        workspace = live(day, *a_day(day), *a_day(day, "n"), look=day > 30)
    retire(workspace)
    for day in range(34, 38):
        live(day, *a_day(day), *a_day(day, "n"))
    unretire(workspace)
    live(38, *a_day(38), *a_day(38, "n"), *({**row, "id": "late"} for row in a_day(35)[:1]))

    def measured(model: str) -> list[tuple]:
        found = workspace.measured(model=model, size="1d")
        return sorted((r.window_start_us, r.metric, r.column, r.value, r.status) for r in found)

    late = START_US + 35 * DAY_US
    assert [r for r in measured("m") if r[0] != late] == [r for r in measured("n") if r[0] != late] != []
    assert traffic_of(workspace)[35][0] == len(a_day(35)) + 1
    others = [(day, of) for day, of in traffic_of(workspace, "n").items() if not 34 <= day <= 38]
    assert [(day, of) for day, of in traffic_of(workspace).items() if not 34 <= day <= 38] == others


def test_the_silence_of_a_retired_model_is_not_held_against_it(live) -> None:
    """It served half a day before it was retired, nothing for two days, and half a day after it was back; then it fell silent."""
    for day in range(40):
        workspace = live(day, *a_day(day), look=day > 36)
    workspace.clock.advance(12 * HOUR_US)
    retire(workspace)
    for day, share in ((40, 0.1), (41, 0), (42, 0)):
        live(day, *a_day(day, share=share))
    workspace.clock.advance(12 * HOUR_US)
    unretire(workspace)
    live(43, *a_day(43, share=0.1))
    live(44, *a_day(44))
    live(45)
    found = traffic_of(workspace)
    assert days(workspace) == [*range(41), 43, 44, 45]
    assert [found[day][1:] for day in (40, 43)] == [("ok", "retired then")] * 2
    assert [found[day][1:] for day in (44, 45)] == [("ok", "own past"), ("degraded", "own past")]


def test_a_time_without_a_row_while_it_was_retired_is_no_downtime() -> None:
    rows = np.repeat([5, 0, 5, 0], 12)  # an hour each
    counts = {"rows": rows, "errors": 0 * rows, "timed": 0 * rows, "slow": 0 * rows}

    def uptime(*away: tuple[int, int]) -> list[float]:
        found = measure_service(counts, PROMISED, START_US, START_US, away)
        return [m.value for _, m in found if m.metric == "uptime"]

    assert uptime() == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])
    assert uptime((START_US + HOUR_US, START_US + 3 * HOUR_US)) == pytest.approx([1, 1, 1, 2 / 3])
    assert uptime((START_US + HOUR_US, START_US + HOUR_US + SERVICE_SPAN_US))[1] == pytest.approx(12 / 23)
