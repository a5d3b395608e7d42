"""What exactly once rests on outlives all that is done to a table: how far each source partition's records are in it."""

import os
import time

import pytest

from store.record_compaction import UPKEEP
from stream.message import Partition

PREDICTIONS = Partition("driftglass.predictions", 0)


@pytest.fixture
def grown(workspace, messages, prediction):
    """A record log of 110 flushes: past the first checkpoint of Delta's own."""
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for n in range(110):
        sink.take({PREDICTIONS: messages([prediction(n)], first=n)})
        sink.flush()
    return workspace


def age_of_the_log(workspace, interval: str) -> None:
    workspace.table().alter.set_table_properties({"delta.logRetentionDuration": interval})


def test_the_offset_in_the_record_log_outlives_merge_delete_vacuum_checkpoint_and_cleanup(grown) -> None:
    partition = str(PREDICTIONS)
    age_of_the_log(grown, "interval 0 days")
    assert grown.upkeep().step().merged == 110
    assert grown.table().transaction_version(partition) == 110
    table = grown.table()
    table.delete("day = '2013-03-01'")
    table.create_checkpoint()
    table.cleanup_metadata()
    assert len(list((grown.folder / "records/default/predictions/_delta_log").glob("*.json"))) < 5
    assert table.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    after = grown.table()
    assert after.file_uris() == []
    assert after.transaction_version(partition) == 110
    assert after.transaction_version(UPKEEP) is not None
    assert grown.sink().recover([PREDICTIONS]) == {PREDICTIONS: 110}


def test_commits_that_a_checkpoint_holds_go_after_two_hours(grown) -> None:
    commits = grown.folder / "records/default/predictions/_delta_log"
    assert list(commits.glob("*.checkpoint.parquet"))
    table = grown.table()
    table.cleanup_metadata()
    assert len(list(commits.glob("*.json"))) > 110  # they are young
    three_hours_ago_s = time.time() - 3 * 3_600
    for file in commits.iterdir():
        os.utime(file, (three_hours_ago_s, three_hours_ago_s))
    table.cleanup_metadata()
    assert len(list(commits.glob("*.json"))) < 20
    assert grown.table().transaction_version(str(PREDICTIONS)) == 110
    assert len(grown.record_rows()) == 110


def test_a_handle_from_before_the_cleanup_goes_on(grown, messages, prediction) -> None:
    sink = grown.sink()
    sink.recover([PREDICTIONS])
    age_of_the_log(grown, "interval 0 days")
    grown.upkeep().step()
    table = grown.table()
    table.create_checkpoint()
    table.cleanup_metadata()
    sink.take({PREDICTIONS: messages([prediction(n) for n in range(110, 120)], first=110)})
    assert sink.flush().accepted == 10
    assert grown.profile().rows == len(grown.record_rows()) == 120
