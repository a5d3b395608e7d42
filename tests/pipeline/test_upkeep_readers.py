"""Never against a reader: who began on a table as it was finishes with its rows, whatever is merged and vacuumed meanwhile."""

import json
import os
import time
from pathlib import Path

import duckdb
import pytest

from kernel.clock import DAY_US
from kernel.errors import UnavailableError
from store.record_reads import RecordReader
from store.record_upkeep import vacuum
from store.records import RecordLog
from stream.message import Partition

PREDICTIONS = Partition("driftglass.predictions", 0)
START_US = 1_362_096_000_000_000
DELAY_HOURS = 6


@pytest.fixture
def filled(workspace, messages, prediction):
    """A workspace with a hundred predictions, in ten files."""
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for start in range(0, 100, 10):
        sink.take({PREDICTIONS: messages([prediction(n) for n in range(start, start + 10)], first=start)})
        sink.flush()
    return workspace


def count(files: list[str]) -> int:
    return duckdb.execute("select count(distinct id) from read_parquet(?)", [files]).fetchone()[0]


def removed_hours_ago(workspace, hours: float) -> None:
    """Set back when files left the table, as if so much time had passed since."""
    for commit in (workspace.folder / "records/default/predictions/_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for action in actions:
            if "remove" in action:
                action["remove"]["deletionTimestamp"] -= round(hours * 3_600_000)
        commit.write_text("\n".join(json.dumps(action) for action in actions))


def test_a_reader_that_began_before_finds_its_files_until_the_delay_is_over(filled) -> None:
    begun = filled.table().file_uris()
    upkeep = filled.upkeep(vacuum_delay_hours=DELAY_HOURS, sweep_interval_s=0.001)
    assert upkeep.step().merged == 10
    removed_hours_ago(filled, DELAY_HOURS - 1)
    filled.clock.advance(DAY_US)
    assert upkeep.step().vacuumed == 0
    assert count(begun) == 100
    removed_hours_ago(filled, 2)
    filled.clock.advance(DAY_US)
    assert filled.upkeep(vacuum_delay_hours=DELAY_HOURS).step().vacuumed == 10
    assert not any(os.path.exists(name) for name in begun)
    assert count(filled.table().file_uris()) == 100


def test_an_old_file_that_left_the_table_just_now_is_kept(filled) -> None:
    """The delay counts from when a file left the table, not from when it was written."""
    begun = filled.table().file_uris()
    long_ago_s = time.time() - 30 * 86_400
    for name in begun:
        os.utime(name, (long_ago_s, long_ago_s))
    filled.upkeep().step()
    assert vacuum(filled.table(), DELAY_HOURS) == 0
    filled.table().create_checkpoint()
    assert vacuum(filled.table(), DELAY_HOURS) == 0
    assert count(begun) == 100


def test_what_a_crash_left_beside_the_table_goes_and_what_is_being_written_stays(filled) -> None:
    folder = filled.folder / "records/default/predictions/day=2013-03-01"
    left, coming = folder / "left.parquet", folder / "coming.parquet"
    for file in (left, coming):
        file.write_bytes(b"half a file")
    long_ago_s = time.time() - 2 * DELAY_HOURS * 3_600
    os.utime(left, (long_ago_s, long_ago_s))
    assert vacuum(filled.table(), DELAY_HOURS) == 1
    assert not left.exists()
    assert coming.exists()


def test_a_vacuum_of_nothing_is_no_commit(filled) -> None:
    before = filled.table().version()
    assert vacuum(filled.table(), DELAY_HOURS) == 0
    assert filled.table().version() == before


def test_a_replay_in_progress_goes_on_over_a_merge_and_a_vacuum(filled) -> None:
    reader = RecordReader(RecordLog(str(filled.folder / "records")), "default")
    batches = reader.predictions("flight-delay", START_US, START_US + DAY_US, {"delay": "numbers"}, batch_rows=10)
    found = next(batches).num_rows
    filled.upkeep().step()
    vacuum(filled.table(), 1)
    assert found + sum(batch.num_rows for batch in batches) == 100
    again = reader.predictions("flight-delay", START_US, START_US + DAY_US, {"delay": "numbers"})
    assert sum(batch.num_rows for batch in again) == 100


def test_a_reader_that_met_a_broken_file_reads_again_once_it_is_whole(filled) -> None:
    reader = RecordReader(RecordLog(str(filled.folder / "records")), "default")
    file = Path(filled.table().file_uris()[0])
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnavailableError, match="the record log cannot be read"):
        list(reader.rows("flight-delay", START_US, START_US + DAY_US))
    file.write_bytes(whole)
    assert sum(day.num_rows for day in reader.rows("flight-delay", START_US, START_US + DAY_US)) == 100


def test_a_replay_by_days_goes_on_over_merges_between_its_days(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for flush in range(4):  # a record a minute: nearly three days, each in four files
        sink.take({PREDICTIONS: messages([prediction(n) for n in range(flush, 4_000, 4)], first=1_000 * flush)})
        sink.flush()
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    days = reader.rows("flight-delay", START_US, START_US + 3 * DAY_US)
    found = next(days).num_rows
    assert workspace.upkeep().step().merged == 12
    removed_hours_ago(workspace, DELAY_HOURS + 1)
    assert vacuum(workspace.table(), DELAY_HOURS) == 12
    assert found + sum(day.num_rows for day in days) == 4_000
