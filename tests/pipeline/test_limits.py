"""What senders choose freely is bounded: segments, models, categories: on PostgreSQL, which checks lengths, and by two writers."""

import json
import threading

import pytest
import sqlalchemy as sa

from collector.fold import Folder
from collector.settings import CollectorSettings
from collector.sink import Sink
from kernel.clock import DAY_US, ManualClock, to_rfc3339
from kernel.profile import Kind
from kernel.profile_codec import decode_profile
from store import columns, models
from store.columns import Column
from store.database import Database
from store.records import RecordLog
from store.registry import Registry
from store.tables import profiles, windows
from stream.message import Message, Partition

START_US = 1_362_096_000_000_000
NOW_US = START_US + 400 * DAY_US
PARTITIONS = [Partition("driftglass.predictions", number) for number in range(2)]


@pytest.fixture
def db(migrated_postgres_url):
    made = Database(migrated_postgres_url)
    yield made
    made.close()


@pytest.fixture
def flush(db, tmp_path):
    """Flushes records of a partition, from an offset on, by a new collector."""

    def sink() -> Sink:
        clock = ManualClock(NOW_US)
        folder = Folder(Registry(db, "default", clock), max_segments=50)
        return Sink("default", db, RecordLog(str(tmp_path / "records")), folder, clock, CollectorSettings())

    def run(records, partition=PARTITIONS[0], first=0) -> None:
        collector = sink()
        collector.recover([partition])
        bodies = [json.dumps({"model": "m", "ts": to_rfc3339(START_US), **record}).encode() for record in records]
        batch = [Message(partition, first + i, b, "application/json", {}, NOW_US) for i, b in enumerate(bodies)]
        collector.take({partition: batch})
        collector.flush()

    return run


def _segments(db) -> dict[str, int]:
    with db.read() as connection:
        rows = connection.execute(sa.select(profiles.c.segment, profiles.c.rows).where(profiles.c.segment != ""))
        return {row.segment: row.rows for row in rows}


def test_segments_of_long_texts_and_of_many_numbers_go_to_other(db, flush) -> None:
    models.declare(db, "default", models.Model("m", segments=("city", "zip")), 0)
    flush([{"features": {"city": "x" * n}} for n in (1, 250, 251, 256, 300)])
    found = _segments(db)
    assert (found["city=x"], found["city=" + 250 * "x"], found["city=other"]) == (1, 1, 3)
    flush([{"features": {"zip": n}} for n in range(500)], first=5)
    found = {name: rows for name, rows in _segments(db).items() if name.startswith("zip=")}
    assert len(found) == 52
    assert (found["zip="], found["zip=other"]) == (5, 450)


def test_a_boolean_segment_has_its_two_values_and_that_of_no_value(db, flush) -> None:
    models.declare(db, "default", models.Model("m", segments=("night",)), 0)
    flush([{"features": {"night": n > 2, "x": n}} for n in range(10)] + [{"features": {"x": 1}}])
    assert _segments(db) == {"night=false": 3, "night=true": 7, "night=": 1}


def test_more_models_than_a_statement_takes_values_can_be_asked_for(db) -> None:
    columns.add(db, "default", {"m9": [Column("feature.x", Kind.NUMERIC)]})
    found = columns.of_models(db, "default", [f"m{n}" for n in range(70_000)])
    assert (len(found), list(found["m9"])) == (70_000, ["feature.x"])


def test_a_declaration_that_comes_while_a_type_is_inferred_stays(db) -> None:
    columns.add(db, "default", {"m": [Column("feature.x", Kind.NUMERIC), Column("feature.y", Kind.NUMERIC)]})
    columns.replace(db, "default", "m", [Column("feature.x", Kind.CATEGORICAL, declared=True, fixed=True)])
    inferred = [Column(f"feature.{name}", Kind.BOOLEAN, seen=7) for name in ("x", "y")]
    columns.infer(db, "default", {"m": inferred})
    found = columns.of_models(db, "default", ["m"])["m"]
    assert found["feature.x"] == Column("feature.x", Kind.CATEGORICAL, declared=True, fixed=True)
    assert found["feature.y"] == inferred[1]


def test_two_collectors_that_meet_the_same_windows_and_new_categories_lose_nothing(db, flush) -> None:
    failures = []

    def work(number: int) -> None:
        try:
            for turn in range(4):
                days = range(30) if number else range(29, -1, -1)
                records = [
                    {"ts": to_rfc3339(START_US + d * DAY_US), "features": {"c": f"{turn}-{(7 * d + number) % 13}"}}
                    for d in days
                ]
                flush(records, PARTITIONS[number], 30 * turn)
        except Exception as failure:  # noqa: BLE001 - raised again below, on the test's thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with db.read() as connection:
        cells = [decode_profile(b).columns["feature.c"].cells for b in connection.scalars(sa.select(profiles.c.blob))]
        rows = connection.scalar(sa.select(sa.func.sum(windows.c.rows)).where(windows.c.size == "1d"))
    assert sum(int(c.rows.sum()) for c in cells) == rows == 240
    assert not any(0 in c.index for c in cells)


def test_versions_past_the_limit_are_other(workspace, messages, prediction) -> None:
    sink = workspace.sink()
    sink.recover([PARTITIONS[0]])
    sink.take({PARTITIONS[0]: messages([prediction(n, version=f"v{n:03}") for n in range(200)])})
    sink.flush()
    with workspace.db.read() as connection:
        rows = dict(
            connection.execute(
                sa.select(profiles.c.version, sa.func.sum(profiles.c.rows)).group_by(profiles.c.version)
            ).all()
        )
    assert len(rows) == 51
    assert rows["other"] == 150
    assert len({version for _, version, _ in workspace.record_rows()}) == 200
