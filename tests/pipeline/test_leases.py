"""A measurement is a function of stored rows: which windows share a lease, and in which order they are leased, changes nothing."""

import shutil
from dataclasses import replace

import pytest

from kernel.clock import DAY_US, HOUR_US, to_rfc3339
from kernel.windows import WindowSize
from store import models, windows
from store.models import Model
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

ROWS = {0: 40, 1: 600, 2: 300, 3: 100, 120: 2, 121: 550, 160: 30}  # by day


@pytest.fixture
def days(workspace, messages) -> dict[int, list[dict]]:
    """Days far apart, some too small; an id that comes in two of them; labels that say when, wrongly or not at all."""
    model = replace(Model("m"), positive_class="late", segments=("c",), rollups=(WindowSize("1mo"),))
    models.declare(workspace.db, "default", model, 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    made = {day: a_day(day, rows=rows, shift=day / 50) for day, rows in ROWS.items()}
    made[3][0]["id"] = made[1][0]["id"]
    for rows in made.values():
        traffic.send(PREDICTIONS, rows)
        workspace.clock.advance(3 * HOUR_US)  # an id of long ago is taken in once more
    hinted = [label(row) for day in (0, 1, 2) for row in made[day]]
    late = [label(row, day=day + 80, hint=False) for day in (3, 120) for row in made[day]]
    too_late = [label(row, day=230, hint=False) for row in made[120]]
    elsewhere = label(made[2][0], "nowhere", day=8) | {"prediction_ts": to_rfc3339(START_US + 100 * DAY_US)}
    traffic.send(LABELS, [*hinted, *late, *too_late, elsewhere])
    traffic.end()
    return made


def test_windows_leased_alone_are_measured_like_windows_leased_together(days, workspace, tmp_path_factory) -> None:
    copy = shutil.copytree(workspace.folder, tmp_path_factory.mktemp("apart"), dirs_exist_ok=True)
    apart = replace(workspace, folder=copy)
    workspace.evaluator(windows_a_lease=31).step()
    apart.evaluator(windows_a_lease=1).step()
    together, alone = everything(workspace), everything(apart)
    assert together.keys() == alone.keys()
    assert {key: (together[key], alone[key]) for key in alone if together[key] != alone[key]} == {}
    apart.db.close()


def everything(workspace) -> dict[tuple, tuple]:
    """Every measurement, and the labels of every window; without revisions, which count the changes."""
    found = {("window", w.size, w.start_us): (w.state, w.labels) for w in windows.listing(workspace.db, "default", "m")}
    for row in workspace.measured():
        values = [row._mapping[name] for name in row._fields if not name.endswith("revision")]
        found[row.version, row.segment, row.size, row.window_start_us, row.metric, row.column] = tuple(values)
    return found


def test_a_small_window_looks_back_no_further_than_the_calendar_allows(days, workspace) -> None:
    workspace.evaluator().step()
    found = workspace.measured(metric="psi", column="x", size="1d", segment="")
    reached = {(m.window_start_us - START_US) // DAY_US: (m.window_start_us - m.span_start_us) for m in found}
    # Day 120 has nothing in the 30 days before it, day 160 a window that is 39 days ago.
    assert reached == {0: 0, 1: 0, 2: DAY_US, 3: 2 * DAY_US, 120: 0, 121: 0, 160: 0}
    assert [m.status for m in found][4] == [m.status for m in found][6] == "insufficient"


def test_a_window_at_the_end_of_the_lookback_is_still_reached(days, workspace) -> None:
    workspace.evaluator(lookback_windows=39).step()
    last = workspace.measured(metric="psi", column="x", size="1d", segment="")[-1]
    assert (last.window_start_us - last.span_start_us) == 39 * DAY_US
