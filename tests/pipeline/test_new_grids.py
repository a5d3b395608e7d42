"""A column's values move to where its grid has no cells: a reference of them gets a new grid, and windows are counted on it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from threading import Event
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from scipy.stats import entropy

from api.reference_building import Built, Place, from_log, make, of_earlier, put
from collector.sink import Sink
from kernel.clock import DAY_US, from_datetime, to_rfc3339
from kernel.errors import FencedError
from kernel.grid import encode
from kernel.moving import Moving
from kernel.profile import ColumnProfile, WindowProfile
from kernel.profile_codec import decode_profile
from kernel.windows import WindowSize
from store import columns, models, references
from store.commit import commit as store_commit
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from store.recount import Recount
from store.tables import profiles
from stream.message import Partition
from testing.measured_days import PREDICTIONS, START_US, Traffic

ROWS = 1_500
OTHER = Partition("driftglass.predictions", 1)
DECLARED = replace(Model("m"), segments=("c",), rollups=(WindowSize("1mo"),), min_rows=300)


def a_day(day: int, *, unit: float = 1.0, longer: float = 1.0, rows: int = ROWS) -> list[dict[str, Any]]:
    """Predictions with a wait in seconds, or another unit; a tenth of them did not wait."""
    rng = np.random.default_rng(day)
    waits = np.where(rng.random(rows) < 0.1, 0.0, rng.lognormal(0.35, 0.08, rows) * longer) * unit
    return [
        {
            "model": "m",
            "version": "1" if i % 3 else "2",
            "id": f"{day}-{i}",
            "ts": to_rfc3339(START_US + day * DAY_US + i * (DAY_US // rows)),
            "features": {"wait": float(wait), "x": rng.normal(), "c": str(rng.choice(["a", "b"]))},
            "prediction": 1.0,
            "weight": 2.0 if day % 2 else 1.0,
        }
        for i, wait in enumerate(waits)
    ]


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", DECLARED, 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def reader_of(workspace) -> RecordReader:
    return RecordReader(RecordLog(str(workspace.folder / "records")), "default")


def place_of(workspace) -> Place:
    return Place(workspace.db, "default", workspace.clock, 50, reader_of(workspace))


def put_days(workspace, first: int, end: int, place: Place | None = None) -> Built:
    """Put the days [first, end) of the record log in force."""
    place = place or place_of(workspace)
    span = START_US + first * DAY_US, START_US + end * DAY_US
    _, built = make(place, "m", lambda: from_log(place, "m", reader_of(workspace), *span))
    return built


def psi_of(before: list[dict], now: list[dict]) -> float:
    """The batch answer on raw rows: zeros are a bin of their own, and the deciles are taken over the rest."""
    x, y = (np.array([row["features"]["wait"] for row in rows]) for rows in (before, now))
    edges = np.quantile(x[x > 0], np.linspace(0, 1, 11)[1:-1])
    q, p = (np.bincount(np.where(v > 0, 1 + np.searchsorted(edges, v), 0), minlength=11) / len(v) for v in (x, y))
    return float(entropy(p, q) + entropy(q, p))


def psi_by_day(workspace, column: str = "wait", **wanted: Any) -> dict[int, Any]:
    chosen = {"size": "1d", "segment": "", "version": "1", **wanted}
    found = workspace.measured(metric="psi", column=column, **chosen)
    return {(m.window_start_us - START_US) // DAY_US: m for m in found}


def stored(workspace) -> dict[tuple, WindowProfile]:
    """Every profile by its key."""
    key = [column for column in profiles.primary_key.columns if column.name != "workspace"]
    with workspace.db.read() as connection:
        return {
            tuple(row)[:-1]: decode_profile(row.blob) for row in connection.execute(sa.select(*key, profiles.c.blob))
        }


def grids_of(workspace) -> set[int]:
    """The versions of the grids that the profiles' waits are counted on."""
    return {profile.columns["feature.wait"].grid for profile in stored(workspace).values()}


def told(column: ColumnProfile) -> tuple:
    """All of a column, bit for bit."""
    cells = column.cells
    arrays = (cells.index, cells.rows, cells.sums, cells.weight, cells.weight2)
    return (*(a.tobytes() for a in arrays), repr(replace(column, cells=type(cells)())))


def version_of(workspace, column: str = "feature.wait") -> int:
    return columns.newest_grids(workspace.db, "default", "m")[column][0]


def test_psi_is_blind_on_a_grid_without_resolution_and_right_after_a_reference_of_the_values(
    traffic, workspace
) -> None:
    milliseconds = [a_day(day, unit=1_000.0) for day in (1, 2, 3)]
    moved = a_day(4, unit=1_000.0, longer=1.08)
    for day in (a_day(0), *milliseconds, moved):
        traffic.send(PREDICTIONS, day)
    traffic.end()
    blind = replace(place_of(workspace), reader=None)  # as it was: every grid stays
    put_days(workspace, 1, 4, blind)
    workspace.evaluator().step()
    of_one = [row for row in moved if row["version"] == "1"]
    right = psi_of([row for day in milliseconds for row in day], of_one)
    assert right > 0.5
    assert (psi_by_day(workspace)[4].value, psi_by_day(workspace)[4].status) == (pytest.approx(0, abs=0.02), "ok")

    built = put_days(workspace, 1, 4)
    assert list(built.grids) == ["feature.wait"]
    workspace.evaluator().step()
    found = psi_by_day(workspace)
    assert found[4].value == pytest.approx(right, rel=0.05)
    assert found[4].status == "drift"
    assert [found[day].status for day in (0, 1, 2, 3)] == ["drift", "ok", "ok", "ok"]
    in_a = [row for day in milliseconds for row in day if row["features"]["c"] == "a"]
    now = [row for row in of_one if row["features"]["c"] == "a"]
    assert psi_by_day(workspace, segment="c=a", version="1")[4].value == pytest.approx(psi_of(in_a, now), rel=0.15)


def test_the_other_columns_stay_as_they_are_bit_for_bit_and_no_row_is_lost(traffic, workspace) -> None:
    days = [a_day(0), *(a_day(day, unit=1_000.0) for day in (1, 2, 3))]
    for day in days:
        traffic.send(PREDICTIONS, day)
    before = stored(workspace)
    put_days(workspace, 1, 4)
    after = stored(workspace)
    assert before.keys() == after.keys()
    for key, old in before.items():
        new = after[key]
        assert (new.rows, new.errors, new.weight, new.weight2) == (old.rows, old.errors, old.weight, old.weight2)
        assert list(new.columns) == list(old.columns)
        for name, column in old.columns.items():
            if name != "feature.wait":
                assert told(new.columns[name]) == told(column), (key, name)
        was, is_ = old.columns["feature.wait"], new.columns["feature.wait"]
        assert (was.grid, is_.grid) == (1, 2)
        assert (is_.values, is_.missing, is_.misfit) == (was.values, was.missing, was.misfit)
        assert is_.cells.size == pytest.approx(was.cells.size)
        assert is_.moments.mean == pytest.approx(was.moments.mean)
        assert is_.moments.squares == pytest.approx(was.moments.squares)
        assert (is_.low, is_.high) == (was.low, was.high)


def test_the_same_reference_again_and_one_that_suits_make_no_new_grid(traffic, workspace) -> None:
    for day in (a_day(0), a_day(1, longer=1.1), *(a_day(day, unit=1_000.0) for day in (2, 3))):
        traffic.send(PREDICTIONS, day)
    assert not put_days(workspace, 0, 2).grids
    assert put_days(workspace, 2, 4).grids
    assert not put_days(workspace, 2, 4).grids
    assert not put_days(workspace, 2, 3).grids
    put(place_of(workspace), "m", of_earlier(place_of(workspace), "m", Moving("rolling", "7d")))
    assert (version_of(workspace), version_of(workspace, "feature.x")) == (2, 1)


def test_the_provisional_reference_gets_a_grid_that_suits_it(workspace, messages) -> None:
    models.declare(workspace.db, "default", Model("m"), 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    first, days = a_day(0, rows=1_000), [a_day(day, unit=1_000.0, longer=1 + 0.08 * (day == 2)) for day in (1, 2)]
    traffic.send(PREDICTIONS, [row | {"ts": to_rfc3339(START_US - 400 * DAY_US)} for row in first[:400]])  # too few
    for day in days:
        traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    reference = references.active(workspace.db, "default", "m")
    assert (reference.provisional, reference.profile.columns["feature.wait"].grid) == (True, 2)
    of_one = [row for row in days[1] if row["version"] == "1"]
    assert psi_by_day(workspace)[2].value == pytest.approx(psi_of(days[0], of_one), rel=0.1)


class DiedError(RuntimeError):
    """What ends the work."""


@pytest.mark.parametrize("at", ["renew_grids", "stale_grids"])
def test_who_dies_in_the_middle_leaves_the_old_state_whole(traffic, workspace, monkeypatch, at: str) -> None:
    for day in (a_day(0), a_day(1, unit=1_000.0)):
        traffic.send(PREDICTIONS, day)

    def dies(*_: object) -> None:
        raise DiedError

    with monkeypatch.context() as broken:
        broken.setattr(columns, at, dies)
        with pytest.raises(DiedError):
            put_days(workspace, 1, 2)
    assert grids_of(workspace) == {1}
    assert (version_of(workspace), references.active(workspace.db, "default", "m")) == (1, None)
    put_days(workspace, 1, 2)
    assert grids_of(workspace) == {2}


def test_who_loses_the_race_takes_the_grid_of_who_won(traffic, workspace) -> None:
    for day in (a_day(0), *(a_day(day, unit=1_000.0) for day in (1, 2))):
        traffic.send(PREDICTIONS, day)
    place, turns = place_of(workspace), []

    def build() -> Built:
        built = from_log(place, "m", reader_of(workspace), START_US + DAY_US, START_US + 3 * DAY_US)
        if not turns:
            put_days(workspace, 1, 2)
        turns.append(set(built.grids))
        return built

    name, _ = make(place, "m", build)
    assert turns == [{"feature.wait"}, set()]
    assert (version_of(workspace), grids_of(workspace)) == (2, {2})
    in_force = references.active(workspace.db, "default", "m")
    assert (in_force.name, in_force.profile.columns["feature.wait"].grid) == (name, 2)


def test_a_reference_that_was_counted_on_an_old_grid_is_not_put(traffic, workspace) -> None:
    for day in (a_day(0), a_day(1, unit=1_000.0)):
        traffic.send(PREDICTIONS, day)
    old = from_log(place_of(workspace), "m", reader_of(workspace), START_US, START_US + DAY_US)
    put_days(workspace, 1, 2)
    with pytest.raises(FencedError):
        put(place_of(workspace), "m", old)


class SteppedSink(Sink):
    """A sink that calls back before a step, once."""

    calls: dict[str, Callable[[], None]]

    def _record(self, *step: Any) -> None:
        self.calls.pop("record", lambda: None)()
        super()._record(*step)

    def _commit(self, *step: Any) -> None:
        self.calls.pop("commit", lambda: None)()
        super()._commit(*step)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def anywhere(request, workspace, tmp_path) -> Iterator[Any]:
    """A workspace whose model is declared, on either database."""
    if request.param == "sqlite":
        place = workspace
    else:
        place = replace(
            workspace, folder=tmp_path / "shared", database=request.getfixturevalue("migrated_postgres_url")
        )
    models.declare(place.db, "default", DECLARED, 0)
    yield place
    if place is not workspace:
        place.db.close()


def expected(workspace, sent: list[tuple[Partition, dict]]) -> dict[tuple, dict[int, int]]:
    """How many rows each cell of the wait holds, by profile, counted one by one."""
    _, grid = columns.newest_grids(workspace.db, "default", "m")["feature.wait"]
    cells = grid.lookup()[encode(np.array([row["features"]["wait"] for _, row in sent]), grid.centre)].tolist()
    found: dict[tuple, dict[int, int]] = defaultdict(Counter)
    for (partition, row), cell in zip(sent, cells, strict=True):
        day_us = from_datetime(datetime.fromisoformat(row["ts"])) // DAY_US * DAY_US
        for segment in ("", f"c={row['features']['c']}"):
            found["m", row["version"], segment, day_us, partition.topic, partition.number][cell] += 1
    return found


def flush_or_recover(sink: Sink, partition: Partition, batch: list) -> None:
    """As the collector's loop does it."""
    sink.take({partition: batch})
    try:
        sink.flush()
    except FencedError:
        standing = sink.recover([partition]).get(partition)
        if standing != batch[-1].offset + 1:
            sink.take({partition: batch})
            sink.flush()


STEPS = ("fold", "record", "commit", "done")
ORDERS = [(count, swap) for swap in range(4) for count in range(swap + 1)]


@pytest.mark.parametrize(
    "partition",
    [
        pytest.param(PREDICTIONS, id="a partition read before"),
        pytest.param(OTHER, id="a new one", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize(("count", "swap"), ORDERS, ids=[f"{STEPS[c]}-{STEPS[s]}" for c, s in ORDERS])
def test_a_collector_that_runs_meanwhile_neither_loses_nor_doubles_a_row(
    anywhere, messages, partition: Partition, count: int, swap: int
) -> None:
    """The windows are counted before one step of a flush, and swapped before another."""
    sent = [(PREDICTIONS, row) for row in [*a_day(0, rows=300), *a_day(1, unit=1_000.0, rows=300)]]
    sink = anywhere.sink(SteppedSink)
    sink.calls = {}
    sink.recover([PREDICTIONS, OTHER])
    for first in (0, 300):  # the grid is of the first day
        flush_or_recover(sink, PREDICTIONS, messages([row for _, row in sent[first : first + 300]], first))
    late = [row | {"id": f"late-{row['id']}"} for row in [*a_day(0, rows=40), *a_day(1, rows=40)]]
    fresh = [
        row | {"version": "3", "features": row["features"] | {"c": "z"}} for row in a_day(3, unit=1_000.0, rows=30)
    ]
    batch = [*late, *a_day(2, unit=1_000.0, rows=60), *fresh]
    place, reader = place_of(anywhere), reader_of(anywhere)
    built = from_log(place, "m", reader, START_US + DAY_US, START_US + 2 * DAY_US)
    assert set(built.grids) == {"feature.wait"}
    with Recount(anywhere.db, reader, "default", "m", built.grids, 0) as recount:

        def put_it() -> None:
            references.put(anywhere.db, "default", "m", built.profile, {}, {}, 0, first=recount.swap)

        calls: dict[str, list[Callable[[], None]]] = {step: [] for step in STEPS}
        calls[STEPS[count]].append(recount.count)
        calls[STEPS[swap]].append(put_it)
        together = {step: lambda step=step: [call() for call in calls[step]] for step in STEPS}
        sink.calls = {step: together[step] for step in ("record", "commit")}
        together["fold"]()
        first = 0 if partition is OTHER else len(sent)
        flush_or_recover(sink, partition, messages(batch, first, partition))
        together["done"]()
    sent += [(partition, row) for row in batch]
    found = {
        key: dict(zip(column.cells.index.tolist(), column.cells.rows.tolist(), strict=True))
        for key, profile in stored(anywhere).items()
        if (column := profile.columns["feature.wait"]).grid == 2
    }
    assert found == expected(anywhere, sent)
    assert len(anywhere.record_rows()) == anywhere.window_rows() == len(sent)


def test_a_recovery_that_a_swap_comes_into_counts_once_more(traffic, workspace, messages, monkeypatch) -> None:
    sink = workspace.sink(SteppedSink)
    sink.recover([OTHER])

    def dies() -> None:
        raise DiedError

    traffic.send(PREDICTIONS, a_day(0))
    traffic.send(PREDICTIONS, a_day(1, unit=1_000.0))
    sink.calls = {"commit": dies}
    sink.take({OTHER: messages(a_day(2, unit=1_000.0, rows=60), 0, OTHER)})
    with pytest.raises(DiedError):
        sink.flush()
    turns = []

    def commit(*flush: Any) -> None:
        turns.append(0)
        if len(turns) == 1:
            put_days(workspace, 1, 2)
        store_commit(*flush)

    monkeypatch.setattr("collector.sink.commit", commit)
    assert workspace.sink().recover([OTHER]) == {OTHER: 60}
    assert (len(turns), grids_of(workspace)) == (2, {2})
    assert len(workspace.record_rows()) == workspace.window_rows() == 2 * ROWS + 60


@pytest.mark.postgres
def test_on_postgresql_a_commit_waits_for_the_swap_and_is_refused(
    workspace, messages, migrated_postgres_url, tmp_path, wait_until
) -> None:
    shared = replace(workspace, folder=tmp_path / "shared", database=migrated_postgres_url)
    models.declare(shared.db, "default", DECLARED, 0)
    sink, other = shared.sink(), shared.sink(SteppedSink)
    rows = [*a_day(0, rows=300), *a_day(1, unit=1_000.0, rows=300)]
    sink.recover([PREDICTIONS])
    for first in (0, 300):
        flush_or_recover(sink, PREDICTIONS, messages(rows[first : first + 300], first))
    other.recover([OTHER])
    folded, swapped = Event(), Event()
    other.calls = {"commit": lambda: [folded.set(), swapped.wait(30)]}  # type: ignore[dict-item]
    other.take({OTHER: messages(a_day(2, unit=1_000.0, rows=60), 0, OTHER)})
    reader = reader_of(shared)
    built = from_log(place_of(shared), "m", reader, START_US + DAY_US, START_US + 2 * DAY_US)
    waiting = sa.text("select count(*) from pg_locks where not granted")
    with (
        ThreadPoolExecutor(1) as pool,
        Recount(shared.db, reader, "default", "m", built.grids, 0) as recount,
    ):
        flush = pool.submit(other.flush)
        assert folded.wait(30)
        recount.count()
        with shared.db.write() as tx:
            recount.swap(tx)
            swapped.set()
            with shared.db.read() as connection:
                wait_until(lambda: connection.scalar(waiting), 20, "the commit waits")
        with pytest.raises(FencedError):
            flush.result(30)
    assert other.recover([OTHER]) == {OTHER: 60}
    assert grids_of(shared) == {2}
    assert len(shared.record_rows()) == shared.window_rows() == len(rows) + 60
    shared.db.close()


def test_windows_without_their_rows_keep_their_grid_and_are_not_measured_in_that_column(traffic, workspace) -> None:
    days = [a_day(0), a_day(1), a_day(2, unit=1_000.0, rows=200), *(a_day(day, unit=1_000.0) for day in (3, 4))]
    for day in days:
        traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.table().delete("day = '2013-03-02'")
    assert put_days(workspace, 3, 5).grids
    assert grids_of(workspace) == {1, 2}
    workspace.evaluator().step()
    several, another = "counted on several grids", "another grid than the reference's"
    found = psi_by_day(workspace)
    assert [found[day].basis for day in (1, 2)] == [another, several]  # the third day looks back over the second
    assert [(found[day].value, found[day].status) for day in (1, 2)] == [(None, "insufficient")] * 2
    assert [found[day].status for day in (0, 3, 4)] == ["drift", "ok", "ok"]
    assert all(m.value is not None for m in psi_by_day(workspace, "x").values())
    assert psi_by_day(workspace, size="1mo")[0].basis.startswith(several)
    misfits = {
        m.size + str((m.window_start_us - START_US) // DAY_US): (m.value, m.status, m.basis.split(";")[0])
        for m in workspace.measured(metric="misfit_share", column="wait", segment="", version="1")
    }
    assert misfits["1mo0"] == misfits["1d2"] == (None, "insufficient", several)
    assert misfits["1d1"][:2] == misfits["1d3"][:2] == (0.0, "ok")

    traffic.send(PREDICTIONS, [row | {"id": f"late-{row['id']}"} for row in a_day(1, rows=30)])
    traffic.end()
    put(place_of(workspace), "m", of_earlier(place_of(workspace), "m", Moving("rolling", "1d")))
    workspace.evaluator().step()
    found = psi_by_day(workspace)
    assert [found[day].basis for day in (1, 2)] == [several, several]
    assert found[3].status == "ok"
    put(place_of(workspace), "m", of_earlier(place_of(workspace), "m", Moving("rolling", "3d")))
    workspace.evaluator().step()
    assert [psi_by_day(workspace)[day].basis for day in (3, 4)] == [f"the reference was {several}"] * 2
