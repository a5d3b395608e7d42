"""The reads that the pages stand on, over a database made by migration."""

import dataclasses

import numpy as np
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from kernel.clock import DAY_US
from kernel.errors import NotFoundError
from kernel.profile import Kind
from store.alert_view import open_incidents
from store.column_view import ColumnView, column_view
from store.database import Database
from store.fleet import PERFORMANCE, TREND_WINDOWS, FleetRow, fleet
from store.model_view import happenings, model_card, model_names
from store.retiring import listing
from store.series import SERIES, Scope, measured_windows, newest_segments, series
from store.shadow_view import run, runs

W, MODEL = "default", "flight-delay"
DAILY, MONTHLY = Scope(MODEL, "3", "1d"), Scope(MODEL, "3", "1mo")


def by_name(db: Database) -> dict[str, FleetRow]:
    return {row.model: row for row in fleet(db, W)}


def test_the_fleet_is_ordered_by_urgency_then_name(db: Database) -> None:
    assert [row.model for row in fleet(db, W)] == [MODEL, "card-fraud", "churn", "house-price", "search"]


def test_a_fleet_row_says_what_is_newest_and_worst(db: Database) -> None:
    row = by_name(db)[MODEL]
    assert (row.tier, row.state, row.alerts, row.incidents) == ("P1", "firing", 6, 2)
    assert (row.version, row.several, row.size, row.drifted) == ("3", True, "1d", ("wind_speed",))
    assert row.window_start_us == measured_windows(db, W, DAILY, 1)[0].start_us
    assert len(row.rows_trend) == len(row.psi_trend) == TREND_WINDOWS
    assert row.latest["rows"] == row.rows_trend[-1]


def test_the_fleet_finds_its_windows_by_the_key_however_much_was_ever_measured(db: Database) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    sa.event.listen(db._engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    fleet(db, W)
    of_measured = [(text, values) for text, values in asked if "psi" in values or "accuracy" in values]
    assert of_measured
    with db.read() as connection:
        for text, values in of_measured:
            plan = [step.detail for step in connection.exec_driver_sql(f"explain query plan {text}", values)]
            [search] = [step for step in plan if "measurements" in step or "decisions" in step]
            assert "model=? AND version=? AND segment=? AND size=? AND window_start_us=?" in search


def test_open_incidents_come_the_worst_first_each_with_its_alerts_in_groups(db: Database) -> None:
    first, second = open_incidents(db, W)
    assert [one.incident.incident for one in (first, second)] == ["i1", "i2"]
    [(head, held)] = first.groups
    assert (head.alert, {alert.alert for alert in held}) == ("a1", {"a5", "a6", "a7"})
    assert (first.is_taken, second.is_taken) == (False, True)
    assert open_incidents(db, W, MODEL) == (first, second)
    assert open_incidents(db, W, "card-fraud") == open_incidents(db, "elsewhere") == ()


def test_the_newest_performance_rests_on_all_of_its_labels(db: Database) -> None:
    table = series(db, W, DAILY, ["accuracy"], 0)
    assert set(table["status"].to_pylist()[-4:]) == {"provisional"}
    assert by_name(db)[MODEL].latest["accuracy"] == table["value"].to_pylist()[-5]


@pytest.mark.parametrize(
    ("model", "measured", "estimated"),
    [
        (MODEL, {"roc_auc", "accuracy"}, {"roc_auc", "accuracy"}),
        ("house-price", {"mae", "r2"}, set()),
        ("search", {"ndcg", "mrr"}, set()),
        ("churn", set(), set()),
    ],
)
def test_a_fleet_row_has_the_performance_of_its_task_and_what_is_estimated_since(
    db: Database, model: str, measured: set[str], estimated: set[str]
) -> None:
    row = by_name(db)[model]
    assert {metric for pair in PERFORMANCE for metric in pair if metric in row.latest} == measured
    assert row.estimates.keys() == estimated
    for metric in estimated:
        assert row.estimates[metric] == series(db, W, DAILY, [f"estimated_{metric}"], 0)["value"].to_pylist()[-1]


def test_groups_are_those_of_the_newest_window_that_has_any(db: Database) -> None:
    found = newest_segments(db, W, DAILY, ("disparate_impact", "opportunity_gap"), 0)
    newest = measured_windows(db, W, DAILY, 1)[0]
    assert found["start_us"].to_pylist() == [newest.start_us] * 2
    assert found.select(["segment", "metric"]).to_pylist() == [
        {"segment": f"origin={origin}", "metric": "disparate_impact"} for origin in ("EWR", "JFK")
    ]
    assert found["value"].to_pylist() == pytest.approx([2.0, 0.5])
    assert newest_segments(db, W, DAILY, ("disparate_impact",), newest.end_us).num_rows == 0


def test_the_largest_psi_of_a_window_is_over_its_columns(db: Database) -> None:
    newest = measured_windows(db, W, DAILY, 1)[0]
    psi = series(db, W, DAILY, ["psi"], newest.start_us)
    assert by_name(db)[MODEL].psi_trend[-1] == pytest.approx(pc.max(psi["value"]).as_py())


def test_a_model_without_windows_has_a_row_without_numbers(db: Database) -> None:
    row = by_name(db)["churn"]
    assert (row.window_start_us, row.latest, row.rows_trend, row.tier) == (None, {}, (), "")


def test_retired_models_are_listed_apart_with_what_came_since(db: Database) -> None:
    assert [(one.model, one.rows) for one in listing(db, W)] == [("flihgt-delay", 1_204), ("old_*prices*", 0)]
    assert [one.model for one in listing(db, W, "old_*prices*")] == ["old_*prices*"]
    assert listing(db, W, MODEL) == listing(db, "elsewhere") == []


def test_another_workspace_is_empty(db: Database) -> None:
    assert fleet(db, "elsewhere") == ()
    assert model_names(db, "elsewhere") == ()
    assert runs(db, "elsewhere") == ()


def test_windows_come_newest_first(db: Database) -> None:
    windows = measured_windows(db, W, DAILY, 30)
    starts = [w.start_us for w in windows]
    assert len(windows) == 30
    assert starts == sorted(starts, reverse=True)
    assert all(w.end_us - w.start_us == DAY_US for w in windows)


def test_a_series_is_of_its_scope_and_period(db: Database) -> None:
    since_us = measured_windows(db, W, DAILY, 10)[-1].start_us
    table = series(db, W, DAILY, ["psi"], since_us)
    assert table.schema == SERIES
    assert table.num_rows == 10 * 12
    assert series(db, W, Scope(MODEL, "4", "1d"), ["rows"], 0).num_rows == 30
    assert series(db, W, MONTHLY, ["rows"], 0).num_rows == 10


def test_a_series_without_rows_keeps_its_schema(db: Database) -> None:
    empty = series(db, W, Scope("nobody", "", "1d"), ["psi"], 0)
    assert empty.schema == SERIES
    assert empty.num_rows == 0


def test_a_series_carries_the_decision(db: Database) -> None:
    table = series(db, W, DAILY, ["missing_share"], 0)
    drift = table.filter(pc.equal(table["status"], "drift"))
    assert set(drift["column"].to_pylist()) == {"wind_speed"}
    assert all(drift["abnormal"].to_pylist())
    assert set(drift["alpha"].to_pylist()) == {2e-4}
    assert table["span_start"].to_pylist() == table["window_start"].to_pylist()


def test_a_card_tells_what_can_be_chosen(db: Database) -> None:
    card = model_card(db, W, MODEL)
    assert (card.sizes, card.versions, card.task) == (("1d", "1mo"), ("3", "4", ""), "binary")
    assert card.reference is not None
    assert card.reference.performance["roc_auc"].value == 0.785


def test_a_model_that_is_not_there_is_named(db: Database) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        model_card(db, W, "nobody")


def test_events_of_the_model_are_found(db: Database) -> None:
    assert [h.title for h in happenings(db, W, MODEL, 0)] == ["version 3"]
    assert happenings(db, W, "card-fraud", 0) == ()


def opened(db: Database, column: str, days: int = 1, version: str = "3") -> ColumnView:
    windows = measured_windows(db, W, DAILY, days)
    return column_view(db, W, MODEL, version, column, windows[-1].start_us, windows[0].end_us)


def test_a_numeric_column_comes_with_its_grid(db: Database) -> None:
    view = opened(db, "temp")
    assert view.kind is Kind.NUMERIC
    assert view.comparable
    assert view.grid is not None
    assert view.current is not None
    assert view.current.values == 900
    assert view.current.cells.index.max() < view.grid.cells


def test_a_column_of_records_without_a_version_is_of_them_alone(db: Database) -> None:
    assert opened(db, "temp", version="").current is None


def test_what_is_of_the_whole_model_is_read_whichever_version_is_named(db: Database) -> None:
    metrics = ["rows", "traffic", "gpu_utilization"]
    found = {version: series(db, W, Scope(MODEL, version, "1d"), metrics, 0) for version in ("3", "4", "")}
    rows = {version: one.filter(pc.equal(one["metric"], "rows")).num_rows for version, one in found.items()}
    assert rows == {"3": 300, "4": 30, "": 2}
    whole = [one.filter(pc.not_equal(one["metric"], "rows")) for one in found.values()]
    assert whole[0].num_rows == 300 + 260
    assert whole[0].equals(whole[1])
    assert whole[0].equals(whole[2])


def test_a_span_of_windows_is_their_sum(db: Database) -> None:
    whole = opened(db, "temp", 7).current
    assert whole is not None
    assert whole.values == 7 * 900


def test_a_categorical_column_comes_with_its_values(db: Database) -> None:
    view = opened(db, "carrier")
    assert view.kind is Kind.CATEGORICAL
    assert view.values[1] == "UA"


@pytest.mark.parametrize(
    ("column", "kind"), [("prediction", "categorical"), ("score.late", "score"), ("holiday", "boolean")]
)
def test_columns_are_found_by_their_plain_names(db: Database, column: str, kind: str) -> None:
    assert opened(db, column, version="3").kind == kind


def test_a_column_that_nobody_sent_is_empty(db: Database) -> None:
    view = opened(db, "no_such_column")
    assert (view.kind, view.current, view.reference, view.comparable) == (None, None, None, False)


def test_a_finished_run_has_its_comparison(db: Database) -> None:
    found = run(db, W, "run-7")
    assert (found.verdict, found.state) == ("promote", "done")
    assert found.comparison is not None
    assert np.sum(found.comparison.churn) == found.comparison.rows
    assert found.comparison.mcnemar is not None
    assert found.comparison.metrics[0].metric == "accuracy"
    assert found.comparison.candidate_latency.p99 == 1.62


def test_runs_come_newest_first_and_unfinished_ones_without_a_result(db: Database) -> None:
    found = {r.run: r for r in runs(db, W)}
    assert list(found) == ["run-8", "run-7", "run-6", "run-5", "run-4"]
    assert found["run-8"].comparison is None
    assert found["run-6"].comparison is not None
    assert found["run-6"].comparison.mcnemar is None


def test_a_run_that_is_not_there_is_named(db: Database) -> None:
    with pytest.raises(NotFoundError, match="run-99"):
        run(db, W, "run-99")


def test_postgresql_answers_as_sqlite_does(db: Database, seeded_postgres: Database) -> None:
    assert fleet(seeded_postgres, W) == fleet(db, W)
    assert model_card(seeded_postgres, W, MODEL) == model_card(db, W, MODEL)
    assert measured_windows(seeded_postgres, W, DAILY, 50) == measured_windows(db, W, DAILY, 50)
    metrics = ["psi", "accuracy", "rows"]
    for scope in (DAILY, MONTHLY):
        ours, theirs = series(db, W, scope, metrics, 0), series(seeded_postgres, W, scope, metrics, 0)
        key = [("window_start", "ascending"), ("metric", "ascending"), ("column", "ascending")]
        assert theirs.sort_by(key).equals(ours.sort_by(key))
    assert happenings(seeded_postgres, W, MODEL, 0) == happenings(db, W, MODEL, 0)
    assert runs(seeded_postgres, W) == runs(db, W)
    ours_view, theirs_view = opened(db, "dest", 3), opened(seeded_postgres, "dest", 3)
    assert theirs_view.values == ours_view.values
    for name in (f.name for f in dataclasses.fields(ColumnView) if f.name in ("current", "reference")):
        assert np.array_equal(getattr(theirs_view, name).cells.rows, getattr(ours_view, name).cells.rows)
