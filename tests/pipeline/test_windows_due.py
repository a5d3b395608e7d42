"""Of a fleet only those models are looked at that something came for, and none of those is forgotten."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from kernel.clock import DAY_US, SECOND_US, ManualClock
from store import label_delays, models, watermarks, windows
from store.models import Model
from store.tables import windows as window_rows
from store.windows_due import models_due
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

NAMES = ("m", "n", "o")


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    for name in NAMES:
        models.declare(workspace.db, "default", Model(name), 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def due(workspace) -> set[str]:
    known = models.known(workspace.db, "default")
    marks = watermarks.of_models(workspace.db, "default", workspace.clock.now_us())
    closed = {name: mark - known[name].lateness_us for name, mark in marks.items()}
    labels = {model: us for (model, size), us in label_delays.reached(workspace.db, "default").items() if size == "1d"}
    return models_due(workspace.db, "default", closed, labels)


def leased(workspace) -> set[str]:
    """Those of which a worker that asks for each gets windows; they are given back."""
    marks = watermarks.of_models(workspace.db, "default", workspace.clock.now_us())
    reached = label_delays.reached(workspace.db, "default")
    found = set()
    known = models.known(workspace.db, "default")
    for name, mark in marks.items():
        limits = {"seconds": 60, "limit": 9, "again_before_us": workspace.clock.now_us()}
        held = windows.lease(
            workspace.db, "default", known[name], mark, "test", **limits, labels_us=reached.get((name, "1d"))
        )
        if held is not None:
            windows.release(workspace.db, "default", held)
            found.add(name)
    return found


def of(name: str, rows: Sequence[dict]) -> list[dict]:
    return [row | {"model": name} for row in rows]


def test_whatever_comes_makes_its_model_due_and_no_other(workspace, traffic) -> None:
    worker = workspace.evaluator()
    traffic.send(PREDICTIONS, [row for name in NAMES for day in (0, 1) for row in of(name, a_day(day))])
    assert due(workspace) == leased(workspace) == {*NAMES}
    worker.step()
    assert due(workspace) == leased(workspace) == set()

    late = a_day(0, rows=1, seed=7)[0] | {"id": "late"}
    traffic.send(PREDICTIONS, of("n", [late]))
    assert due(workspace) == leased(workspace) == {"n"}
    worker.step()
    assert due(workspace) == leased(workspace) == set()

    traffic.send(LABELS, of("o", [label(a_day(0)[0])]))
    assert due(workspace) == leased(workspace) == {"o"}
    worker.step()
    assert due(workspace) == leased(workspace) == set()

    traffic.send(PREDICTIONS, of("m", a_day(2)))  # closes the day before
    assert due(workspace) == leased(workspace) == {"m"}


def test_labels_of_an_open_window_are_counted(workspace, traffic) -> None:
    traffic.send(PREDICTIONS, a_day(0))
    worker = workspace.evaluator()
    worker.step()
    traffic.send(LABELS, [label(a_day(0)[0], day=0)])
    assert due(workspace) == {"m"}
    worker.step()
    assert due(workspace) == set()


def test_a_window_that_has_all_of_its_labels_by_now_is_due_though_nothing_came_for_it(workspace, traffic) -> None:
    worker = workspace.evaluator()
    traffic.send(PREDICTIONS, [row for day in (0, 1) for row in a_day(day)])
    traffic.send(LABELS, [label(row) for row in a_day(0)])
    while worker.step().measured:
        pass
    [reached_us] = label_delays.reached(workspace.db, "default").values()

    def waiting(**values: object) -> set[str]:
        with workspace.db.write() as tx:
            tx.execute(sa.update(window_rows).where(window_rows.c.start_us == START_US).values(**values))
        found = due(workspace)
        assert found == leased(workspace)
        return found

    assert waiting(labels_due_us=reached_us + 1) == set()
    assert waiting(labels_due_us=reached_us) == {"m"}
    assert waiting(state="sealed") == set()


def test_a_fleet_that_stands_still_is_looked_at_in_as_many_statements_as_one_model(workspace, traffic) -> None:
    worker, asked = workspace.evaluator(), []
    sa.event.listen(workspace.db._engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    def at_rest() -> int:
        while worker.step().measured:
            pass
        asked.clear()
        worker.step()
        return len(asked)

    traffic.send(PREDICTIONS, [row for day in (0, 1) for row in of("alone", a_day(day, rows=20))])
    alone = at_rest()
    fleet = [f"fleet-{number}" for number in range(30)]
    traffic.send(PREDICTIONS, [row for name in fleet for day in (0, 1) for row in of(name, a_day(day, rows=20))])
    assert at_rest() == alone


def test_a_step_ends_in_the_midst_of_a_backlog_so_that_others_are_looked_at(workspace, messages, tmp_path) -> None:
    class Slow(ManualClock):
        """Eight seconds pass between any two looks at it."""

        def monotonic_s(self) -> float:
            self.advance(8 * SECOND_US)
            return super().monotonic_s()

    slow = replace(workspace, folder=tmp_path / "slow", clock=Slow(START_US + 400 * DAY_US))
    traffic = Traffic(slow.sink(), slow.clock, messages)
    models.declare(slow.db, "default", Model("backlog"), 0)
    traffic.send(PREDICTIONS, [row for day in range(70) for row in of("backlog", a_day(day, rows=3))])
    worker = slow.evaluator(windows_a_lease=2)
    first = worker.step().measured
    assert 0 < first < 68
    traffic.send(PREDICTIONS, [row for day in (0, 1) for row in of("live", a_day(day))])
    worker.step()
    assert {row.window_start_us for row in slow.measured(model="live", metric="traffic")} >= {START_US}
    while worker.step().measured:
        pass
    assert len(slow.measured(model="backlog", metric="traffic", size="1d")) == 69
    slow.db.close()
