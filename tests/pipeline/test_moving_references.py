"""References that move: the time before each window, or the same time a week earlier; and late records that change them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy

from api import declaration
from api.declaration import Declaration
from api.reference_building import Place, of_earlier, put
from detectors.column_drift import SMALL_REFERENCE
from kernel.clock import DAY_US, SECOND_US
from kernel.errors import ContractError, NotFoundError
from kernel.measurement import Status
from kernel.moving import MOST_LOOKBACK, Moving
from kernel.windows import WindowSize
from store import models, windows
from store.column_view import column_view
from store.models import Model
from testing.measured_days import PREDICTIONS, START_US, Traffic, a_day

ROWS = 1_500


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    declared = replace(Model("m"), segments=("c",), rollups=(WindowSize("1w"),))
    models.declare(workspace.db, "default", declared, 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def move(workspace, kind: str, length: str) -> None:
    place = Place(workspace.db, "default", workspace.clock, 50)
    put(place, "m", of_earlier(place, "m", Moving(kind, length)))


def days_of(traffic: Traffic, shifts: list[float]) -> list[list[dict]]:
    days = [a_day(day, rows=ROWS, shift=shift) for day, shift in enumerate(shifts)]
    for day in days:
        traffic.send(PREDICTIONS, day)
    return days


def psi_of(before: list[dict], now: list[dict]) -> float:
    """The batch answer on raw rows, on the deciles of what is compared with."""
    x, y = (np.array([row["features"]["x"] for row in rows]) for rows in (before, now))
    edges = np.quantile(x, np.linspace(0, 1, 11)[1:-1])
    q, p = (np.bincount(np.searchsorted(edges, v), minlength=10) / len(v) for v in (x, y))
    return float(entropy(p, q) + entropy(q, p))


def late(day: int, rows: int = ROWS) -> list[dict]:
    """Records of a day that come after those of `a_day`, and lie elsewhere."""
    return [row | {"id": f"late-{row['id']}"} for row in a_day(day, rows=rows, seed=9, shift=2.0)]


def open_days(workspace) -> set[int]:
    """The days whose windows are to be measured again."""
    found = windows.listing(workspace.db, "default", "m", "1d")
    return {(w.start_us - START_US) // DAY_US for w in found if w.state != "measured"}


def psi(workspace, size: str = "1d", segment: str = "", column: str = "x") -> dict[int, object]:
    rows = workspace.measured(metric="psi", column=column, size=size, segment=segment)
    return {(m.window_start_us - START_US) // DAY_US: m for m in rows}


def test_each_window_is_held_against_the_days_before_it(traffic, workspace) -> None:
    days = days_of(traffic, [0, 0, 0, 0.8, 0.8, 0.8, 0.8])
    traffic.end()
    move(workspace, "rolling", "3d")
    workspace.evaluator().step()
    found = psi(workspace)
    assert found.keys() == set(range(1, 7))  # before the first day there is nothing
    for day, measured in found.items():
        before = [row for other in days[max(0, day - 3) : day] for row in other]
        assert measured.value == pytest.approx(psi_of(before, days[day]), rel=0.1, abs=0.004)
        assert measured.reference_rows == len(before)
    assert [found[day].status for day in (2, 3, 6)] == [Status.OK, Status.DRIFT, Status.OK]  # what lasts becomes usual
    assert SMALL_REFERENCE in found[3].basis


def test_segments_are_held_against_their_own_earlier_rows(traffic, workspace) -> None:
    models.declare(workspace.db, "default", replace(Model("m"), segments=("c",), min_rows=100), 0)
    days = days_of(traffic, [0, 0.8])
    traffic.end()
    move(workspace, "rolling", "1d")
    workspace.evaluator().step()
    for value in "abc":
        before, now = ([row for row in day if row["features"]["c"] == value] for day in days)
        found = psi(workspace, segment=f"c={value}")[1]
        assert found.value == pytest.approx(psi_of(before, now), rel=0.1)
        assert (found.rows, found.reference_rows) == (len(now), len(before))


def test_a_lag_is_the_same_span_so_long_before(traffic, workspace) -> None:
    shifts = [0.7 if day % 7 == 2 else 0.0 for day in range(16)]  # a rhythm of the week
    days = days_of(traffic, [*shifts[:-1], 0.7])
    traffic.end()
    move(workspace, "lag", "7d")
    workspace.evaluator().step()
    found = psi(workspace)
    assert found.keys() == set(range(7, 16))
    for day in (9, 10, 15):
        assert found[day].value == pytest.approx(psi_of(days[day - 7], days[day]), rel=0.1, abs=0.004)
    assert {day for day, m in found.items() if m.status == Status.DRIFT} == {15}


def test_a_roll_up_is_held_against_whole_lags_before_it(traffic, workspace) -> None:
    days = days_of(traffic, [0.0] * 17 + [0.8] * 4)
    traffic.end()
    move(workspace, "lag", "7d")
    workspace.evaluator().step()
    first = (WindowSize("1w").start(START_US) - START_US) // DAY_US
    for start, measured in psi(workspace, size="1w").items():
        now = [row for day in days[max(0, start) : start + 7] for row in day]
        before = [row for day in days[max(0, start - 7) : max(0, start)] for row in day]
        assert start > first
        assert measured.value == pytest.approx(psi_of(before, now), rel=0.1, abs=0.004)


def test_a_late_record_has_windows_measured_again_that_it_is_the_reference_of(traffic, workspace) -> None:
    days = days_of(traffic, [0.0] * 6)
    traffic.end()
    move(workspace, "rolling", "2d")
    evaluator = workspace.evaluator()
    evaluator.step()
    before = psi(workspace)
    traffic.send(PREDICTIONS, late(1))
    assert evaluator.step().measured >= 3
    after = psi(workspace)
    for day in (2, 3):
        rows = [row for other in (day - 2, day - 1) for row in days[other]] + late(1)
        assert after[day].value == pytest.approx(psi_of(rows, days[day]), rel=0.1, abs=0.004)
        assert after[day].reference_rows == len(rows)
        assert after[day].value > before[day].value + 0.1
    for day in (4, 5):
        assert (after[day].value, after[day].reference_rows) == (before[day].value, before[day].reference_rows)
    assert evaluator.step().measured == 0  # and what is measured again for it does not go on for ever


def test_a_window_waits_where_nothing_but_its_reference_is_new(traffic, workspace) -> None:
    days_of(traffic, [0.0] * 4)
    traffic.end()
    move(workspace, "rolling", "2d")
    evaluator = workspace.evaluator(label_pause_s=20.0)
    evaluator.step()
    traffic.send(PREDICTIONS, late(0))
    traffic.end()
    evaluator.step()
    assert open_days(workspace) == {1, 2, 3}
    workspace.clock.advance(10 * SECOND_US)
    traffic.send(PREDICTIONS, late(1))
    traffic.end()
    evaluator.step()
    assert open_days(workspace) == {2, 3}  # records of its own do not wait
    assert psi(workspace)[1].reference_rows == 2 * ROWS
    assert psi(workspace)[2].reference_rows == 2 * ROWS
    workspace.clock.advance(10 * SECOND_US)
    evaluator.step()
    assert open_days(workspace) == set()
    assert [psi(workspace)[day].reference_rows for day in (1, 2, 3)] == [2 * ROWS, 4 * ROWS, 3 * ROWS]
    move(workspace, "rolling", "1d")
    evaluator.step()
    assert psi(workspace)[3].reference_rows == ROWS  # nor does another reference


def test_records_that_come_late_have_nothing_measured_again_that_is_out_of_reach(traffic, workspace) -> None:
    moving = Moving("rolling", "1d")
    last = moving.reach_us(WindowSize("1d")) // DAY_US
    for day in (0, last, last + 1):
        traffic.send(PREDICTIONS, a_day(day, rows=20))
    traffic.end()
    move(workspace, moving.kind, moving.length)
    workspace.evaluator().step()
    assert open_days(workspace) == set()
    traffic.send(PREDICTIONS, late(0, rows=20))
    assert {0, last} <= open_days(workspace) <= set(range(last + 1))


def test_records_that_come_while_a_window_is_measured_have_it_measured_again(traffic, workspace) -> None:
    days_of(traffic, [0.0] * 3)
    traffic.end()
    move(workspace, "rolling", "2d")
    evaluator = workspace.evaluator()
    measure = evaluator._window
    coming = late(0)

    def meanwhile(*of):
        found = measure(*of)
        if coming:
            traffic.send(PREDICTIONS, list(coming))
            coming.clear()
        return found

    evaluator._window = meanwhile
    evaluator.step()
    workspace.evaluator().step()
    assert psi(workspace)[1].reference_rows == 2 * ROWS


def test_a_small_window_that_looks_back_shares_no_row_with_its_reference(traffic, workspace) -> None:
    for day, rows in enumerate((ROWS, ROWS, 300, 300)):
        traffic.send(PREDICTIONS, a_day(day, rows=rows))
    traffic.end()
    move(workspace, "rolling", "1d")
    workspace.evaluator().step()
    found = psi(workspace)[3]
    assert (found.span_start_us, found.rows, found.reference_rows) == (START_US + 2 * DAY_US, 600, ROWS)


def test_a_column_opened_is_beside_what_its_window_is_held_against(traffic, workspace) -> None:
    days_of(traffic, [0.0, 3.0, 0.0])
    move(workspace, "rolling", "1d")
    start_us = START_US + 2 * DAY_US
    view = column_view(workspace.db, "default", "m", "1", "x", start_us, start_us + DAY_US)
    assert view.reference.moments.mean == pytest.approx(3.0, abs=0.1)
    assert view.current.moments.mean == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("moving", "told"),
    [
        (Moving("lag", "36h"), "lag: is '36h'; it must be a whole number of windows of 1d"),
        (Moving("rolling", "1h"), "rolling: is '1h'; it must be a whole number of windows of 1d"),
    ],
)
def test_a_length_that_no_window_fits_is_refused(traffic, workspace, moving, told) -> None:
    place = Place(workspace.db, "default", workspace.clock, 50)
    with pytest.raises(ContractError, match=told):
        of_earlier(place, "m", moving)
    with pytest.raises(NotFoundError):
        of_earlier(place, "nobody", moving)


@pytest.mark.parametrize("length", ["0d", "99999999999d"])
def test_a_length_is_between_a_second_and_ten_years(length) -> None:
    with pytest.raises(ValueError, match="between a second and ten years"):
        Moving("rolling", length)


@pytest.mark.parametrize(("kind", "length"), [("rolling", "3d"), ("lag", "1d"), ("lag", "7d")])
def test_whatever_a_window_looks_back_over_its_reference_is_within_reach(kind, length) -> None:
    moving, size = Moving(kind, length), WindowSize("1d")
    for back in range(MOST_LOOKBACK + 1):
        start_us = size.back(0, back)
        assert -moving.before((start_us, size.end(0)))[0] <= moving.reach_us(size)


def test_a_declaration_that_does_not_suit_the_reference_is_refused(traffic, workspace) -> None:
    models.declare(workspace.db, "default", replace(Model("m"), window=WindowSize("1h")), 0)
    move(workspace, "rolling", "1h")
    with pytest.raises(ContractError, match="the reference moves by 1h, which must be a whole number of windows of 1d"):
        declaration.check(workspace.db, "default", "m", Declaration(window="1d"))


def test_a_model_that_is_always_due_keeps_no_other_waiting(traffic, workspace, monkeypatch) -> None:
    monkeypatch.setattr("detectors.evaluate._ROUNDS", 5)
    for name in ("m", "z"):
        for day in range(3):
            traffic.send(PREDICTIONS, [row | {"model": name} for row in a_day(day)])
    traffic.end()
    evaluator = workspace.evaluator()
    measure = evaluator._measure

    def and_more_comes(model, held):
        done = measure(model, held)
        if model.name == "m":
            windows.touch_for_labels(workspace.db, "default", model, [START_US])
        return done

    evaluator._measure = and_more_comes
    evaluator.step()
    assert {m.window_start_us for m in workspace.measured(metric="rows", model="z", size="1d")} == {
        START_US + day * DAY_US for day in range(3)
    }
