"""Columns that come and columns that stand still, in windows that went through the collector; and what predictions cost."""

from dataclasses import replace

import numpy as np
import pytest

from store import models
from store.models import Model
from testing.measured_days import PREDICTIONS, Traffic, a_day


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", replace(Model("m"), min_rows=500), 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def of(workspace, metric: str) -> list[tuple[float, str, str]]:
    return [(m.value, m.status, m.basis) for m in workspace.decided(metric=metric, size="1d")]


def test_a_column_that_the_reference_lacks_is_called_unless_hardly_a_row_has_it(workspace, traffic) -> None:
    days = [a_day(day, rows=1_000) for day in range(4)]
    days[1][0]["features"]["stray"] = 1.0
    for row in days[2]:
        row["features"] |= {"region": "eu", "zone": 3.0}
    for day in days:
        traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    assert of(workspace, "new_columns") == [
        (0.0, "ok", ""),
        (0.0, "ok", ""),
        (2.0, "drift", "region, zone"),
        (0.0, "ok", ""),
    ]


def test_a_column_that_stands_still_is_called_unless_it_did_in_the_reference(workspace, traffic) -> None:
    days = [a_day(day, rows=1_000) for day in range(3)]
    for number, day in enumerate(days):
        for row in day:
            row["features"]["always"] = "on"
            if number == 1:
                row["features"] |= {"x": 0.5, "c": "a"}
    for day in days:
        traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    assert of(workspace, "constant_columns") == [(0.0, "ok", ""), (2.0, "drift", "c, x"), (0.0, "ok", "")]


def test_a_thousand_predictions_cost_what_their_records_say(workspace, traffic) -> None:
    rng = np.random.default_rng(1)
    day = a_day(0, rows=1_000)
    costs = rng.lognormal(-9, 1, 600)
    for row, cost in zip(day, costs, strict=False):
        row["cost"] = float(cost)
    traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    (found,) = workspace.measured(metric="cost_per_1000", size="1d")
    assert (found.value, found.rows) == (pytest.approx(1_000 * costs.mean(), rel=1e-6), 600)
