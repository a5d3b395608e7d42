"""Traffic and latency of windows that went through the collector, held against what is usual of the model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kernel.clock import DAY_US, ManualClock, to_rfc3339
from kernel.windows import WindowSize
from store import models, windows
from store.models import Model
from testing.measured_days import EVENTS, PREDICTIONS, START_US, Traffic

ROWS = 200


def a_day(day: int, rows: int = ROWS, *, version: str = "1", slow: float = 1.0, sunday: float = 0.2) -> list[dict]:
    """Predictions of one day, some more or fewer; Sundays have a fifth."""
    rng = np.random.default_rng(day)
    rows = int(rows * rng.uniform(0.9, 1.1) * (sunday if day % 7 == 6 else 1))
    return [
        {
            "model": "m",
            "version": version,
            "id": f"{day}-{version}-{i}",
            "ts": to_rfc3339(START_US + day * DAY_US + i * (DAY_US // max(1, rows))),
            "latency_ms": float(rng.lognormal(2, 0.3)) * slow,
        }
        for i in range(rows)
    ]


def started(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", replace(Model("m"), window=WindowSize("1d"), lateness_us=0), 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    return started(workspace, messages)


@pytest.fixture
def live(workspace, messages, tmp_path) -> Iterator[Callable[..., Any]]:
    """Days as they pass: sends records at the end of a day, and has a detector look after it; gives back the workspace."""
    now = replace(workspace, folder=tmp_path / "live", clock=ManualClock(START_US))
    traffic, worker = started(now, messages), now.evaluator()

    def pass_day(day: int, *records: dict, events: Sequence[dict] = (), look: bool = True):
        traffic.pass_day(day, records, events)
        if look:
            worker.step()
        return now

    yield pass_day
    now.db.close()


def found(workspace, metric: str = "traffic") -> dict[int, tuple[float, str]]:
    """Value and decision of each day."""
    rows = workspace.decided(metric=metric)
    return {(row.window_start_us - START_US) // DAY_US: (row.value, row.status) for row in rows}


def replayed(workspace, traffic: Traffic, days: int, **of_day: list[dict]) -> None:
    """Day by day; what is named of_day is sent instead, such as d70=[]."""
    for day in range(days):
        if rows := of_day.get(f"d{day}", a_day(day)):
            traffic.send(PREDICTIONS, rows)


def test_a_day_without_any_record_is_measured_and_called(live) -> None:
    for day in range(40):
        workspace = live(day, *a_day(day), look=day > 30)
    assert {status for _, status in found(workspace).values()} == {"ok"}
    workspace = live(40)
    assert found(workspace)[40] == (0.0, "degraded")
    assert workspace.decided(metric="traffic")[-1].usual > ROWS / 2
    workspace = live(41, *a_day(41))
    assert found(workspace)[41][1] == "ok"
    late = a_day(40)  # after all it was only late
    workspace = live(42, *late)
    assert found(workspace)[40] == (len(late), "ok")


def test_a_sunday_is_held_against_sundays_from_eight_weeks_on(workspace, traffic) -> None:
    replayed(workspace, traffic, 78, d74=a_day(74)[:40])
    traffic.end()
    workspace.evaluator().step()
    called = {day for day, (_, status) in found(workspace).items() if status == "degraded"}
    assert 74 in called  # a Wednesday like a Sunday
    assert not {day for day in called if day >= 60} - {74}
    sunday = next(row for row in workspace.decided(metric="traffic") if row.window_start_us == START_US + 76 * DAY_US)
    assert sunday.usual == pytest.approx(0.2 * ROWS, rel=0.2)
    assert sunday.usual_lower < sunday.value < sunday.usual_upper


def test_traffic_is_that_of_all_versions_so_that_a_new_one_is_no_silence(workspace, traffic) -> None:
    replayed(workspace, traffic, 45, **{f"d{day}": a_day(day, version="2") for day in range(40, 45)})
    traffic.end()
    workspace.evaluator().step()
    assert {status for _, status in found(workspace).values()} == {"ok"}
    assert {row.version for row in workspace.decided(metric="traffic")} == {""}


def test_a_latency_far_above_what_is_usual_is_called_and_what_is_fast_is_not(workspace, traffic) -> None:
    replayed(workspace, traffic, 50, d45=a_day(45, slow=3.0), d47=a_day(47, slow=0.2))
    traffic.end()
    workspace.evaluator().step()
    latency = found(workspace, "latency_p99")
    assert {day for day, (_, status) in latency.items() if status == "degraded"} == {45}
    (slow,) = workspace.decided(metric="latency_p99", status="degraded")
    assert slow.usual < slow.usual_upper < slow.value


def test_the_largest_latency_of_few_rows_is_told_and_not_judged(workspace, traffic) -> None:
    replayed(workspace, traffic, 3, d1=a_day(1, rows=80))
    traffic.end()
    workspace.evaluator().step()
    assert [m.alpha is None for m in workspace.measured(metric="latency_p99", size="1d")] == [False, True, False]
    assert None not in [m.value for m in workspace.measured(metric="latency_p99", size="1d")]


def test_a_holiday_is_not_judged_and_is_no_part_of_the_past(workspace, traffic) -> None:
    day = START_US + 40 * DAY_US
    holiday = {
        "kind": "holiday",
        "ts": to_rfc3339(day),
        "title": "Easter",
        "details": {"until": to_rfc3339(day + 2 * DAY_US)},
    }
    traffic.send(EVENTS, [holiday])
    replayed(workspace, traffic, 45, d40=a_day(40)[:1], d41=a_day(41)[:1], d43=a_day(43)[:1])
    traffic.end()
    workspace.evaluator().step()
    assert {d for d, (_, status) in found(workspace).items() if status == "degraded"} == {43}
    assert [row.basis for row in workspace.decided(metric="traffic")][40:43] == ["a holiday", "a holiday", "own past"]


def test_a_model_that_is_silent_for_good_is_measured_for_a_week(live) -> None:
    for day in range(20):
        workspace = live(day, *(a_day(day) if day < 3 else []))
    silent = [w for w in windows.listing(workspace.db, "default", "m") if not w.rows]
    assert [(w.start_us - START_US) // DAY_US for w in silent] == [3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("ends", [True, False], ids=["with an end of stream", "without"])
def test_a_gap_has_its_windows_however_the_records_came(workspace, messages, live, ends) -> None:
    """Twenty silent days, of which the first week is looked at; the last day is open in one and closed in the other."""
    days = [a_day(day) if not 5 <= day < 25 else [] for day in range(32)]
    at_once = started(workspace, messages)
    for day in days:
        if day:
            at_once.send(PREDICTIONS, day)
    if ends:
        at_once.end()
    workspace.evaluator().step()
    for number, day in enumerate(days):
        passed = live(number, *day)
    starts = [
        [(w.start_us - START_US) // DAY_US for w in windows.listing(of.db, "default", "m")]
        for of in (workspace, passed)
    ]
    assert starts[0] == starts[1] == [*range(12), *range(25, 32)]
    assert {day: of for day, of in found(workspace).items() if day < 31} == {
        day: of for day, of in found(passed).items() if day < 31
    }


def test_the_window_in_which_a_stream_ends_is_not_judged(workspace, traffic) -> None:
    replayed(workspace, traffic, 41, d40=a_day(40)[:1])
    traffic.end()
    workspace.evaluator().step()
    last = workspace.decided(metric="traffic")[-1]
    assert (last.value, last.status, last.usual) == (1.0, "ok", None)


def test_a_model_that_goes_on_after_an_end_of_stream_is_held_against_what_is_usual_again(live) -> None:
    for day in range(3):
        workspace = live(day, *a_day(day))
    end = {"kind": "end-of-stream", "ts": to_rfc3339(workspace.clock.now_us()), "title": "a replay is over"}
    for day in range(3, 45):
        workspace = live(day, *a_day(day, sunday=1.0), events=[end] if day == 3 else [], look=day > 40)
    workspace = live(45)
    assert found(workspace)[45] == (0.0, "degraded")


def test_after_the_end_of_a_stream_nothing_is_silent(workspace, traffic) -> None:
    replayed(workspace, traffic, 3)
    traffic.end()
    workspace.evaluator().step()
    assert all(w.rows for w in windows.listing(workspace.db, "default", "m"))


def test_a_past_reaches_back_however_many_windows_were_decided_after_it(workspace, traffic) -> None:
    """More days than a past has: what was decided of the first ones is not decided again for the last ones."""
    replayed(workspace, traffic, 130)
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    first = [row.basis for row in workspace.decided(metric="traffic")]
    assert first[30:-1] == ["own past"] * 99
    late = a_day(100)[:1]
    late[0]["id"] = "late"
    traffic.send(PREDICTIONS, late)
    traffic.end()
    before = {row.window_start_us: row for row in workspace.decided(metric="traffic")}
    worker.step()
    after = {row.window_start_us: row for row in workspace.decided(metric="traffic")}
    changed = [(us - START_US) // DAY_US for us in after if after[us].usual != before[us].usual]
    assert min(changed) > 90
    assert [row.basis for row in after.values()][30:-1] == ["own past"] * 99


def test_however_windows_come_the_decisions_are_those_of_all_at_once(workspace, messages, live) -> None:
    """A few days at a time, and some records of an early day only at the end."""
    days = [a_day(day, sunday=1.0)[: 20 if day in (35, 36, 44) else None] for day in range(50)]
    at_once = started(workspace, messages)
    for day in days:
        at_once.send(PREDICTIONS, day)
    at_once.end()
    workspace.evaluator().step()
    for number, day in enumerate(days):
        in_turn = live(number, *(day[:-5] if number == 10 else day), look=number % 7 == 6)
    in_turn = live(50, *days[10][-5:])

    def decisions(place) -> list[tuple]:
        last_us = START_US + 49 * DAY_US  # in which the one stream ends
        rows = [row for row in place.decided(metric="traffic") if row.window_start_us < last_us]
        return [(r.window_start_us, r.value, r.status, r.basis, r.p_own, r.usual, r.usual_lower) for r in rows]

    assert decisions(in_turn) == decisions(workspace)
    assert [row[2] for row in decisions(workspace)].count("degraded") == 3


def test_one_record_of_long_ago_makes_no_windows_of_all_the_time_since(workspace, messages) -> None:
    models.declare(workspace.db, "default", replace(Model("m"), window=WindowSize("1h"), lateness_us=0), 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    old = {"model": "m", "id": "old", "ts": "0001-01-01T00:00:00Z"}
    traffic.send(PREDICTIONS, [old, *a_day(0)[:5]])
    traffic.end()
    workspace.evaluator().step()
    assert len(windows.listing(workspace.db, "default", "m")) < 200  # a week of hours after the first, and a day's
