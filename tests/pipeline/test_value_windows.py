"""What predictions are worth in windows: with labels, beside the reference, with labels to come and before any came."""

import json
from typing import Any

import numpy as np
import pytest

from api.reference_building import Place, Sent, from_rows, make
from driftglass_client.wire import CONTENT_JSON
from kernel.clock import DAY_US, to_rfc3339
from kernel.worth import Worth
from store import models
from store.models import Model
from stream.message import Message, Partition
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

CELLS = {"late": {"late": 10.0, "ok": -5.0}, "ok": {"late": -1.0}}


def worths(rows: list[dict]) -> np.ndarray:
    return np.array([CELLS[row["truth"]].get(row["prediction"], 0.0) for row in rows])


def put_reference(workspace: Any, rows: list[dict]) -> None:
    body = json.dumps(rows).encode()
    sent = Sent([Message(Partition("", 0), 0, body, CONTENT_JSON, {}, START_US + DAY_US)], {"source": "rows"})
    place = Place(workspace.db, "default", workspace.clock, 50)
    make(place, "m", lambda: from_rows(place, "m", sent, "k"))


def test_a_window_has_its_worth_beside_what_was_expected_of_it(workspace, messages) -> None:
    declared = Model("m", "binary", positive_class="late", min_rows=100, segments=("c",), value=Worth("EUR", CELLS))
    models.declare(workspace.db, "default", declared, 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    before, rows = a_day(0, rows=3_000, seed=1), a_day(0)
    put_reference(workspace, [row | {"label": row["truth"]} for row in before])
    traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()

    def measured(metric: str, segment: str = "") -> Any:
        (found,) = workspace.measured(metric=metric, version="1", segment=segment)
        return found

    expected = measured("estimated_value_per_row")
    assert workspace.measured(metric="value_per_row") == []
    assert expected.lower < worths(rows).mean() < expected.upper
    assert (expected.expected, expected.status) == (pytest.approx(worths(before).mean()), "ok")
    traffic.send(LABELS, [label(row) for row in rows])
    workspace.evaluator().step()
    assert measured("value_per_row").value == pytest.approx(worths(rows).mean())
    assert measured("value_per_row").expected == pytest.approx(worths(before).mean())
    whole = measured("value")
    assert (whole.value, whole.expected) == (
        pytest.approx(worths(rows).sum()),
        pytest.approx(600 * worths(before).mean()),
    )
    assert whole.excess == pytest.approx(whole.value - whole.expected)
    of_a = [row for row in rows if row["features"]["c"] == "a"]
    assert measured("value", "c=a").value == pytest.approx(worths(of_a).sum())


def told_later(day: int, rows: list[dict]) -> list[dict]:
    """Late flights are told of within a day, others after one to four."""
    rng = np.random.default_rng(day)
    found = []
    for place, row in enumerate(rows):
        waited = rng.uniform(0, 1) if row["truth"] == "late" else rng.uniform(1, 4)
        moment_us = START_US + day * DAY_US + place * (DAY_US // len(rows)) + int(waited * DAY_US)
        found.append(label(row) | {"ts": to_rfc3339(moment_us)})
    return found


def test_what_a_young_window_will_be_worth_counts_the_labels_to_come(workspace, messages) -> None:
    declared = Model("m", "binary", positive_class="late", min_rows=100, value=Worth("EUR", CELLS))
    models.declare(workspace.db, "default", declared, 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    days, day_14 = [a_day(day) for day in range(14)], to_rfc3339(START_US + 14 * DAY_US)
    for rows in days:
        traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [one for day, rows in enumerate(days) for one in told_later(day, rows) if one["ts"] <= day_14])
    traffic.end()
    workspace.evaluator().step()
    young = {"version": "1", "window_start_us": START_US + 11 * DAY_US}
    (raw,), (corrected,) = (
        workspace.measured(metric=metric, **young) for metric in ("value_per_row", "corrected_value_per_row")
    )
    truth = worths(days[11]).mean()
    assert raw.status == "provisional"
    assert abs(corrected.value - truth) < abs(raw.value - truth) / 2
    (in_all,) = workspace.measured(metric="corrected_value", **young)
    assert raw.rows < 500
    assert in_all.value / corrected.value == pytest.approx(600, rel=0.15)  # as many as there were predictions
