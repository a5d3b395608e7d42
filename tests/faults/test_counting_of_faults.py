"""The count itself: it sees a record that is missing, and one that is there twice, in every place."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from deltalake import DeltaTable, write_deltalake

from collector.fold import Folder
from collector.settings import CollectorSettings
from collector.sink import Sink
from kernel.clock import SystemClock
from store.database import Database
from store.migrate import migrate
from store.records import RecordLog
from store.registry import Registry
from stream.codecs.topics import RecordKind, topic_of
from stream.message import Message, Partition
from testing.faults.count import View, views
from testing.faults.load import Acknowledged
from testing.faults.records import Record

SENT = range(100)
LABELLED = range(0, 100, 10)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
def counted(tmp_path: Path, url: str):
    """Some records are stored by a sink; counts them."""
    db, clock = Database(url), SystemClock()
    migrate(db)
    folder = Folder(Registry(db, "default", clock), 50)
    sink = Sink("default", db, RecordLog(str(tmp_path / "records")), folder, clock, CollectorSettings())
    predictions = [Record(n).as_json() for n in SENT]
    labels = [Record(n).label() for n in LABELLED]
    for kind, bodies in ((RecordKind.PREDICTIONS, predictions), (RecordKind.LABELS, labels)):
        place = Partition(topic_of(kind), 0)
        sink.recover([place])
        sink.take(
            {place: [Message(place, i, _json(b), "application/json", {}, clock.now_us()) for i, b in enumerate(bodies)]}
        )
    sink.flush()
    db.close()
    sent = Acknowledged(set(SENT), set(LABELLED))
    return lambda: {view.name: view for view in views(url, "default", tmp_path / "records", sent)}


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


def _wrong(counted: dict[str, View]) -> dict[str, tuple[int, int]]:
    return {name: (view.lost, view.doubled) for name, view in counted.items() if view.lost or view.doubled}


def _sql(url: str, statement: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def test_what_is_stored_once_is_neither_lost_nor_doubled(counted) -> None:
    found = counted()
    assert _wrong(found) == {}
    assert all(view.expected.total() > 0 for view in found.values())


def test_a_row_that_lies_twice_in_the_record_log_is_seen(counted, tmp_path) -> None:
    table = DeltaTable(str(tmp_path / "records" / "default" / "predictions"))
    write_deltalake(table, table.to_pyarrow_table().slice(0, 3), mode="append", partition_by=["day"])
    assert _wrong(counted()) == {"record log": (0, 3), "places in the record log": (0, 3)}


def test_a_row_that_is_gone_from_the_record_log_is_seen(counted, tmp_path) -> None:
    DeltaTable(str(tmp_path / "records" / "default" / "predictions")).delete("id in ('r-7', 'r-8')")
    DeltaTable(str(tmp_path / "records" / "default" / "labels")).delete("id = 'r-10'")
    assert _wrong(counted()) == {"record log": (2, 0), "labels": (1, 0)}


def test_a_profile_that_is_gone_is_seen(counted, url) -> None:
    _sql(url, "delete from profiles where model = 'fraud' and version = '2'")
    lost = sum(Record(n).model == "fraud" and Record(n).version == "2" for n in SENT)
    assert _wrong(counted()) == {"profiles": (lost, 0), "categories in profiles": (lost, 0)}


def test_windows_that_count_otherwise_are_seen(counted, url) -> None:
    _sql(url, "update windows set rows = rows + 1, label_revision = 0 where model = 'churn' and size = '1d'")
    assert _wrong(counted()) == {"windows": (0, 1), "windows that labels came for": (1, 0)}
