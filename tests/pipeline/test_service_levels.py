"""Service levels of models with objectives, from records that went through the collector."""

from dataclasses import replace

import numpy as np
import pytest

from kernel.clock import HOUR_US, MINUTE_US, to_rfc3339
from kernel.windows import WindowSize
from store import models, service_counts
from store.late import Rest
from store.models import Model, Objectives
from testing.measured_days import PREDICTIONS, START_US, Traffic

PROMISED = Objectives(availability=0.99, latency=0.9, latency_ms=100.0)


def served(hours: float, *, failing: tuple[float, float] = (0, 0), share: float = 1.0) -> list[dict]:
    """Ten records a minute; between two hours some of them fail."""
    rng = np.random.default_rng(1)
    made = []
    for i in range(int(hours * 600)):
        at_us = START_US + i * MINUTE_US // 10
        record = {"model": "m", "id": f"{i}", "ts": to_rfc3339(at_us), "latency_ms": float(rng.uniform(50, 105))}
        if failing[0] <= (at_us - START_US) / HOUR_US < failing[1] and rng.random() < share:
            record |= {"error": "timeout"}
        made.append(record)
    return made


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", Model("m", objectives=PROMISED), 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def called(workspace, metric: str, column: str = "availability") -> list[float]:
    """The hours at which these five minutes begin that are degraded."""
    rows = workspace.decided(metric=metric, column=column, status="degraded")
    return [round((row.window_start_us - START_US) / HOUR_US, 2) for row in rows]


def test_what_is_counted_is_what_came_however_it_came(workspace, traffic) -> None:
    records = served(3, failing=(1, 2), share=0.5)
    traffic.send(PREDICTIONS, records[:1_000])
    traffic.send(PREDICTIONS, [*records[900:], *records[:50]])  # some twice
    with workspace.db.read() as connection:
        found = service_counts.between(connection, "default", "m", START_US, START_US + 3 * HOUR_US)
    bucket = np.arange(len(records)) // 50
    failed = np.array(["error" in record for record in records])
    slow = np.array([record["latency_ms"] > 100 for record in records])
    assert found["rows"].tolist() == found["timed"].tolist() == np.bincount(bucket).tolist()
    assert found["errors"].tolist() == np.bincount(bucket, failed).astype(int).tolist()
    assert found["slow"].tolist() == np.bincount(bucket, slow).astype(int).tolist()


def test_a_fast_burn_is_called_while_it_lasts(workspace, traffic) -> None:
    traffic.send(PREDICTIONS, served(5, failing=(2, 3), share=0.5))
    traffic.end()
    workspace.evaluator().step()
    hour = called(workspace, "burn_1h")
    assert 2.0 < hour[0] < 2.35  # 14.4% of the hour's rows have failed after 17 minutes
    assert hour[-1] == 2.92  # the last five minutes in which some failed
    assert hour == [round(h, 2) for h in np.arange(hour[0], 2.95, 1 / 12)]
    assert called(workspace, "burn_1h", "latency") == []
    ends = workspace.decided(metric="burn_1h", column="availability")[-1]
    assert (ends.status, ends.basis, ends.expected) == ("ok", "0 of 600 rows", 14.4)


def test_budget_and_uptime_are_told_every_hour(workspace, traffic) -> None:
    records = served(4, failing=(1, 2))
    traffic.send(PREDICTIONS, records)
    traffic.end()
    workspace.evaluator().step()
    uptime = workspace.decided(metric="uptime")
    assert [row.value for row in uptime] == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])
    left = workspace.decided(metric="error_budget", column="availability")
    assert [row.value for row in left] == pytest.approx([1, 1 - 50, 1 - 100 / 3, 1 - 25])
    slow = sum(record["latency_ms"] > 100 for record in records)
    (*_, last) = workspace.decided(metric="error_budget", column="latency")
    assert last.value == pytest.approx(1 - slow / len(records) / 0.1)


def test_every_five_minutes_are_measured_once_and_looking_in_turn_says_the_same(
    workspace, traffic, messages, tmp_path
) -> None:
    records = served(6, failing=(3, 4), share=0.3)
    traffic.send(PREDICTIONS, records)
    traffic.end()
    workspace.evaluator().step()
    turns = replace(workspace, folder=tmp_path / "turns")
    models.declare(turns.db, "default", Model("m", objectives=PROMISED), 0)
    part, worker = Traffic(turns.sink(), turns.clock, messages), turns.evaluator()
    for start in range(0, len(records), 700):
        part.send(PREDICTIONS, records[start : start + 700])
        worker.step()
    part.end()
    worker.step()
    assert worker._service.step({}, {}, {}, Rest.of(0, 0)) == 0

    def of(place) -> list[tuple]:
        return sorted((r.window_start_us, r.metric, r.column, r.value, r.status) for r in place.decided(size="5m"))

    assert of(turns) == of(workspace) != []
    turns.db.close()


def test_windows_of_five_minutes_and_service_levels_do_not_replace_one_another(workspace, messages) -> None:
    model = Model("m", window=WindowSize("5m"), lateness_us=0, objectives=PROMISED)
    models.declare(workspace.db, "default", model, 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    records = served(2)
    traffic.send(PREDICTIONS, [record for record in records if record["id"] != "5"])
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    traffic.send(PREDICTIONS, [records[5]])  # late: its window is measured again
    traffic.end()
    worker.step()
    assert len(workspace.decided(metric="burn_1h", column="availability")) == 24
    assert [row.value for row in workspace.decided(metric="rows", size="5m")] == [50.0] * 24


def test_other_objectives_begin_their_counts_anew(workspace, traffic) -> None:
    """Five minutes that nobody counted are no downtime, and rows that were held against another limit are no budget."""
    records = served(6)
    traffic.send(PREDICTIONS, records[:1_200])
    models.declare(workspace.db, "default", Model("m"), 0)
    traffic.send(PREDICTIONS, records[1_200:2_400])
    models.declare(workspace.db, "default", Model("m", objectives=Objectives(latency=0.9, latency_ms=1.0)), 0)
    traffic.send(PREDICTIONS, records[2_400:])
    traffic.end()
    workspace.evaluator().step()
    assert [row.value for row in workspace.decided(metric="uptime")] == [1.0, 1.0]
    budget = workspace.decided(metric="error_budget", column="latency")
    assert [row.value for row in budget] == pytest.approx([1 - 1 / 0.1] * 2)


def test_a_model_without_objectives_counts_nothing(workspace, messages) -> None:
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    traffic.send(PREDICTIONS, served(1, failing=(0, 1)))
    traffic.end()
    workspace.evaluator().step()
    assert not workspace.decided(size="5m")
    assert service_counts.known(workspace.db, "default", ["m"]) == set()
