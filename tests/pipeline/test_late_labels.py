"""While labels are still to come, a window says how many are there and what all of them would say; and is final when they are."""

from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from kernel.clock import DAY_US, HOUR_US, to_rfc3339
from kernel.windows import WindowSize
from store import label_delays, models, tables, windows
from store.models import Model
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic

DAYS, ROWS = 26, 200
NOW_US = START_US + DAYS * DAY_US


class World:
    """Predictions of 26 days, of which one in four is wrong; wrong ones are told of late, in the mean after three days."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        rows = DAYS * ROWS
        self.ts_us = START_US + np.sort(rng.integers(0, DAYS * DAY_US, rows))
        self.right = rng.random(rows) < 0.75
        hours = rng.exponential(np.where(self.right, 6.0, 72.0))
        self.label_us = self.ts_us + (hours * HOUR_US).astype(np.int64)
        self.predictions = [
            {"model": "m", "version": "1", "id": f"p{i}", "ts": to_rfc3339(int(ts)), "prediction": "ok"}
            for i, ts in enumerate(self.ts_us)
        ]

    def labels(self, since_us: int, until_us: int) -> list[dict[str, object]]:
        """Those that come in [since, until), as they come."""
        coming = np.flatnonzero((self.label_us >= since_us) & (self.label_us < until_us))
        return [
            {
                "model": "m",
                "id": f"p{i}",
                "ts": to_rfc3339(int(self.label_us[i])),
                "label": "ok" if self.right[i] else "late",
                "prediction_ts": to_rfc3339(int(self.ts_us[i])),
            }
            for i in coming[np.argsort(self.label_us[coming])]
        ]

    def told_at(self, ts_us: int, count: int) -> list[dict[str, object]]:
        """Labels of this ts, of so many rows of the last day that have none yet."""
        open_ = np.flatnonzero(self.day(DAYS - 1) & (self.label_us >= NOW_US))[:count]
        return [
            {
                "model": "m",
                "id": f"p{i}",
                "ts": to_rfc3339(ts_us),
                "label": "ok",
                "prediction_ts": to_rfc3339(int(self.ts_us[i])),
            }
            for i in open_
        ]

    def day(self, number: int) -> np.ndarray:
        """Which rows are of a day."""
        return (self.ts_us - START_US) // DAY_US == number

    def seen(self, number: int) -> np.ndarray:
        """Of which of a day's rows the label is there by now."""
        return self.day(number) & (self.label_us < NOW_US)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    model = replace(Model("m"), task="multiclass", min_rows=50, rollups=(WindowSize("1w"),))
    models.declare(workspace.db, "default", model, 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def measured(workspace, metric: str, day: int):
    (found,) = workspace.measured(metric=metric, size="1d", window_start_us=START_US + day * DAY_US)
    return found


def live(traffic, workspace, world: World) -> None:
    """All that has come by now, and two looks: the first learns how late labels are."""
    traffic.send(PREDICTIONS, world.predictions)
    traffic.send(LABELS, world.labels(0, NOW_US - HOUR_US))
    traffic.end()
    workspace.evaluator().step()
    last_hour = world.labels(NOW_US - HOUR_US, NOW_US)
    traffic.send(LABELS, last_hour)
    workspace.evaluator().step()


def test_a_young_window_says_how_many_of_its_labels_are_there(traffic, workspace, world) -> None:
    live(traffic, workspace, world)
    for day in range(DAYS - 4, DAYS):
        found = measured(workspace, "label_completeness", day)
        assert found.value == pytest.approx(world.seen(day).sum() / world.day(day).sum(), abs=0.08), day
    assert measured(workspace, "label_delay_p50", DAYS - 2).value == pytest.approx(
        np.median(world.label_us - world.ts_us) / 1e6, rel=0.15
    )


def test_raw_is_what_the_labels_say_that_are_there_and_corrected_what_all_will(traffic, workspace, world) -> None:
    live(traffic, workspace, world)
    gaps = []
    for day in range(DAYS - 6, DAYS - 1):
        raw, corrected = (measured(workspace, name, day) for name in ("accuracy", "corrected_accuracy"))
        assert raw.value == pytest.approx(world.right[world.seen(day)].mean(), rel=1e-12)
        assert raw.status == "provisional"
        truth = world.right[world.day(day)].mean()
        gaps.append((raw.value - truth, corrected.value - truth))
    of_raw, of_corrected = np.mean(gaps, axis=0)
    assert of_raw > 0.06
    assert abs(of_corrected) < 0.03


def test_nothing_is_corrected_where_one_label_would_stand_for_more_than_five(traffic, workspace, world) -> None:
    live(traffic, workspace, world)
    young = measured(workspace, "corrected_accuracy", DAYS - 1)
    assert (young.value, young.status) == (None, "insufficient")
    assert measured(workspace, "accuracy", DAYS - 1).value is not None


def test_a_window_is_measured_once_more_when_its_labels_are_all_there_though_none_came_for_it(
    traffic, workspace, world
) -> None:
    live(traffic, workspace, world)
    day = DAYS - 6
    before = next(
        w for w in windows.listing(workspace.db, "default", "m", "1d") if w.start_us == START_US + day * DAY_US
    )
    assert before.labels_due_us is not None
    assert measured(workspace, "accuracy", day).status == "provisional"
    traffic.send(LABELS, world.told_at(before.labels_due_us + 1, 10))
    workspace.evaluator().step()
    after = measured(workspace, "accuracy", day)
    assert (after.status, after.value) == ("ok", world.right[world.seen(day)].mean())
    (now,) = [w for w in windows.listing(workspace.db, "default", "m", "1d") if w.start_us == before.start_us]
    assert now.labels_due_us is None


def test_windows_that_were_measured_before_it_could_be_told_are_measured_again(traffic, workspace, world) -> None:
    """The first fifty labels tell nothing yet; those that do are of later windows."""
    traffic.send(PREDICTIONS, world.predictions)
    labels = world.labels(0, NOW_US)
    traffic.send(LABELS, labels[:50])
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    assert not workspace.measured(metric="label_completeness")
    first = {label["prediction_ts"][:10] for label in labels[:50]}
    traffic.send(LABELS, [label for label in labels[50:] if label["prediction_ts"][:10] not in first])
    worker.step()
    assert worker.step().measured == 0
    found = workspace.measured(metric="label_completeness", size="1d")
    assert [m.window_start_us for m in found] == [START_US + day * DAY_US for day in range(DAYS)]


def test_what_nobody_could_tell_is_told_of_a_quiet_model(traffic, workspace, world) -> None:
    """As after an upgrade: its windows stand as measured, and nothing comes that would have them measured."""
    live(traffic, workspace, world)
    expected = states(workspace)
    with workspace.db.write() as connection:
        connection.execute(sa.update(tables.windows).values(labels_due_us=windows.UNTOLD_US))
        connection.execute(sa.update(tables.measurements).values(status="ok"))
    worker = workspace.evaluator()
    assert worker.step().measured == len(windows.listing(workspace.db, "default", "m"))
    assert worker.step().measured == 0
    assert states(workspace) == expected


def test_without_windows_old_enough_nobody_says_how_late_labels_are(traffic, workspace, world) -> None:
    """A model of two days, whose wrong ones are told of after three."""
    until_us = START_US + 2 * DAY_US
    traffic.send(PREDICTIONS, [p for p, ts in zip(world.predictions, world.ts_us, strict=True) if ts < until_us])
    traffic.send(LABELS, [one for one in world.labels(0, until_us) if one["prediction_ts"] < to_rfc3339(until_us)])
    traffic.end()
    workspace.evaluator().step()
    traffic.send(LABELS, world.labels(0, until_us)[:1])
    workspace.evaluator().step()
    assert not workspace.measured(metric="label_completeness")
    assert {m.status for m in workspace.measured(metric="accuracy", size="1d")} == {"ok"}


def test_the_answer_is_the_same_in_whatever_order_the_labels_come(traffic, workspace, world) -> None:
    """Of windows that are final, to the last bit; labels of all days come shuffled, and some twice."""
    rng = np.random.default_rng(5)
    labels = world.labels(0, NOW_US)
    shuffled = [labels[i] for i in rng.permutation(len(labels))]
    traffic.send(PREDICTIONS, world.predictions)
    traffic.end()
    for part in np.array_split(np.arange(len(shuffled)), 3):
        traffic.send(LABELS, [shuffled[i] for i in part] + shuffled[:20])
        workspace.evaluator().step()
    for day in (0, 3, 7, 12):
        found = measured(workspace, "accuracy", day)
        assert found.value == world.right[world.seen(day)].mean()
        assert measured(workspace, "label_coverage", day).value == world.seen(day).sum() / world.day(day).sum()


def states(workspace) -> list[str]:
    return [m.status for m in workspace.measured(metric="accuracy", size="1d")]


def test_a_label_of_today_finishes_no_window_of_a_replay(traffic, workspace, world) -> None:
    """One without a prediction, and one that came too long after its own."""
    live(traffic, workspace, world)
    expected = states(workspace)
    assert expected[-6:] == ["provisional"] * 6
    today = {"model": "m", "ts": to_rfc3339(workspace.clock.now_us()), "label": "ok"}
    of = {"prediction_ts": to_rfc3339(int(world.ts_us[-1]))}
    traffic.send(LABELS, [today | of | {"id": "nobody"}, today | of | {"id": f"p{len(world.ts_us) - 1}"}])
    workspace.evaluator().step()
    assert states(workspace) == expected


def test_a_few_labels_with_a_wrong_clock_finish_no_window(traffic, workspace, world) -> None:
    """Weeks ahead they belong to predictions all the same."""
    live(traffic, workspace, world)
    expected = states(workspace)
    wrong = world.told_at(NOW_US + 60 * DAY_US, 10)
    traffic.send(LABELS, wrong[:-1])
    workspace.evaluator().step()
    assert states(workspace) == expected
    traffic.send(LABELS, wrong[-1:])
    workspace.evaluator().step()
    assert (
        states(workspace) == ["ok"] * (DAYS - 3) + ["provisional"] * 3
    )  # which have under nine in ten of their labels


@pytest.mark.parametrize("days_on", [15, 60])
def test_a_stall_of_the_labels_finishes_no_window_that_it_left_short(traffic, workspace, world, days_on) -> None:
    """Ten come on, by which the labels have come far enough for all windows."""
    stall_us = START_US + 20 * DAY_US
    traffic.send(PREDICTIONS, world.predictions)
    traffic.send(LABELS, world.labels(0, stall_us))
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    traffic.send(LABELS, world.told_at(NOW_US + days_on * DAY_US, 10))
    worker.step()
    assert worker.step().measured == 0
    found = {
        (m.window_start_us - START_US) // DAY_US: m.status for m in workspace.measured(metric="accuracy", size="1d")
    }
    assert [day for day, status in found.items() if status == "ok"] == list(
        range(17)
    )  # the next has 0.89 of its labels
    assert {m.status for m in workspace.measured(metric="accuracy", size="1w")[-2:]} == {"provisional"}
    corrected = measured(workspace, "corrected_accuracy", 19)
    assert (corrected.status, corrected.value) == ("insufficient", None)
    assert measured(workspace, "label_completeness", 19).basis == corrected.basis != ""
    traffic.send(LABELS, world.labels(stall_us, NOW_US + 20 * DAY_US))
    worker.step()
    assert (
        states(workspace)[:19] == ["ok"] * 19
    )  # the rest are too young again: the ten were not the first of their rows
    assert not any(m.basis for m in workspace.measured(metric="label_completeness"))


def test_a_label_of_two_versions_is_one_of_those_that_say_how_far_labels_have_come(traffic, workspace, world) -> None:
    candidate = [prediction | {"version": "2"} for prediction in world.predictions]
    traffic.send(PREDICTIONS, candidate)
    live(traffic, workspace, world)
    before = label_delays.reached(workspace.db, "default")
    traffic.send(LABELS, world.told_at(NOW_US + 60 * DAY_US, 9))
    workspace.evaluator().step()
    assert label_delays.reached(workspace.db, "default")["m", "1d"] < NOW_US
    assert label_delays.reached(workspace.db, "default")["m", "1d"] >= before["m", "1d"]


@pytest.mark.parametrize("seed", range(2))
def test_how_far_labels_have_come_is_the_tenth_latest_in_whatever_order_they_come(
    traffic, workspace, world, seed
) -> None:
    labels = world.labels(0, NOW_US)
    order = np.random.default_rng(seed).permutation(len(labels))
    traffic.send(PREDICTIONS, world.predictions)
    for part in np.array_split(order, 4):
        traffic.send(LABELS, [labels[i] for i in part])
        workspace.evaluator(windows_a_lease=3).step()
    tenth = sorted(world.label_us[world.label_us < NOW_US])[-10]
    assert label_delays.reached(workspace.db, "default") == {("m", "1d"): tenth}


def test_labels_that_came_before_their_predictions_say_how_late_labels_are(traffic, workspace, world) -> None:
    """Of all rows; nobody touches their windows for them."""
    labels = [{**label, "ts": label["prediction_ts"]} for label in world.labels(0, NOW_US)]
    for label in labels:
        del label["prediction_ts"]
    traffic.send(LABELS, labels)
    workspace.evaluator().step()
    traffic.send(PREDICTIONS, world.predictions)
    traffic.end()
    workspace.evaluator().step()
    found = workspace.measured(metric="label_delay_p99", size="1d")
    assert [(m.value, m.window_start_us) for m in found] == [(1.0, START_US + d * DAY_US) for d in range(DAYS)]


def test_windows_without_a_label_are_measured_again_once_it_can_be_told_how_late_labels_are(
    traffic, workspace, world
) -> None:
    """As if they were measured afterwards."""
    traffic.send(PREDICTIONS, world.predictions)
    traffic.end()
    workspace.evaluator().step()
    traffic.send(LABELS, [one for one in world.labels(0, NOW_US) if one["prediction_ts"] < to_rfc3339(NOW_US - DAY_US)])
    worker = workspace.evaluator()
    worker.step()
    assert worker.step().measured == 0
    assert measured(workspace, "label_coverage", DAYS - 1).value == 0.0
    assert measured(workspace, "label_completeness", DAYS - 1).value < 1.0
