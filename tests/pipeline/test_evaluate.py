"""A closed window is measured from what is stored, again whenever that changes, and equals the answer of a batch over its rows."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score, roc_auc_score

from kernel.clock import DAY_US, HOUR_US, MINUTE_US, to_rfc3339
from kernel.column_spec import ColumnSpec
from kernel.grid import Grid
from kernel.profiling import profile_rows
from kernel.windows import WindowSize
from store import models, references, windows
from store.columns import all_grids
from store.models import Model
from testing.measured_days import LABELS, PREDICTIONS, ROWS, START_US, Traffic, a_day, label


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", replace(Model("m"), positive_class="late", rollups=(WindowSize("1mo"),)), 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def test_the_first_large_window_is_a_provisional_reference_and_a_later_shift_is_drift(traffic, workspace) -> None:
    days = [a_day(0), a_day(1), a_day(2, shift=2.0)]
    for day in days:
        traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    assert [m.status for m in workspace.measured(metric="psi", column="x", size="1d")] == ["provisional", "ok", "drift"]
    assert [m.status for m in workspace.measured(metric="psi", column="c", size="1d")] == ["provisional", "ok", "ok"]
    (drifted,) = [m for m in workspace.measured(metric="psi", column="x", size="1d") if m.status == "drift"]
    assert drifted.lower > 0.1
    assert drifted.p_value < drifted.alpha
    # The month is the sum of its days, and measured like a day.
    (month,) = workspace.measured(metric="rows", size="1mo")
    assert month.value == 3 * ROWS


def test_psi_and_js_distance_equal_the_batch_answer_on_the_raw_rows(traffic, workspace) -> None:
    before, now = a_day(0, rows=5_000), a_day(1, shift=0.4, rows=2_000)
    for day in (before, now):
        traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    x, y = (np.array([r["features"]["x"] for r in day]) for day in (before, now))
    edges = np.quantile(x, np.linspace(0, 1, 11)[1:-1])
    q, p = (np.bincount(np.searchsorted(edges, v), minlength=10) / len(v) for v in (x, y))
    expected = {"psi": entropy(p, q) + entropy(q, p), "js_distance": jensenshannon(p, q, 2)}
    for metric, value in expected.items():
        found = workspace.measured(metric=metric, column="x", size="1d")[-1].value
        assert found == pytest.approx(value, rel=0.05), metric


@pytest.mark.parametrize("hint", [True, False])
def test_performance_equals_scikit_learn_however_the_labels_come(traffic, workspace, hint) -> None:
    rows = a_day(0)
    labels = [label(r, hint=hint) for r in rows[:500]]
    wrong_first = [label(r, "ok" if r["truth"] == "late" else "late", day=3, hint=hint) for r in rows[:50]]
    traffic.send(LABELS, labels[:100])  # before their predictions
    traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()
    traffic.send(LABELS, [*labels[100:], *wrong_first, *labels[:20]])  # corrected by ts, not by arrival; some twice
    workspace.evaluator().step()
    truth = [r["truth"] for r in rows[:500]]
    guess, score = [r["prediction"] for r in rows[:500]], [r["scores"]["late"] for r in rows[:500]]
    positive = [t == "late" for t in truth]
    expected = {
        "accuracy": accuracy_score(truth, guess),
        "precision": precision_score(truth, guess, pos_label="late"),
        "recall": recall_score(truth, guess, pos_label="late"),
        "f1": f1_score(truth, guess, pos_label="late"),
        "roc_auc": roc_auc_score(positive, score),
        "log_loss": log_loss(positive, score),
        "label_coverage": 500 / 600,
    }
    for metric, value in expected.items():
        (found,) = workspace.measured(metric=metric, size="1d")
        assert found.value == pytest.approx(value, rel=1e-9), metric
        if metric != "label_coverage":
            assert found.lower < found.value < found.upper


def test_labels_drift_where_something_else_happens_than_in_the_reference(traffic, workspace) -> None:
    rows = a_day(0)
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(row, "late" if i % 2 else "ok") for i, row in enumerate(rows)])
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    assert not workspace.measured(metric="psi", column="label")
    profile = references.active(workspace.db, "default", "m").profile
    held = {"size": 1_000.0, "classes": {"late": 300.0, "ok": 700.0}}
    references.put(workspace.db, "default", "m", profile, {}, {}, 0, labels=held)
    worker.step()
    found = {m.metric: m for m in workspace.measured(column="label", size="1d")}
    p, q = np.array([0.5, 0.5]), np.array([0.3, 0.7])
    assert found["psi"].value == pytest.approx(entropy(p, q) + entropy(q, p))
    assert found["js_distance"].value == pytest.approx(jensenshannon(p, q, 2))
    assert found["psi"].status == "ok"  # labels are told


@pytest.mark.parametrize("hint", [True, False])
def test_a_window_counts_the_distinct_labels_that_have_a_prediction(traffic, workspace, hint) -> None:
    rows = a_day(0) + a_day(1)
    beta = [row | {"version": "2"} for row in rows[:10]]  # a label of both versions is one label
    traffic.send(PREDICTIONS, rows + beta)
    labels = [label(row, hint=hint) for row in rows[:500]]
    strangers = [label(row | {"id": f"nobody-{row['id']}"}, hint=hint) for row in rows[:30]]
    traffic.send(LABELS, labels + strangers)
    traffic.send(LABELS, labels)  # once more, as after an answer that never came
    traffic.send(LABELS, [label(row, "ok", day=6, hint=hint) for row in rows[:40]])
    traffic.end()
    workspace.evaluator().step()
    assert counted(workspace) == {("1d", 0): 500, ("1d", 1): 0, ("1mo", 0): 500}
    traffic.send(LABELS, [label(row, hint=hint) for row in rows[500:700]])
    workspace.evaluator().step()
    assert counted(workspace) == {("1d", 0): 600, ("1d", 1): 100, ("1mo", 0): 700}


def counted(workspace) -> dict[tuple[str, int], int]:
    """The labels of each window, by its size and the days since the first."""
    found = windows.listing(workspace.db, "default", "m")
    return {(w.size, (w.start_us - START_US) // DAY_US): w.labels for w in found}


def test_late_records_open_a_window_again_and_it_is_measured_again(traffic, workspace) -> None:
    rows = a_day(0)
    traffic.send(PREDICTIONS, [*rows[:-100], *a_day(3)])
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    assert workspace.measured(metric="rows", size="1d")[0].value == ROWS - 100
    assert worker.step().measured == 0
    traffic.send(PREDICTIONS, rows[-100:])
    traffic.sink.note_read(traffic.offsets)
    traffic.end()
    assert worker.step().measured == 2  # the day and its month
    assert workspace.measured(metric="rows", size="1d")[0].value == ROWS


def test_traffic_that_nobody_could_read_is_not_missing_traffic(traffic, workspace) -> None:
    start_us = workspace.clock.now_us() // DAY_US * DAY_US
    workspace.clock.advance(start_us + 20 * HOUR_US - workspace.clock.now_us())
    traffic.send(
        PREDICTIONS, [{**row, "ts": to_rfc3339(workspace.clock.now_us() - i)} for i, row in enumerate(a_day(0))]
    )
    traffic.sink.note_read(traffic.offsets)
    workspace.clock.advance(2 * MINUTE_US)
    traffic.sink.note_read(traffic.offsets)
    workspace.clock.advance(6 * HOUR_US)  # the collector is away: the day has ended, but who knows what came
    assert workspace.evaluator().step().measured == 0
    traffic.sink.note_read(traffic.offsets)  # it is back, and finds that nothing came
    assert workspace.evaluator().step().measured == 1


def test_a_window_stays_open_until_its_lateness_has_passed(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, [*a_day(0), a_day(1)[0]])
    assert workspace.evaluator().step().measured == 0
    traffic.send(PREDICTIONS, a_day(1)[1:100])  # 04:00 of the next day, past the hour of lateness
    assert workspace.evaluator().step().measured == 1


def test_a_small_window_looks_back_over_the_fewest_that_suffice(traffic, workspace) -> None:
    for day in range(4):
        traffic.send(PREDICTIONS, a_day(day, rows=[600, 300, 150, 100][day]))
    traffic.end()
    workspace.evaluator().step()
    found = workspace.measured(metric="psi", column="x", size="1d")
    looked_back = [(m.window_start_us - m.span_start_us) // DAY_US for m in found]
    assert looked_back == [0, 1, 2, 2]
    assert [m.status for m in found] == ["provisional", "ok", "ok", "ok"]


def test_too_few_rows_decide_nothing(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, a_day(0, rows=1_000))
    traffic.send(PREDICTIONS, a_day(1, rows=40, shift=9.0))
    traffic.end()
    workspace.evaluator(lookback_windows=0).step()
    assert workspace.measured(metric="psi", column="x", size="1d")[-1].status == "insufficient"


def test_a_column_with_few_values_decides_nothing_however_many_rows_there_are(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, a_day(0, rows=1_000))
    rows = a_day(1, rows=900, shift=9.0)
    for row in rows[10:]:
        del row["features"]["x"], row["features"]["c"]
    traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()
    last = {(m.metric, m.column): m for m in workspace.measured(size="1d", window_start_us=START_US + DAY_US)}
    for metric, column in (("psi", "x"), ("js_distance", "x"), ("psi", "c"), ("unseen_share", "c")):
        assert (last[metric, column].status, last[metric, column].rows) == ("insufficient", 10), (metric, column)
        assert last[metric, column].basis == "fewer values than min_rows"
    assert last["missing_share", "x"].status == "drift"
    assert last["psi", "prediction"].status == "ok"


def test_of_two_workers_each_window_is_measured_by_one(traffic, workspace) -> None:
    for day in range(6):
        traffic.send(PREDICTIONS, a_day(day, rows=50))
    traffic.end()
    first, second = (workspace.evaluator(owner, windows_a_lease=2) for owner in ("first", "second"))
    model = models.one(workspace.db, "default", "m")
    held = first._claim(model, 2**62)
    assert len(held.windows) == 2
    others = second.step()
    assert others.measured == 5  # four days and the month
    assert first._measure(model, held) == 2
    assert len(workspace.measured(metric="rows", size="1d")) == 6


def test_a_worker_whose_lease_has_run_out_writes_nothing(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, a_day(0, rows=50))
    traffic.end()
    slow, quick = workspace.evaluator("slow", lease_s=0.001), workspace.evaluator("quick")
    model = models.one(workspace.db, "default", "m")
    held = slow._claim(model, 2**62)
    assert quick.step().measured == 2
    assert slow._measure(model, held) == 0


def test_a_new_reference_has_every_window_measured_again(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, a_day(0))
    traffic.send(PREDICTIONS, a_day(1))
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    values = np.random.default_rng(9).normal(5.0, 1.0, 3_000)
    old = references.active(workspace.db, "default", "m")
    column = old.profile.columns["feature.x"]
    grid: Grid = all_grids(workspace.db, "default", "m")["feature.x"][column.grid]
    moved = profile_rows(pa.table({"feature.x": values}), {"feature.x": ColumnSpec(column.kind, column.grid, grid)})
    references.put(workspace.db, "default", "m", moved, {}, {"from": "a test"}, 0)
    assert worker.step().measured == 3
    assert {m.status for m in workspace.measured(metric="psi", column="x")} == {"drift"}
    assert all(w.state == "measured" for w in windows.listing(workspace.db, "default", "m"))
