"""Rows that were sent again under other ids, through the collector: counted by what their features are."""

from dataclasses import replace

import pytest

from api.reference_building import Place, from_log, put
from kernel.clock import DAY_US
from kernel.measurement import Status
from kernel.windows import WindowSize
from store import models, references
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from testing.measured_days import PREDICTIONS, START_US, Traffic, a_day


def sent_again(rows: list[dict], every: int) -> list[dict]:
    """Each so many-th row once more, under an id of its own."""
    return [*rows, *(row | {"id": f"{row['id']}-again"} for row in rows[::every])]


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    return Traffic(workspace.sink(), workspace.clock, messages)


def test_a_rise_of_repeated_rows_is_drift(workspace, traffic) -> None:
    for day in range(2):
        traffic.send(PREDICTIONS, a_day(day))
    for part in (sent_again(a_day(2), 2)[:450], sent_again(a_day(2), 2)[450:]):
        traffic.send(PREDICTIONS, part)
    traffic.end()
    workspace.evaluator().step()
    found = workspace.measured(metric="duplicate_share", size="1d")
    assert [m.status for m in found] == [Status.OK, Status.OK, Status.DRIFT]
    assert [m.value for m in found[:2]] == [0.0, 0.0]
    assert found[2].value == pytest.approx(300 / 900, abs=0.06)
    assert found[2].rows == 900


def test_a_model_whose_rows_mostly_repeat_one_another_is_told_and_not_judged(workspace, traffic) -> None:
    for day in range(2):
        rows = a_day(day)
        for row in rows:
            row["features"].pop("x")
        traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()
    last = workspace.measured(metric="duplicate_share", size="1d")[-1]
    assert (last.value, last.status) == (pytest.approx(597 / 600), Status.INSUFFICIENT)
    assert "over half of the reference's rows" in last.basis


def test_a_model_without_features_has_no_such_measure(workspace, traffic) -> None:
    traffic.send(PREDICTIONS, [{name: v for name, v in row.items() if name != "features"} for row in a_day(0)])
    traffic.end()
    workspace.evaluator().step()
    assert not workspace.measured(metric="duplicate_share")
    assert workspace.measured(metric="rows")


def test_rows_that_an_earlier_version_counted_make_the_share_unknown_and_an_old_reference_judges_nothing(
    workspace, traffic, monkeypatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("kernel.profiling.with_row_hashes", lambda table: table)
        traffic.send(PREDICTIONS, a_day(0))
        traffic.send(PREDICTIONS, a_day(1)[:300])
    traffic.send(PREDICTIONS, a_day(1)[300:])
    traffic.send(PREDICTIONS, a_day(2))
    traffic.end()
    workspace.evaluator().step()
    assert "rows.distinct" not in references.active(workspace.db, "default", "m").profile.columns
    found = workspace.measured(metric="duplicate_share", size="1d")
    assert [(m.value, m.status) for m in found] == [(None, Status.INSUFFICIENT), (0.0, Status.PROVISIONAL)]


def test_rows_that_come_every_night_repeat_nothing_in_a_night(workspace, traffic) -> None:
    """Windows of few rows look back over those before them; duplicates are counted in each alone, and told of a week."""
    models.declare(workspace.db, "default", replace(Model("m"), rollups=(WindowSize("1w"),)), 0)
    place = Place(workspace.db, "default", workspace.clock, 50)
    customers = a_day(0, rows=300)
    for day in range(5):
        sent = [row | {"id": f"{day}-{i}", "ts": again["ts"]} for i, (row, again) in
                enumerate(zip(customers, a_day(day, rows=300), strict=True))]  # fmt: skip
        traffic.send(PREDICTIONS, sent)
    traffic.end()
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    put(place, "m", from_log(place, "m", reader, START_US, START_US + DAY_US))
    workspace.evaluator().step()
    assert {m.value for m in workspace.measured(metric="duplicate_share", size="1d")[1:]} == {0.0}
    weeks = workspace.measured(metric="duplicate_share", size="1w")
    assert weeks[-1].value >= 0.5
    assert {m.status for m in weeks} == {Status.OK}
