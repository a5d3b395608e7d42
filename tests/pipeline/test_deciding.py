"""Decisions are a fold in window order over what was measured: by the null of independent rows, and by each series' own past."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from detectors.deciding import Decider
from detectors.evaluate import Evaluator
from detectors.settings import DetectorSettings
from kernel.clock import DAY_US, HOUR_US
from kernel.measurement import Measurement, SeriesKey, Status
from kernel.profile import WindowProfile
from store import models, profiles, references, windows
from store.measurements import Wanted, page
from store.models import Model
from store.tables import decisions
from store.tables import windows as window_rows
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

ROWS = 200
# How far x lies off, day by day: ordinary here, and far more than delta. Day 0 becomes the reference.
SHIFTS = np.random.default_rng(8).normal(0, 0.6, 100) * (np.arange(100) > 0)


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", replace(Model("m"), min_rows=ROWS, lateness_us=HOUR_US), 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def days(first: int, end: int) -> list[dict]:
    return [row for day in range(first, end) for row in a_day(day, shift=SHIFTS[day], rows=ROWS)]


def decided(workspace, metric: str = "psi", column: str = "x", version: str = "1") -> dict[int, sa.Row]:
    """The decisions about a column by day."""
    at = decisions.c
    query = sa.select(decisions).where(at.metric == metric, at.column == column, at.size == "1d", at.version == version)
    with workspace.db.read() as connection:
        return {(row.window_start_us - START_US) // DAY_US: row for row in connection.execute(query)}


def everything(workspace) -> list[tuple]:
    """All decisions; when they were made aside."""
    names = [column.name for column in decisions.columns if column.name != "decided_us"]
    with workspace.db.read() as connection:
        return sorted(map(str, connection.execute(sa.select(*(decisions.c[name] for name in names)))))


def test_what_a_series_shows_every_day_is_no_drift_once_its_past_is_known(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, [*days(0, 45), *a_day(45, shift=9.0, rows=ROWS), *days(46, 48)])
    traffic.end()
    workspace.evaluator().step()
    by_day = decided(workspace)
    measured = {
        (m.window_start_us - START_US) // DAY_US: m for m in workspace.measured(metric="psi", column="x", size="1d")
    }
    moved = {day for day, row in measured.items() if row.status == "drift"}
    assert len([day for day in moved if day < 31]) > 5
    assert len([day for day in moved if day > 31]) > 5
    assert {day for day, row in by_day.items() if row.abnormal} == {day for day in moved if day < 31} | {45}
    assert {by_day[day].status for day in moved if day > 31} == {"ok", "drift"}
    for day in moved:
        known = day > 30  # day 0 is the provisional reference itself
        assert by_day[day].basis.startswith("own past" if known else "iid-null"), day
        assert (by_day[day].p_own is not None, by_day[day].delta is not None) == (known, known), day
    assert by_day[45].p_own < by_day[45].alpha
    assert by_day[45].lower > by_day[45].delta > 0.1
    twin = decided(workspace, "js_distance")
    assert {day: row.status for day, row in twin.items()} == {day: row.status for day, row in by_day.items()}
    found, _ = page(workspace.db, "default", Wanted(metric="psi", column="x", start_us=START_US + 45 * DAY_US), 1)
    assert (found[0].status, found[0].basis, found[0].delta) == ("drift", by_day[45].basis, by_day[45].delta)


def test_an_area_is_held_against_its_past_on_a_scale_that_does_not_end_at_one(workspace) -> None:
    model, mark = Model("m"), START_US + 99 * DAY_US
    models.declare(workspace.db, "default", model, 0)
    areas = [*np.linspace(0.9, 0.98, 40), 1.0, 0.985]
    rows = [windows.window_row("default", "m", model.window, START_US + day * DAY_US) for day in range(len(areas))]
    with workspace.db.write() as connection:
        connection.execute(sa.insert(window_rows), [row | {"data_revision": 1} for row in rows])
    held = windows.lease(workspace.db, "default", model, mark, "test", seconds=60, limit=99, again_before_us=0)
    for window, area in zip(held.windows, areas, strict=True):
        found = [
            Measurement("rows", "", 200.0, Status.OK),
            Measurement("domain_auc", "", area, Status.DRIFT, alpha=1e-4),
        ]
        windows.finish(
            workspace.db, "default", held, window, {SeriesKey("m", "1", "", "1d"): found}, windows.Labels(), 0
        )
    Decider(workspace.db, "default", workspace.clock, DetectorSettings()).step({"m": model}, {"m": mark})
    by_day = decided(workspace, "domain_auc", "")
    assert {day for day, row in by_day.items() if row.abnormal} == {*range(30), 40}
    assert by_day[40].value == 1.0


def test_windows_decided_alone_come_out_like_windows_decided_together(traffic, workspace, tmp_path_factory) -> None:
    traffic.send(PREDICTIONS, [*days(0, 40), *a_day(40, shift=9.0, rows=ROWS)])
    traffic.end()
    apart = replace(
        workspace, folder=shutil.copytree(workspace.folder, tmp_path_factory.mktemp("apart"), dirs_exist_ok=True)
    )
    workspace.evaluator(windows_a_lease=31).step()
    apart.evaluator(windows_a_lease=1).step()
    assert everything(workspace) == everything(apart) != []
    apart.db.close()


@pytest.mark.postgres
def test_workers_at_once_on_postgresql_decide_like_one_on_sqlite(
    workspace, messages, migrated_postgres_url, tmp_path
) -> None:
    shared = replace(workspace, folder=tmp_path / "shared", database=migrated_postgres_url)
    for place in (workspace, shared):
        models.declare(place.db, "default", replace(Model("m"), min_rows=ROWS), 0)
        traffic = Traffic(place.sink(), place.clock, messages)
        traffic.send(PREDICTIONS, [*days(0, 40), *a_day(40, shift=9.0, rows=ROWS)])
        traffic.end()
    workspace.evaluator().step()
    reference = references.active(workspace.db, "default", "m").profile  # of day 0
    for place in (workspace, shared):
        references.put(place.db, "default", "m", reference, {}, {}, 0)
    workspace.evaluator().step()
    with ThreadPoolExecutor(3) as pool:
        workers = [shared.evaluator(f"worker-{n}", windows_a_lease=1) for n in range(3)]
        assert sum(report.measured for report in pool.map(Evaluator.step, workers)) >= 41
    shared.evaluator().step()
    assert everything(shared) == everything(workspace) != []
    shared.db.close()


def test_what_was_measured_and_not_decided_before_a_crash_is_decided_by_whoever_comes_next(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, days(0, 40))
    traffic.end()
    workspace.evaluator().step()
    before = everything(workspace)
    with workspace.db.write() as connection:  # as a worker leaves it that dies after it has measured
        first = START_US + 36 * DAY_US
        connection.execute(sa.delete(decisions).where(decisions.c.window_start_us >= first))
        undone = {"looks": 0, "looked_revision": 0, "decide_at_us": 0}
        connection.execute(sa.update(window_rows).where(window_rows.c.start_us >= first).values(**undone))
    assert everything(workspace) != before
    assert workspace.evaluator().step().measured == 0
    assert everything(workspace) == before


def test_a_window_that_changes_has_the_later_ones_decided_again(traffic, workspace) -> None:
    """Before there is a past, a day that lies far off becomes a part of it; then what day 40 shows is less unheard of."""
    traffic.send(PREDICTIONS, [*days(0, 40), *a_day(40, shift=3.0, rows=ROWS)])
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    before = decided(workspace)[40]
    assert before.abnormal
    for day in (12, 15, 18):
        traffic.send(PREDICTIONS, [row | {"id": f"late-{row['id']}"} for row in a_day(day, shift=9.0, rows=3 * ROWS)])
    traffic.end()
    worker.step()
    after = decided(workspace)[40]
    assert (after.value, after.abnormal) == (before.value, False)
    assert after.p_own > before.p_own
    assert not decided(workspace, "js_distance")[40].abnormal


def test_a_window_may_open_an_alert_at_close_and_when_it_is_final_and_not_in_between(traffic, workspace) -> None:
    rows = a_day(1, rows=ROWS)
    traffic.send(
        PREDICTIONS, [*a_day(0, rows=ROWS), *rows, *a_day(2, rows=30)]
    )  # event time: two hours into day 2 and more
    worker = workspace.evaluator()
    worker.step()
    assert decided(workspace)[1].status == "ok"
    assert state_of(workspace, 1) == (1, None)
    traffic.send(PREDICTIONS, [row | {"id": f"late-{row['id']}"} for row in a_day(1, shift=9.0, rows=ROWS)])
    worker.step()
    assert workspace.measured(metric="psi", column="x", size="1d")[1].status == "drift"
    between = decided(workspace)[1]
    assert (between.status, between.abnormal, between.basis) == ("ok", False, "to be looked at once more when final")
    assert state_of(workspace, 1) == (1, START_US + 3 * DAY_US + HOUR_US)
    traffic.send(PREDICTIONS, a_day(4, rows=30))  # a day after it closed: it is final
    assert worker.step().measured > 0
    assert decided(workspace)[1].status == "drift"
    assert state_of(workspace, 1) == (2, None)
    traffic.send(PREDICTIONS, [row | {"id": f"later-{row['id']}"} for row in a_day(1, rows=40 * ROWS)])
    worker.step()
    assert decided(workspace)[1].status == "ok"  # taken back, and never to be opened again
    traffic.send(PREDICTIONS, [row | {"id": f"last-{row['id']}"} for row in a_day(1, shift=9.0, rows=80 * ROWS)])
    worker.step()
    assert (decided(workspace)[1].status, decided(workspace)[1].basis) == ("ok", "changed after it was final")


def test_a_window_whose_candidate_was_ordinary_opens_no_alert_between_its_looks_or_after(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, [*days(0, 40), *a_day(40, shift=1.1, rows=ROWS), *a_day(41, rows=30)])
    worker = workspace.evaluator()
    worker.step()
    first = decided(workspace)[40]
    assert (first.candidate, first.abnormal) == (True, False)
    traffic.send(PREDICTIONS, later(40, "late", shift=9.0, rows=20 * ROWS))
    worker.step()
    assert not decided(workspace)[40].abnormal
    traffic.send(PREDICTIONS, [*later(40, "more", shift=1.1, rows=400 * ROWS), *a_day(44, rows=30)])
    worker.step()
    assert (state_of(workspace, 40), decided(workspace)[40].abnormal) == ((2, None), False)
    traffic.send(PREDICTIONS, later(40, "last", shift=9.0, rows=800 * ROWS))
    worker.step()
    assert not decided(workspace)[40].abnormal


def test_labels_alone_use_up_no_look(traffic, workspace) -> None:
    rows = a_day(1, rows=ROWS)
    traffic.send(PREDICTIONS, [*a_day(0, rows=ROWS), *rows, *a_day(5, rows=30)])
    worker = workspace.evaluator()
    worker.step()
    traffic.send(LABELS, [label(row) for row in rows])
    worker.step()
    assert state_of(workspace, 1) == (1, None)
    traffic.send(PREDICTIONS, later(1, "late", shift=9.0, rows=10 * ROWS))
    worker.step()
    assert (state_of(workspace, 1), decided(workspace)[1].status) == ((2, None), "drift")


def later(day: int, name: str, **more: Any) -> list[dict]:
    """Further records of a day."""
    return [row | {"id": f"{name}-{row['id']}"} for row in a_day(day, **more)]


def test_a_version_has_a_past_of_its_own_however_late_it_comes(traffic, workspace) -> None:
    shifts = np.random.default_rng(9).normal(0, 0.6, 150) * (np.arange(150) > 0)
    for day in range(150):
        rows = a_day(day, shift=shifts[day], rows=ROWS)
        traffic.send(PREDICTIONS, [row | {"version": "1" if day < 95 else "2"} for row in rows])
    traffic.end()
    workspace.evaluator().step()
    second = decided(workspace, version="2")
    candidates = {day for day, row in second.items() if row.candidate}
    assert (
        {day for day in candidates if second[day].p_own is not None}
        == {day for day in candidates if day >= 95 + 30}
        != set()
    )


def test_a_window_of_the_reference_before_is_left_until_it_is_measured_again(traffic, workspace, monkeypatch) -> None:
    traffic.send(PREDICTIONS, [*days(0, 69), *a_day(69, shift=1.0, rows=ROWS), *a_day(70, rows=30)])
    worker = workspace.evaluator()
    worker.step()
    traffic.send(PREDICTIONS, later(69, "late", shift=0.9, rows=20))
    worker.step()
    before = decided(workspace)[69]
    assert (state_of(workspace, 69)[0], before.abnormal) == (1, False)
    day = windows.listing(workspace.db, "default", "m", "1d")[30]
    references.put(workspace.db, "default", "m", profile_of(workspace, day), {}, {}, 0)
    claim, left = worker._claim, iter([True, True, False])  # two of three leases, then the worker is gone
    monkeypatch.setattr(worker, "_claim", lambda *what: claim(*what) if next(left, False) else None)
    worker.step()
    traffic.send(PREDICTIONS, a_day(73, rows=30))  # day 69 is final now
    worker.step()
    assert decided(workspace)[69] == before
    workspace.evaluator().step()
    assert decided(workspace)[69].decided_us >= before.decided_us
    assert decided(workspace)[69].value != before.value


def state_of(workspace, day: int) -> tuple[int, int | None]:
    """The looks at a day, and when it is due again."""
    at = window_rows.c
    query = sa.select(at.looks, at.decide_at_us).where(at.size == "1d", at.start_us == START_US + day * DAY_US)
    with workspace.db.read() as connection:
        return tuple(connection.execute(query).one())


def test_another_reference_is_another_question(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, days(0, 40))
    traffic.end()
    workspace.evaluator().step()
    assert [row.basis for day, row in decided(workspace).items() if day > 31 and row.p_own is not None]
    other = a_day(50, shift=5.0, rows=ROWS)
    traffic.send(PREDICTIONS, other)
    traffic.end()
    far = windows.listing(workspace.db, "default", "m", "1d")[-1]
    assert far.rows == ROWS
    workspace.evaluator().step()
    references.put(workspace.db, "default", "m", profile_of(workspace, far), {}, {}, 0)
    workspace.evaluator().step()
    by_day = decided(workspace)
    assert all(
        by_day[day].abnormal for day in range(30)
    )  # all lie far off, and the past against the old one says nothing
    assert not any(by_day[day].abnormal for day in range(31, 40))


def profile_of(workspace, window: windows.Window) -> WindowProfile:
    found = profiles.within(workspace.db, "default", "m", [(window.start_us, window.end_us)])
    return next(profile for of in found.values() for profile in of.values())
