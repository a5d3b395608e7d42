"""Exactly once: whatever dies between whichever steps, every record is in the record log once and in the profiles once."""

import pytest

from collector.sink import Sink
from kernel.clock import HOUR_US, MINUTE_US
from kernel.errors import FencedError
from kernel.profile import Kind
from store import columns, dead_letters, windows
from store.columns import Column
from store.commit import next_offsets
from stream.codecs.topics import RecordKind
from stream.message import Partition

PREDICTIONS = Partition("driftglass.predictions", 0)
LABELS = Partition("driftglass.labels", 0)


class DiedError(Exception):
    """The process ended here."""


class DiesBeforeTheRecordLog(Sink):
    def _record(self, *_):
        raise DiedError


class DiesAfterTheRecordLog(Sink):
    def _commit(self, _):
        raise DiedError


def test_a_flush_brings_every_good_record_in_once_and_buries_the_rest(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    records = [prediction(n) for n in range(100)]
    bad = [b"not json", prediction(100) | {"ts": "yesterday"}]
    sink.take({PREDICTIONS: messages([*records, *bad, prediction(5)])})
    flushed = sink.flush()
    assert (flushed.accepted, flushed.refused, flushed.doubled) == (100, 2, 1)
    assert workspace.record_rows() == sorted(("flight-delay", "1", f"id-{n}") for n in range(100))
    assert workspace.profile().rows == workspace.window_rows() == 100
    assert {letter.field for letter in dead_letters.listing(workspace.db, "default", 10)} == {"", "ts"}
    assert next_offsets(workspace.db, "default", [PREDICTIONS]) == {PREDICTIONS: 103}


@pytest.mark.parametrize("dying", [DiesBeforeTheRecordLog, DiesAfterTheRecordLog])
def test_whoever_comes_after_a_crash_goes_on_without_loss_or_double(workspace, messages, prediction, dying) -> None:
    before = workspace.sink()
    before.recover([PREDICTIONS])
    before.take({PREDICTIONS: messages([prediction(n) for n in range(40)])})
    before.flush()

    crashing = workspace.sink(dying)
    crashing.recover([PREDICTIONS])
    all_messages = messages([prediction(n) for n in range(100)])
    crashing.take({PREDICTIONS: all_messages[40:70]})
    with pytest.raises(DiedError):
        crashing.flush()

    after = workspace.sink()
    read_on = after.recover([PREDICTIONS])[PREDICTIONS]
    assert read_on == (70 if dying is DiesAfterTheRecordLog else 40)
    after.take({PREDICTIONS: all_messages[read_on:]})
    after.flush()
    assert workspace.record_rows() == sorted(("flight-delay", "1", f"id-{n}") for n in range(100))
    whole = workspace.profile()
    assert whole.rows == workspace.window_rows() == 100
    carriers, nights = whole.columns["feature.carrier"], whole.columns["feature.night"]
    assert sorted(carriers.cells.rows.tolist()) == [34, 66]
    assert (nights.kind, nights.cells.rows.tolist()) == (Kind.BOOLEAN, [50, 50])
    assert whole.columns["feature.delay"].moments.mean == pytest.approx(sum(n % 7 for n in range(100)) / 100)


def test_of_two_owners_of_a_partition_one_is_fenced_and_nothing_is_doubled(workspace, messages, prediction) -> None:
    batch = messages([prediction(n) for n in range(60)])
    zombie, owner = workspace.sink(), workspace.sink()
    for sink in (zombie, owner):
        sink.recover([PREDICTIONS])
    zombie.take({PREDICTIONS: batch[:30]})
    owner.take({PREDICTIONS: batch[:20]})
    owner.flush()
    with pytest.raises(FencedError):
        zombie.flush()
    owner.take({PREDICTIONS: batch[20:]})
    owner.flush()
    assert zombie.recover([PREDICTIONS]) == {PREDICTIONS: 60}
    assert len(workspace.record_rows()) == workspace.profile().rows == 60


def test_an_id_counts_once_within_the_horizon_also_across_restarts(workspace, messages, prediction) -> None:
    first = workspace.sink()
    first.recover([PREDICTIONS])
    first.take({PREDICTIONS: messages([prediction(n) for n in range(10)])})
    first.flush()

    workspace.clock.advance(HOUR_US // 2)
    second = workspace.sink()
    second.recover([PREDICTIONS])
    second.take({PREDICTIONS: messages([prediction(n) for n in range(5, 15)], first=10)})
    assert second.flush().doubled == 5
    assert workspace.profile().rows == 15


@pytest.mark.parametrize("hours", [[3, 3], [-3, -3], [3, -3], [-3, 3], [0, -3, 6]])
def test_an_id_counts_once_though_the_clock_is_set_while_collectors_come_and_go(
    workspace, messages, prediction, hours
) -> None:
    records = [prediction(n) for n in range(10)]
    for number, jump in enumerate([0, *hours, 0]):
        workspace.clock.jump(jump * HOUR_US)
        sink = workspace.sink()
        first = 20 * number
        assert sink.recover([PREDICTIONS]).get(PREDICTIONS, 0) == first
        sink.take({PREDICTIONS: messages([*records, *(prediction(first + n) for n in range(10, 20))], first=first)})
        assert sink.flush().doubled == (10 if number else 0)
        workspace.clock.advance(MINUTE_US)
    assert workspace.profile().rows == len(workspace.record_rows()) == 10 + 10 * (number + 1)


def test_whoever_comes_next_remembers_an_hour_of_ingestion_and_not_all_that_ever_was(
    workspace, messages, prediction
) -> None:
    sink = workspace.sink()
    for minute in range(140):
        if minute % 20 == 0:  # none lives as long as an id is remembered
            sink = workspace.sink()
            sink.recover([PREDICTIONS])
        sink.take({PREDICTIONS: messages([prediction(minute)], first=minute)})
        sink.flush()
        workspace.clock.advance(MINUTE_US)
    after = workspace.sink()
    after.recover([PREDICTIONS])
    after.take({PREDICTIONS: messages([prediction(n) for n in range(140)], first=140)})
    assert after.flush().doubled == 61  # the newest, and sixty minutes back from it


def test_the_same_id_of_another_version_is_another_prediction(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    sink.take({PREDICTIONS: messages([prediction(1), prediction(1, version="2"), prediction(1, model="other")])})
    assert sink.flush().accepted == 3


def test_a_feature_that_is_a_number_here_and_text_there_is_kept_and_counted(workspace, messages, prediction) -> None:
    sink = workspace.sink(DiesAfterTheRecordLog)
    sink.recover([PREDICTIONS])
    odd = prediction(1) | {"features": {"delay": "n/a"}}
    sink.take({PREDICTIONS: messages([prediction(0), odd, prediction(2) | {"features": {"delay": "2"}}])})
    with pytest.raises(DiedError):
        sink.flush()
    workspace.sink().recover([PREDICTIONS])
    delay = workspace.profile().columns["feature.delay"]
    assert (delay.values + delay.misfit + delay.missing) == 3


def test_only_a_declared_type_refuses_and_the_letter_names_the_field(workspace, messages, prediction) -> None:
    columns.add(
        workspace.db, "default", {"flight-delay": [Column("feature.delay", Kind.NUMERIC, declared=True, fixed=True)]}
    )
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    records = [prediction(0), prediction(1, features={"delay": "late!"}), prediction(2, features={"carrier": 7})]
    sink.take({PREDICTIONS: messages(records)})
    flushed = sink.flush()
    assert (flushed.accepted, flushed.refused) == (2, 1)
    (letter,) = dead_letters.listing(workspace.db, "default", 10)
    assert (letter.offset, letter.field) == (1, "features.delay")
    assert b"late!" in letter.body


def test_labels_touch_the_windows_of_their_predictions(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS, LABELS])
    sink.take({PREDICTIONS: messages([prediction(n) for n in range(4)])})
    ts = prediction(3)["ts"]
    label = {"model": "flight-delay", "id": "id-3", "ts": "2013-03-05T00:00:00Z", "label": "late", "prediction_ts": ts}
    sink.take({LABELS: messages([label], partition=LABELS)})
    assert sink.flush().accepted == 5
    assert workspace.record_rows(RecordKind.LABELS) == [("flight-delay", "id-3", "late")]
    (window,) = windows.listing(workspace.db, "default", "flight-delay")
    assert (window.rows, window.label_revision) == (4, 1)
    assert window.labels == 0  # until it is measured: nobody has joined them yet


def test_a_model_past_the_limit_keeps_its_records_and_changes_no_window(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink._folder._registry._limits = type(sink._folder._registry._limits)(models=1)
    sink.recover([PREDICTIONS])
    sink.take({PREDICTIONS: messages([prediction(0), prediction(1, model="second")])})
    sink.flush()
    assert len(workspace.record_rows()) == 2
    assert workspace.profile().rows == 1
