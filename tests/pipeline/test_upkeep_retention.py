"""Old days go whole, with their windows sealed; what is young by any measure, or not yet in SQL, stays."""

from pathlib import Path

import pytest

from collector.sink import Sink
from kernel.clock import DAY_US, HOUR_US, to_rfc3339
from kernel.errors import UnavailableError
from kernel.windows import WindowSize
from store import windows as stored
from store.models import Model, declare, known
from store.record_expiry import expire as expire_days
from store.record_expiry import old_days, seal
from store.record_merging import StoredFile
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition

PREDICTIONS = Partition("driftglass.predictions", 0)
LABELS = Partition("driftglass.labels", 0)
START_US = 1_362_096_000_000_000  # 2013-03-01, a Friday
RETENTION = 10


class DiedError(Exception):
    """The process ended here."""


class DiesAfterTheRecordLog(Sink):
    def _commit(self, _):
        raise DiedError


@pytest.fixture
def live(workspace, messages, prediction):
    """Takes a prediction for each hour of some days, as they pass; the clock stands at the end of the last."""
    workspace.clock.jump(START_US - workspace.clock.now_us())
    sink = workspace.sink()
    sink.recover([PREDICTIONS, LABELS])
    offset = 0

    def pass_days(days: int) -> Sink:
        nonlocal offset
        for _ in range(days):
            hours = [to_rfc3339(workspace.clock.now_us() + hour * HOUR_US) for hour in range(24)]
            batch = [prediction(offset + i, ts=ts) for i, ts in enumerate(hours)]
            workspace.clock.advance(DAY_US)
            sink.take({PREDICTIONS: messages(batch, first=offset)})
            sink.flush()
            offset += 24
        return sink

    return pass_days


def days(workspace, kind: RecordKind = RecordKind.PREDICTIONS) -> list[str]:
    return sorted({uri.split("day=")[1][:10] for uri in workspace.table(kind).file_uris()})


def states(workspace, size: str) -> dict[str, str]:
    listed = stored.listing(workspace.db, "default", "flight-delay", size)
    return {to_rfc3339(w.start_us)[:10]: w.state for w in listed}


def expire(workspace) -> list[str]:
    return [x.removeprefix("default/") for x in workspace.upkeep(retention_days=RETENTION).step().expired]


def test_days_older_than_the_retention_go_and_their_windows_are_sealed(workspace, live) -> None:
    live(13)
    assert expire(workspace) == ["2013-03-01", "2013-03-02", "2013-03-03"]
    assert days(workspace) == [f"2013-03-{d:02}" for d in range(4, 14)]
    assert len(workspace.record_rows()) == 10 * 24
    found = states(workspace, "1d")
    assert [day for day, state in found.items() if state == "sealed"] == ["2013-03-01", "2013-03-02", "2013-03-03"]
    assert workspace.profile().rows == 13 * 24  # profiles stay
    assert expire(workspace) == []


def test_a_day_waits_for_the_longest_window_over_it(workspace, live) -> None:
    model = Model("flight-delay", rollups=(WindowSize("1w"), WindowSize("1mo")))
    declare(workspace.db, "default", model, workspace.clock.now_us())
    live(30 + RETENTION)
    assert expire(workspace) == []  # the month is one day short of old
    live(1)
    assert expire(workspace) == [f"2013-03-{d:02}" for d in range(1, 32)]
    assert states(workspace, "1mo") == {"2013-03-01": "sealed", "2013-04-01": "open"}
    weeks = ["2013-02-25", "2013-03-04", "2013-03-11", "2013-03-18", "2013-03-25"]
    assert states(workspace, "1w") == dict.fromkeys(weeks, "sealed") | {"2013-04-01": "open", "2013-04-08": "open"}


def test_what_is_replayed_from_years_ago_stays_as_long_as_what_is_new(workspace, messages, prediction) -> None:
    sink = workspace.sink()  # its clock is a year past the predictions
    sink.recover([PREDICTIONS])
    sink.take({PREDICTIONS: messages([prediction(n) for n in range(10)])})
    sink.flush()
    workspace.clock.advance(RETENTION * DAY_US - 1)
    assert expire(workspace) == []
    workspace.clock.advance(1)
    assert expire(workspace) == ["2013-03-01"]


def test_a_late_row_keeps_its_day(workspace, live, messages, prediction) -> None:
    sink = live(12)
    sink.take({PREDICTIONS: messages([prediction(1_000, ts="2013-03-01T12:00:00Z")], first=12 * 24)})
    sink.flush()
    assert expire(workspace) == ["2013-03-02"]
    assert states(workspace, "1d")["2013-03-01"] == "open"


def test_a_merge_makes_no_day_younger(workspace, live, messages, prediction) -> None:
    sink = live(1)
    sink.take(
        {PREDICTIONS: messages([prediction(n, ts="2013-03-01T12:00:00Z") for n in range(1_000, 1_024)], first=24)}
    )
    sink.flush()
    workspace.clock.advance(5 * DAY_US)
    assert workspace.upkeep().step().merged == 2
    workspace.clock.advance(5 * DAY_US)
    assert expire(workspace) == ["2013-03-01"]


def test_rows_that_a_crash_left_to_recover_stay_however_old_they_are(workspace, messages, prediction) -> None:
    crashing = workspace.sink(DiesAfterTheRecordLog)
    crashing.recover([PREDICTIONS])
    crashing.take({PREDICTIONS: messages([prediction(n) for n in range(10)])})
    with pytest.raises(DiedError):
        crashing.flush()
    workspace.clock.advance(100 * DAY_US)
    assert expire(workspace) == []
    assert workspace.sink().recover([PREDICTIONS]) == {PREDICTIONS: 10}
    assert workspace.profile().rows == 10
    assert expire(workspace) == ["2013-03-01"]


def test_the_offset_in_the_record_log_outlives_its_rows(workspace, live, messages, prediction) -> None:
    live(1)
    workspace.clock.advance(RETENTION * DAY_US)
    assert expire(workspace) == ["2013-03-01"]
    assert workspace.table().file_uris() == []
    after = workspace.sink()
    assert after.recover([PREDICTIONS]) == {PREDICTIONS: 24}
    after.take({PREDICTIONS: messages([prediction(n, ts="2013-03-12T00:00:00Z") for n in range(24, 30)], first=24)})
    assert after.flush().accepted == 6


def test_labels_live_and_go_with_the_predictions_of_their_day(workspace, live, messages) -> None:
    sink = live(12)
    hint = {"prediction_ts": "2013-03-01T12:00:00Z", "ts": "2013-03-12T00:00:00Z"}
    sink.take({LABELS: messages([{"model": "flight-delay", "id": "id-12", "label": "late", **hint}], partition=LABELS)})
    sink.flush()
    assert expire(workspace) == ["2013-03-02"]  # the label of the first is young
    assert days(workspace, RecordKind.LABELS) == ["2013-03-01"]
    live(RETENTION)
    assert "2013-03-01" in expire(workspace)
    assert days(workspace, RecordKind.LABELS) == []


def test_what_comes_late_for_a_sealed_window_is_kept_and_counted_and_never_measured(
    workspace, live, messages, prediction
) -> None:
    sink = live(13)
    workspace.evaluator().step()
    before = workspace.measured(window_start_us=START_US)
    assert before
    expire(workspace)
    hint = {"prediction_ts": "2013-03-01T12:00:00Z", "ts": "2013-03-13T00:00:00Z"}
    labels = [{"model": "flight-delay", "id": "id-12", "label": "late", **hint}]
    labels += [{"model": "flight-delay", "id": "id-1000", "label": "late", "ts": "2013-03-13T00:00:00Z"}]
    sink.take({PREDICTIONS: messages([prediction(1_000, ts="2013-03-01T12:00:00Z")], first=13 * 24)})
    sink.take({LABELS: messages(labels, partition=LABELS)})
    assert sink.flush().accepted == 3
    workspace.evaluator().step()
    assert ("flight-delay", "1", "id-1000") in workspace.record_rows()
    assert workspace.profile().rows == 13 * 24 + 1
    assert states(workspace, "1d")["2013-03-01"] == "sealed"
    assert workspace.measured(window_start_us=START_US) == before


def test_whoever_is_measuring_a_window_that_is_sealed_writes_nothing(workspace, live) -> None:
    live(2)
    model = known(workspace.db, "default")["flight-delay"]
    now_us = workspace.clock.now_us()
    limits = {"seconds": 60, "limit": 10, "again_before_us": now_us}
    held = stored.lease(workspace.db, "default", model, now_us, "worker", **limits)
    assert held is not None
    assert seal(workspace.db, "default", ["2013-03-01"]) == 1
    assert not stored.finish(workspace.db, "default", held, held.windows[0], {}, stored.Labels(), now_us)
    assert states(workspace, "1d")["2013-03-01"] == "sealed"
    assert stored.lease(workspace.db, "default", model, now_us, "worker", **limits) is None


def test_no_file_is_read_or_written_again_to_delete_a_day(workspace, live) -> None:
    live(11)
    begun = workspace.table().file_uris()
    assert expire(workspace) == ["2013-03-01"]
    assert set(workspace.table().file_uris()) < set(begun)
    (last,) = workspace.table().history(1)
    assert last["operation"] == "DELETE"
    assert last["operationMetrics"]["num_added_files"] == 0
    assert all(Path(uri).exists() for uri in begun)  # for those who still read them


def planned(workspace) -> dict[RecordKind, tuple]:
    log = RecordLog(str(workspace.folder / "records"))
    table = log.table("default", RecordKind.PREDICTIONS)
    return {RecordKind.PREDICTIONS: (table, log.files_of(table))}


def test_a_row_that_comes_for_a_day_that_is_just_going_keeps_the_day(workspace, live, messages, prediction) -> None:
    sink = live(11)
    tables = planned(workspace)
    sink.take({PREDICTIONS: messages([prediction(1_000, ts="2013-03-01T12:00:00Z")], first=11 * 24)})
    sink.flush()
    with pytest.raises(UnavailableError, match="a day that was to go"):
        expire_days(workspace.db, "default", tables, START_US + DAY_US)
    assert len(workspace.record_rows()) == 11 * 24 + 1
    assert expire(workspace) == []


def test_a_row_that_comes_for_another_day_holds_nothing_up(workspace, live, messages, prediction) -> None:
    sink = live(11)
    tables = planned(workspace)
    sink.take({PREDICTIONS: messages([prediction(1_000, ts="2013-03-11T12:00:00Z")], first=11 * 24)})
    sink.flush()
    assert expire_days(workspace.db, "default", tables, START_US + DAY_US) == ["2013-03-01"]
    assert len(workspace.record_rows()) == 10 * 24 + 1


def test_a_day_is_as_old_as_the_youngest_of_its_files() -> None:
    files = [StoredFile("2013-03-01", f"{n}", 1, START_US + n * DAY_US) for n in (1, 5)]
    assert old_days(files, START_US + 4 * DAY_US) == set()
    assert old_days(files, START_US + 5 * DAY_US) == {"2013-03-01"}
