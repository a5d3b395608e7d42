"""Small files become large ones: no row comes, goes or changes, and neither a collector nor its recovery notices."""

import duckdb
import pytest

from collector.sink import Sink
from kernel.clock import HOUR_US
from kernel.errors import FencedError
from store.record_compaction import compact, stored_files
from store.record_merging import Merge, StoredFile, merges
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition

PREDICTIONS = Partition("driftglass.predictions", 0)
LABELS = Partition("driftglass.labels", 0)
MEMORY = 64 << 20


class DiedError(Exception):
    """The process ended here."""


class DiesAfterTheRecordLog(Sink):
    def _commit(self, _):
        raise DiedError


@pytest.fixture
def flushed(workspace, messages, prediction):
    """A sink that committed the predictions [first, end) in flushes of ten."""

    def flush(first: int, end: int, sink: Sink | None = None) -> Sink:
        if sink is None:
            sink = workspace.sink()
            sink.recover([PREDICTIONS])
        for start in range(first, end, 10):
            sink.take({PREDICTIONS: messages([prediction(n) for n in range(start, start + 10)], first=start)})
            sink.flush()
        return sink

    return flush


def ids(first: int, end: int) -> list[tuple[str, str, str]]:
    return sorted(("flight-delay", "1", f"id-{n}") for n in range(first, end))


def contents(workspace) -> list[dict]:
    query = 'select * from read_parquet(?, hive_partitioning = false) order by "offset", row'
    return duckdb.sql(query, params=[workspace.table().file_uris()]).to_arrow_table().to_pylist()


def planned(workspace) -> tuple:
    """A handle of another worker, and the merge that it plans."""
    log = RecordLog(str(workspace.folder / "records"))
    table = log.table("default", RecordKind.PREDICTIONS)
    return table, log.files_of(table), next(merges(stored_files(table), 2, 64 << 20))


def test_small_files_of_a_day_become_one_with_the_same_rows(workspace, flushed) -> None:
    flushed(0, 100)
    before = contents(workspace)
    assert len(workspace.table().file_uris()) == 10
    assert workspace.upkeep().step().merged == 10
    assert len(workspace.table().file_uris()) == 1
    assert contents(workspace) == before
    assert workspace.upkeep().step().merged == 0


def test_the_rows_of_a_merged_file_are_sorted_by_model_and_time(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for offset, start in ((0, 40), (20, 0), (40, 20)):
        batch = [prediction(n, model=f"model-{n % 3}") for n in range(start, start + 20)]
        sink.take({PREDICTIONS: messages(batch, first=offset)})
        sink.flush()
    workspace.upkeep().step()
    (name,) = workspace.table().file_uris()
    rows = duckdb.execute("select model, epoch_us(ts) from read_parquet(?)", [name]).fetchall()
    assert len(rows) == 60
    assert rows == sorted(rows)


def test_merged_rows_are_as_young_as_the_youngest_of_them(workspace, flushed) -> None:
    flushed(0, 20)
    workspace.upkeep().step()
    (file,) = stored_files(workspace.table())
    assert file.taken_in_us == workspace.clock.now_us()
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    seen = reader.identities(RecordKind.PREDICTIONS, PREDICTIONS, workspace.clock.now_us(), HOUR_US)
    assert seen is not None
    assert seen.num_rows == 20


def test_a_collector_at_work_is_not_fenced_by_a_merge(workspace, flushed) -> None:
    sink = flushed(0, 50)
    assert workspace.upkeep().step().merged == 5
    flushed(50, 100, sink)
    assert workspace.record_rows() == ids(0, 100)
    assert workspace.profile().rows == 100


def test_a_merge_is_not_outrun_by_a_collector(workspace, flushed) -> None:
    sink = flushed(0, 50)
    table, files, merge = planned(workspace)
    flushed(50, 100, sink)
    assert compact(table, files, RecordKind.PREDICTIONS, merge, MEMORY) == 5
    assert len(workspace.table().file_uris()) == 6
    assert workspace.record_rows() == ids(0, 100)


def test_of_two_workers_with_one_plan_one_fails_and_leaves_nothing_behind(workspace, flushed) -> None:
    flushed(0, 50)
    plans = [planned(workspace) for _ in range(2)]
    assert compact(*plans[0][:2], RecordKind.PREDICTIONS, plans[0][2], MEMORY) == 5
    stored = set((workspace.folder / "records").rglob("*.parquet"))
    with pytest.raises(FencedError):
        compact(*plans[1][:2], RecordKind.PREDICTIONS, plans[1][2], MEMORY)
    assert set((workspace.folder / "records").rglob("*.parquet")) == stored
    assert workspace.record_rows() == ids(0, 50)


def test_what_a_crash_left_is_recovered_from_a_merged_record_log(workspace, messages, prediction, flushed) -> None:
    flushed(0, 50)
    crashing = workspace.sink(DiesAfterTheRecordLog)
    crashing.recover([PREDICTIONS])
    crashing.take({PREDICTIONS: messages([prediction(n) for n in range(50, 80)], first=50)})
    with pytest.raises(DiedError):
        crashing.flush()
    assert workspace.upkeep().step().merged == 6
    after = workspace.sink()
    assert after.recover([PREDICTIONS]) == {PREDICTIONS: 80}
    flushed(80, 100, after)
    assert workspace.record_rows() == ids(0, 100)
    assert workspace.profile().rows == workspace.window_rows() == 100


def test_an_id_counts_once_also_after_a_merge_and_a_restart(workspace, messages, prediction, flushed) -> None:
    flushed(0, 50)
    workspace.upkeep().step()
    after = workspace.sink()
    after.recover([PREDICTIONS])
    after.take({PREDICTIONS: messages([prediction(n) for n in range(40, 60)], first=50)})
    assert after.flush().doubled == 10


def test_labels_are_merged_too(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([LABELS])
    for n in range(6):
        label = {"model": "flight-delay", "id": f"id-{n}", "ts": prediction(n)["ts"], "label": "late"}
        sink.take({LABELS: messages([label], first=n, partition=LABELS)})
        sink.flush()
    assert workspace.upkeep().step().merged == 6
    assert workspace.record_rows(RecordKind.LABELS) == [("flight-delay", f"id-{n}", "late") for n in range(6)]


def test_days_are_merged_each_by_itself(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for flush in range(4):  # a record a minute: each flush has some of three days
        sink.take({PREDICTIONS: messages([prediction(n) for n in range(flush, 4_000, 4)], first=1_000 * flush)})
        sink.flush()
    assert workspace.upkeep().step().merged == 12
    assert sorted(f.day for f in stored_files(workspace.table())) == ["2013-03-01", "2013-03-02", "2013-03-03"]
    assert workspace.record_rows() == ids(0, 4_000)


def test_files_that_do_not_fit_into_memory_together_are_left_as_they_are(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for start in range(0, 12_000, 4_000):
        batch = [
            prediction(n % 1_000, id=f"id-{n}", features={f"f{i}": n / 7 for i in range(12)})
            for n in range(start, start + 4_000)
        ]
        sink.take({PREDICTIONS: messages(batch, first=start)})
        sink.flush()
    files = set(workspace.table().file_uris())
    upkeep = workspace.upkeep(memory_bytes=1 << 20)
    assert upkeep.step().merged == 0
    assert set(workspace.table().file_uris()) == files
    assert workspace.upkeep().step().merged == 3


def test_a_file_of_half_the_target_is_left_as_it_is() -> None:
    large = [StoredFile("2013-03-01", f"{n}.parquet", 600, n) for n in range(20)]
    assert list(merges(large, 2, 1_000)) == []


def test_what_would_pass_the_target_waits_for_the_next_merge() -> None:
    files = [StoredFile("2013-03-01", f"{n}.parquet", 300, n) for n in range(7)]
    assert list(merges(files, 8, 1_000)) == [Merge("2013-03-01", files[:3]), Merge("2013-03-01", files[3:6])]


def test_a_row_is_written_again_a_few_times_however_many_flushes_a_day_has() -> None:
    flushes, size, a_merge = 4_096, 1_000, 8
    files: list[StoredFile] = []
    written = 0
    for n in range(flushes):
        files.append(StoredFile("2013-03-01", f"flush-{n}", size, n))
        while merge := next(merges(files, a_merge, 1 << 40), None):
            whole = sum(f.size_bytes for f in merge.files)
            written += whole
            files = [f for f in files if f not in merge.files]
            files.append(StoredFile("2013-03-01", f"merge-{n}-{whole}", whole, n))
    assert written <= 4 * flushes * size  # 8 ** 4 flushes
    assert len(files) < 4 * a_merge
