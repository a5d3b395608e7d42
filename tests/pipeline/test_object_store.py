"""The record log on an object store: a real S3 interface over HTTP, which honours If-None-Match."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from deltalake import DeltaTable

from kernel.clock import DAY_US, HOUR_US
from kernel.errors import FencedError, UnavailableError
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition
from testing.object_store import BUCKET, ObjectStore, object_store

KIND = RecordKind.PREDICTIONS
START_US = 1_362_096_000_000_000  # 2013-03-01
PLACES = [Partition("driftglass.predictions", number) for number in range(2)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture
def root(store: ObjectStore, request: pytest.FixtureRequest) -> str:
    """A place of this test's own."""
    return f"{store.root}/{request.node.name}"


def records(partition: Partition, offset: int, ts_us: int = START_US) -> pa.Table:
    moment = pa.scalar(ts_us, pa.int64()).cast(pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "model": ["flight-delay"],
            "version": ["1"],
            "id": [f"{partition.number}-{offset}"],
            "ts": [moment],
            "ingested_at": [moment],
            "topic": [partition.topic],
            "partition": pa.array([partition.number], pa.int32()),
            "offset": [offset],
            "row": pa.array([0], pa.int32()),
        }
    )


def stored(store: ObjectStore, root: str, folder) -> Counter[str]:
    """How often each id is in the table, read from copies of its files."""
    store.fetch(folder)
    files = DeltaTable(folder / root.removeprefix(f"{store.root}/") / "default" / KIND.value).file_uris()
    names = [uri.removeprefix("file://") for uri in files]
    return Counter(dict(duckdb.execute("select id, count(*) from read_parquet(?) group by id", [names]).fetchall()))


def test_the_store_lets_nobody_replace_what_must_be_new(store: ObjectStore) -> None:
    """What the tests below rest on."""
    store.client.put_object(Bucket=BUCKET, Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        store.client.put_object(Bucket=BUCKET, Key="once", Body=b"second", IfNoneMatch="*")
    with pytest.raises(ClientError, match="must not replace"):
        store.client.put_object(Bucket=BUCKET, Key=f"t/_delta_log/{0:020}.json", Body=b"unguarded")


def test_two_collectors_that_commit_at_once_lose_and_double_nothing(store: ObjectStore, root: str, tmp_path) -> None:
    together = threading.Barrier(2)

    def write(partition: Partition) -> None:
        log = RecordLog(root, store.options())
        for offset in range(10):
            together.wait(60)
            log.append("default", KIND, [records(partition, offset)], {partition: (offset, offset + 1)})

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write, partition) for partition in PLACES]:
            done.result()
    expected = Counter(f"{partition.number}-{offset}" for partition in PLACES for offset in range(10))
    assert stored(store, root, tmp_path) == expected
    log = RecordLog(root, store.options())
    assert [log.end("default", KIND, partition) for partition in PLACES] == [10, 10]


def test_two_collectors_that_write_first_at_once_make_one_table(store: ObjectStore, root: str) -> None:
    together, workspaces = threading.Barrier(2), [f"team-{number}" for number in range(10)]

    def write(partition: Partition) -> None:
        log = RecordLog(root, store.options())
        for workspace in workspaces:
            together.wait(60)
            log.append(workspace, KIND, [records(partition, 0)], {partition: (0, 1)})

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write, partition) for partition in PLACES]:
            done.result()
    log = RecordLog(root, store.options())
    for workspace in workspaces:
        table = log.table(workspace, KIND)
        assert table is not None
        assert [entry["operation"] for entry in table.history()].count("CREATE TABLE") == 1
        assert [log.end(workspace, KIND, partition) for partition in PLACES] == [1, 1]


def test_of_two_that_write_the_same_partition_at_once_one_is_fenced(store: ObjectStore, root: str, tmp_path) -> None:
    together, partition = threading.Barrier(2), PLACES[0]
    RecordLog(root, store.options()).append("default", KIND, [records(partition, 0)], {partition: (0, 1)})

    def write(_: int) -> int:
        log, written = RecordLog(root, store.options()), 0
        for offset in range(1, 11):
            together.wait(60)
            try:
                log.append("default", KIND, [records(partition, offset)], {partition: (offset, offset + 1)})
                written += 1
            except FencedError:
                pass
        return written

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(write, range(2))) == 10
    assert stored(store, root, tmp_path) == Counter(f"0-{offset}" for offset in range(11))


def test_a_read_opens_only_the_files_that_may_hold_what_it_asks_for(store: ObjectStore, root: str) -> None:
    """Files that it must not need are taken away behind the table's back."""
    log, place = RecordLog(root, store.options()), PLACES[0]
    for offset, ts_us in enumerate((START_US, START_US + 3 * DAY_US)):
        log.append("default", KIND, [records(place, offset, ts_us)], {place: (offset, offset + 1)})
    table = log.table("default", KIND)
    assert table is not None
    (first,) = table.file_uris(file_pruning_predicate=[("day", "=", "2013-03-01")])
    reader = RecordReader(log, "default")
    found = reader.span(KIND, place, 0, 2)["flight-delay"]
    assert sorted(found["id"].to_pylist()) == ["0-0", "0-1"]

    store.client.delete_object(Bucket=BUCKET, Key=first.removeprefix(f"{store.root}/"))
    day = START_US + 3 * DAY_US, START_US + 4 * DAY_US
    (rows,) = reader.rows("flight-delay", *day)
    assert rows["id"].to_pylist() == ["0-1"]
    late = reader.identities(KIND, place, START_US + 2 * DAY_US, HOUR_US)
    assert late is not None
    assert late["id"].to_pylist() == ["0-1"]
    assert reader.span(KIND, place, 1, 2)["flight-delay"]["id"].to_pylist() == ["0-1"]
    assert reader.span(KIND, PLACES[1], 0, 2) == {}
    with pytest.raises(UnavailableError):
        reader.span(KIND, place, 0, 2)
    with pytest.raises(UnavailableError):
        list(reader.rows("flight-delay", START_US, day[1]))


def test_what_the_store_refuses_is_said_and_can_be_written_afterwards(store: ObjectStore, root: str, tmp_path) -> None:
    log, place = RecordLog(root, store.options() | {"max_retries": "1"}), PLACES[0]
    log.append("default", KIND, [records(place, 0)], {place: (0, 1)})
    with store.refusing_writes(), pytest.raises(UnavailableError, match="503"):
        log.append("default", KIND, [records(place, 1)], {place: (1, 2)})
    log.append("default", KIND, [records(place, 1)], {place: (1, 2)})
    assert stored(store, root, tmp_path) == Counter(["0-0", "0-1"])


def test_a_commit_that_cannot_be_read_when_it_is_asked_what_it_says_is_said_so(tmp_path) -> None:
    """What a table's commits say is read from them when it is asked for, after the table itself was looked up."""
    log, place = RecordLog(str(tmp_path)), PLACES[0]
    log.append("default", KIND, [records(place, 0)], {place: (0, 1)})
    assert log.end("default", KIND, place) == 1
    commit = tmp_path / "default" / KIND.value / "_delta_log" / f"{1:020}.json"
    away = commit.rename(tmp_path / "away")
    for ask in (log.end, log.ids_since_us):
        with pytest.raises(UnavailableError, match="does not answer"):
            ask("default", KIND, place)
    with pytest.raises(UnavailableError, match="does not answer"):
        log.append("default", KIND, [records(place, 1)], {place: (1, 2)})
    away.rename(commit)
    assert log.end("default", KIND, place) == 1
