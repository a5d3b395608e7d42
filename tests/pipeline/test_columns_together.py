"""Many columns at once: what moves between columns, and in vectors, where each column by itself is as it was."""

from dataclasses import replace

import numpy as np
import pytest

from api.reference_building import Place, from_log, put
from detectors.metrics import TOGETHER
from kernel.clock import DAY_US
from kernel.measurement import Status
from store import models, references, samples
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

ROWS = 800


def a_paired_day(day: int, sign: float, rows: int = ROWS, **more) -> list[dict]:
    """x, and y that follows it by this sign: each has the same law whatever the sign; and a category."""
    rng = np.random.default_rng((day, 7))
    records = a_day(day, rows=rows, **more)
    for record in records:
        x = rng.normal()
        record["features"] = {"x": x, "y": sign * x + rng.normal(0, 0.5), "c": str(rng.choice(["a", "b"]))}
    return records


def a_day_of_vectors(day: int, shift: float, rows: int = ROWS, columns: int = 16) -> list[dict]:
    rng = np.random.default_rng((day, 8))
    records = a_day(day, rows=rows)
    for record in records:
        record["features"] = {"e": (rng.normal(size=columns) + shift).tolist(), "x": rng.normal()}
    return records


@pytest.fixture
def reader(workspace) -> RecordReader:
    return RecordReader(RecordLog(str(workspace.folder / "records")), "default")


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", replace(Model("m"), multivariate=True), 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def send(traffic: Traffic, days: list[list[dict]]) -> None:
    for day in days:
        traffic.send(PREDICTIONS, day)
    traffic.end()


def by_day(rows) -> dict[int, list]:
    found: dict[int, list] = {}
    for row in rows:
        found.setdefault((row.window_start_us - START_US) // DAY_US, []).append(row)
    return found


def test_columns_that_go_together_otherwise_are_drift_though_none_of_them_moved(traffic, workspace) -> None:
    send(traffic, [a_paired_day(0, 1), a_paired_day(1, 1), a_paired_day(2, -1)])
    workspace.evaluator().step()
    assert {m.status for m in workspace.measured(metric="psi")} <= {Status.OK, Status.PROVISIONAL}
    auc = by_day(workspace.measured(metric="domain_auc", column=""))
    assert auc.keys() == {1, 2}  # the first day is the provisional reference
    [calm], [turned] = auc[1], auc[2]
    assert (calm.status, turned.status) == (Status.OK, Status.DRIFT)
    assert calm.lower < 0.5 < calm.upper
    assert turned.value > 0.9
    assert turned.p_value < turned.alpha
    error = by_day(workspace.measured(metric="reconstruction_error", column=""))
    assert error[1][0].p_change > 0.001 > error[2][0].p_change
    [decision] = [d for d in workspace.decided(metric="domain_auc") if d.window_start_us == turned.window_start_us]
    assert decision.abnormal


def test_a_model_that_does_not_ask_keeps_no_rows_and_has_none_of_it(workspace, messages) -> None:
    send(Traffic(workspace.sink(), workspace.clock, messages), [a_paired_day(0, 1), a_paired_day(1, -1)])
    workspace.evaluator().step()
    held = references.active(workspace.db, "default", "m")
    assert samples.of_reference(workspace.db, "default", "m", held.name) is None
    assert not [m for metric in TOGETHER for m in workspace.measured(metric=metric)]


def test_a_model_that_asks_no_longer_has_none_of_it_any_more(traffic, workspace) -> None:
    send(traffic, [a_paired_day(0, 1), a_paired_day(1, 1)])
    workspace.evaluator().step()
    assert workspace.measured(metric="domain_auc")
    models.declare(workspace.db, "default", Model("m"), 0)
    late = a_paired_day(1, 1)
    late[0]["id"] = "late"
    send(traffic, [late[:1]])
    assert workspace.evaluator().step().measured
    assert not workspace.measured(metric="domain_auc")


def test_vectors_are_measured_without_asking(workspace, messages) -> None:
    send(
        Traffic(workspace.sink(), workspace.clock, messages),
        [a_day_of_vectors(0, 0.0), a_day_of_vectors(1, 0.0), a_day_of_vectors(2, 0.25)],
    )
    workspace.evaluator().step()
    found = {metric: by_day(workspace.measured(metric=metric)) for metric in TOGETHER}
    assert {m.column for days in found.values() for of in days.values() for m in of} == {"e"}
    assert [found["domain_auc"][day][0].status for day in (1, 2)] == [Status.OK, Status.DRIFT]
    for metric in ("mmd", "mahalanobis"):
        assert found[metric][1][0].p_change > 0.001 > found[metric][2][0].p_change
    assert found["mahalanobis"][2][0].value == pytest.approx(16 * 0.25**2, rel=0.3)
    assert found["frechet"][2][0].value - found["frechet"][2][0].expected == pytest.approx(16 * 0.25**2, rel=0.3)
    assert not found["reconstruction_error"]


def test_vectors_of_another_length_are_said_to_be(workspace, messages) -> None:
    send(
        Traffic(workspace.sink(), workspace.clock, messages),
        [a_day_of_vectors(0, 0.0), a_day_of_vectors(1, 0.0, columns=24)],
    )
    workspace.evaluator().step()
    [found] = workspace.measured(metric="domain_auc", column="e")
    assert (found.status, found.basis) == (
        Status.INSUFFICIENT,
        "vectors of 24 numbers; the reference's have 16",
    )


def test_few_rows_look_back_and_say_nothing_where_that_is_not_enough(traffic, workspace) -> None:
    send(traffic, [a_paired_day(0, 1), a_paired_day(1, -1, rows=100), a_paired_day(2, -1, rows=100)])
    workspace.evaluator(lookback_windows=1).step()
    found = by_day(workspace.measured(metric="domain_auc", column=""))
    assert found[1][0].span_start_us == START_US  # 100 rows of its own, and those of the day before
    assert found[1][0].rows == ROWS + 100
    assert (found[2][0].status, found[2][0].value, found[2][0].rows) == (Status.INSUFFICIENT, None, 100)


def test_labels_alone_do_not_measure_it_again(traffic, workspace) -> None:
    days = [a_paired_day(0, 1), a_paired_day(1, -1)]
    for day in days:
        traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    before = [m for metric in TOGETHER for m in workspace.measured(metric=metric)]
    traffic.send(LABELS, [label(row) for row in days[1]])
    workspace.evaluator().step()
    assert [m for metric in TOGETHER for m in workspace.measured(metric=metric)] == before
    assert by_day(workspace.measured(metric="accuracy"))[1]


def test_a_reference_of_the_record_log_does_not_hold_a_window_against_its_own_rows(traffic, workspace, reader) -> None:
    send(traffic, [a_paired_day(day, 1) for day in range(3)])
    place = Place(workspace.db, "default", workspace.clock, 50)
    put(place, "m", from_log(place, "m", reader, START_US, START_US + 2 * DAY_US))
    workspace.evaluator().step()
    held = references.active(workspace.db, "default", "m")
    kept = samples.of_reference(workspace.db, "default", "m", held.name)
    assert kept.num_rows == 2 * ROWS
    rows = {day: of[0].reference_rows for day, of in by_day(workspace.measured(metric="domain_auc")).items()}
    assert rows == {0: ROWS, 1: ROWS, 2: 2 * ROWS}


def test_a_sample_is_the_same_whenever_it_is_asked_for_and_each_identity_is_in_it_once(traffic, reader) -> None:
    day = a_paired_day(0, 1)
    send(traffic, [day])
    span = (START_US, START_US + DAY_US)
    found = reader.sample("m", None, span, 300)
    assert found == reader.sample("m", "1", span, 300)
    ids = found["id"].to_pylist()
    assert len(set(ids)) == 300
    assert ids[:100] == reader.sample("m", "1", span, 100)["id"].to_pylist()
    assert reader.sample("m", "2", span, 300) is None


def test_heavy_rows_are_likelier(traffic, reader) -> None:
    day = a_paired_day(0, 1)
    for row in day[::2]:
        row["weight"] = 9.0
    send(traffic, [day])
    found = reader.sample("m", None, (START_US, START_US + DAY_US), 80)
    assert np.mean(found["weight"].fill_null(1.0).to_numpy() == 9.0) > 0.75


def test_a_text_among_numbers_is_a_hole(traffic, workspace) -> None:
    """The numbers of its batch are texts as well."""
    days = [a_paired_day(0, 1), a_paired_day(1, 1), a_paired_day(2, -1)]
    for day in days[1:]:
        day[7]["features"] |= {"x": "n/a"}
    send(traffic, days)
    workspace.evaluator().step()
    found = by_day(workspace.measured(metric="domain_auc", column=""))
    assert [found[day][0].status for day in (1, 2)] == [Status.OK, Status.DRIFT]
    assert found[1][0].value == pytest.approx(0.5, abs=0.05)


def test_rows_that_weigh_more_are_no_drift_where_only_their_logging_differs(traffic, workspace, reader) -> None:
    """Of one kind of row every hundredth is logged, and weighs so much; the window is as small as a sample."""
    days = [a_paired_day(day, 1, rows=1_500) for day in range(3)]
    for number, day in enumerate(days):
        for i, row in enumerate(day):
            row["features"] = {"x": float(i % 2) + np.random.default_rng((number, i)).normal()}
            row["weight"] = 100.0 if i % 2 == 0 else 1.0
    send(traffic, days)
    place = Place(workspace.db, "default", workspace.clock, 50)
    put(place, "m", from_log(place, "m", reader, START_US, START_US + DAY_US))
    workspace.evaluator().step()
    found = by_day(workspace.measured(metric="domain_auc", column=""))
    assert {found[day][0].status for day in (1, 2)} == {Status.OK}
    assert 700 < found[1][0].rows <= 758


def test_only_the_reference_in_force_keeps_rows(traffic, workspace, reader) -> None:
    send(traffic, [a_paired_day(0, 1)])
    place = Place(workspace.db, "default", workspace.clock, 50)
    for _ in range(2):
        former = references.active(workspace.db, "default", "m")
        put(place, "m", from_log(place, "m", reader, START_US, START_US + DAY_US))
    assert samples.of_reference(workspace.db, "default", "m", former.name) is None
    held = references.active(workspace.db, "default", "m")
    assert samples.of_reference(workspace.db, "default", "m", held.name).num_rows == ROWS
