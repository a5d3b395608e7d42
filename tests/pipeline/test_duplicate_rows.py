"""Rows that were sent again under other ids, through the collector: counted by what their features are."""

import pytest

from kernel.measurement import Status
from store import references
from testing.measured_days import PREDICTIONS, Traffic, a_day


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
