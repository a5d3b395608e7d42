"""The collector against a plain reference: whatever is sent, and whoever dies, is replaced or is without its stores at whichever
step, every count that is stored is the one that the reference works out from the messages and from how far they are committed.

A run is a random program. Messages are appended to a real local log; collectors read, flush, die at a step of a commit, are
replaced without knowing it and write on, lose a store for a while; the clock passes or is set. After every step record log,
profiles, windows, watermarks, dead letters, events, figures and label searches are read independently and compared, all of them.
At the end everything that was sent must be committed.

DRIFTGLASS_TEST_STATEFUL_EXAMPLES=1000 runs so many programs instead of a few.
"""

import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from driftglass_client.wire import CONTENT_JSON
from kernel.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, ManualClock
from kernel.errors import FencedError
from kernel.profile import Kind
from kernel.windows import WindowSize
from store import columns, models
from store.columns import Column
from store.database import Database
from stream.codecs.topics import RecordKind, topic_of
from stream.local_appender import LocalAppender
from stream.message import POLL_BYTES, Outgoing, Partition
from testing.collector_counts import assert_same
from testing.collector_faults import DiedError, Moment, Step
from testing.collector_process import ALL, PARTITIONS, Process, log_settings
from testing.collector_reference import ModelShape, Reference
from testing.collector_storage import WORKSPACE, Storage
from testing.collector_traffic import HOURLY, START_US, Held, Record, Sent, messages
from testing.migrated import open_migrated

EXAMPLES = int(os.environ.get("DRIFTGLASS_TEST_STATEFUL_EXAMPLES", "8"))
STEPS = 15
SHAPES = {HOURLY: ModelShape(sizes=("1h", "1d"), segments=("carrier", "night"))}
Traffic = list[tuple[RecordKind, int, Sent]]


def _message(kind: RecordKind) -> st.SearchStrategy[tuple[RecordKind, int, Sent]]:
    return st.tuples(st.just(kind), st.integers(0, PARTITIONS - 1), messages(kind))


# Half of the messages are predictions, and sometimes all are sent twice.
TRAFFIC = st.builds(
    lambda once, times: once * times,
    st.lists(st.one_of(*(_message(kind) for kind in (*RecordKind, RecordKind.PREDICTIONS))), min_size=1, max_size=4),
    st.sampled_from([1, 1, 2]),
)


class CollectorMachine(RuleBasedStateMachine):
    """The rules.

    Args:
        prepared: a folder with a database that is up to date.
        make_folder: a new folder for a run.
        tally: what happened, over all runs.
    """

    def __init__(self, prepared: Path, make_folder: Callable[[], Path], tally: Counter[str]) -> None:
        super().__init__()
        self.tally = tally
        self.folder = make_folder()
        shutil.copytree(prepared, self.folder, dirs_exist_ok=True)
        self.clock = ManualClock(START_US + 400 * DAY_US)
        self.reference = Reference(SHAPES)
        self.db = Database(f"sqlite:///{self.folder}/state.db")
        self.storage = Storage(self.folder / "records", self.db)
        self.appender = LocalAppender(log_settings(self.folder), self.clock)
        self.reached = self.counted = dict.fromkeys(ALL, 0)
        self.zombie: Process | None = None
        self.process = Process(self.folder, self.clock)
        self.set_us = 0  # how far the clock was set from the time that has passed

    @rule(traffic=TRAFFIC, some_bytes=st.sampled_from([1, 500, POLL_BYTES]))
    def read(self, traffic: Traffic, some_bytes: int) -> None:
        self._send(traffic)
        self.process.reader.bytes_a_poll = some_bytes
        self._step()

    @rule(traffic=TRAFFIC)
    def flush(self, traffic: Traffic) -> None:
        """And trim, where the last time was ten seconds ago."""
        self._send(traffic)
        self.clock.advance(8 * SECOND_US)
        self._step()

    def _send(self, traffic: Traffic) -> None:
        for kind, number, sent in traffic:
            topic = topic_of(kind)
            self.appender.append(topic, [Outgoing(sent.value, sent.content_type, number)], 30.0)
            self.reference.send(Partition(topic, number), sent)

    def _step(self) -> None:
        before = self.process.collector.totals.recoveries
        self.process.collector.step()
        self.tally["recoveries"] += self.process.collector.totals.recoveries - before

    # How it ends

    @rule(traffic=TRAFFIC, step=st.sampled_from(Step), moment=st.sampled_from(Moment), skip=st.integers(0, 8))
    def die(self, traffic: Traffic, step: Step, moment: Moment, skip: int) -> None:
        self._send(traffic)
        self.process.faults.arm(step, moment, skip if step is Step.ANY_WRITE else 0)
        for _ in range(3):
            self.clock.advance(3 * SECOND_US)
            try:
                self._step()
            except DiedError:
                self.tally[f"died {moment} {step}"] += 1
                self._restart()
                return
        self.process.faults.disarm()

    @rule(traffic=TRAFFIC, in_order=st.booleans())
    def end(self, traffic: Traffic, in_order: bool) -> None:
        self._send(traffic)
        self._step()
        if in_order:
            self.process.collector.run(lambda: True)
        self._restart()

    def _restart(self) -> None:
        self.process.kill()
        self.process = Process(self.folder, self.clock)
        self.tally["restarts"] += 1

    # Two that believe to own the same partitions

    @precondition(lambda self: self.zombie is None)
    @rule(traffic=TRAFFIC)
    def replace(self, traffic: Traffic) -> None:
        """A collector has read what it did not flush; it goes on, and does not know that another took its partitions over."""
        self._send(traffic)
        self._step()
        self.process.let_go_of_the_log()
        self.zombie, self.process = self.process, Process(self.folder, self.clock)
        self._step()

    @precondition(lambda self: self.zombie is not None)
    @rule(step=st.sampled_from([None, Step.RECORD_LOG, Step.TRANSACTION]))
    def let_the_replaced_one_write(self, step: Step | None) -> None:
        """All, or the record log alone."""
        assert self.zombie is not None
        if step is not None:
            self.zombie.faults.arm(step, Moment.AFTER if step is Step.RECORD_LOG else Moment.WITHIN)
        pending = self.zombie.sink.pending_bytes > 0
        try:
            self.zombie.sink.flush()
            self.tally["replaced and yet first"] += pending
        except FencedError:
            self.tally["fenced"] += 1
        except DiedError:
            self.tally["replaced and died"] += 1
        self._bury_zombie()

    def _bury_zombie(self) -> None:
        if self.zombie is not None:
            self.zombie.db.close()
        self.zombie = None

    # What is away

    @rule(traffic=TRAFFIC, stores=st.sampled_from([{"database"}, {"records"}]), steps=st.integers(1, 4))
    def be_away_for_a_while(self, traffic: Traffic, stores: set[str], steps: int) -> None:
        self._send(traffic)
        self.process.faults.away = stores
        for _ in range(steps):
            self.clock.advance(3 * SECOND_US)
            self._step()
        self.tally["stood by"] += self.process.sink.pending_bytes == 0
        self.process.faults.away = set()

    # Time

    @rule(traffic=TRAFFIC, to_us=st.sampled_from([-3 * HOUR_US, -5 * MINUTE_US, 0, 5 * MINUTE_US, 3 * HOUR_US]))
    def set_the_clock(self, traffic: Traffic, to_us: int) -> None:
        self._send(traffic)
        self.clock.jump(to_us - self.set_us)
        self.set_us = to_us

    @rule(traffic=TRAFFIC, hours=st.sampled_from([3, 4]))
    def let_the_horizon_pass(self, traffic: Traffic, hours: int) -> None:
        """Under one collector, which then takes something in: only that tells those who come after it that the hour is over."""
        self._send(traffic)
        self._bury_zombie()
        self._commit_everything()
        self.clock.advance(hours * HOUR_US)
        self.reference.hour += 1
        self.tally["horizons"] += 1
        numbers = range(PARTITIONS)
        self._send([(RecordKind.PREDICTIONS, n, _json("plain", id=f"hour-{self.reference.hour}")) for n in numbers])
        self._commit_everything()

    # What must hold

    @invariant()
    def every_count_is_right(self) -> None:
        in_log, in_sql = self.storage.reached_in_log(ALL), self.storage.reached_in_sql(ALL)
        reached = {p: max(in_log[p], in_sql[p]) for p in ALL}
        if (reached, in_sql) != (self.reached, self.counted):
            assert all(self.counted[p] <= in_sql[p] <= self.reference.sent(p) for p in ALL)
            assert all(self.reached[p] <= reached[p] <= self.reference.sent(p) for p in ALL)
            self.reference.see(reached)
            self.reached, self.counted = reached, in_sql
            self.tally["between the steps"] += reached != in_sql
            self._compare()

    def _compare(self) -> None:
        reference, storage, counted = self.reference, self.storage, self.counted
        for kind in (RecordKind.PREDICTIONS, RecordKind.LABELS):
            assert storage.log_rows(kind) == reference.log_rows(kind, self.reached)
        known = storage.known()
        assert_same(storage.profiles(known), reference.profiles(counted, known))
        assert storage.windows() == reference.windows(counted)
        assert storage.watermarks() == reference.watermarks(counted)
        assert storage.events() == reference.events(counted)
        figures, last = storage.figures(), reference.figures(counted)
        assert figures.keys() == last.keys()
        assert all(value in last[key] for key, value in figures.items())
        assert reference.unhinted(counted) <= storage.searches()
        # Letters are written first: some may be of messages that are not committed yet.
        assert reference.letters(counted) <= storage.letters() <= reference.letters()

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            self.process.kill()
            self._bury_zombie()
            self.appender.close()
            self.db.close()
            shutil.rmtree(self.folder)

    def _commit_everything(self) -> dict[Partition, int]:
        """Left alone, a collector commits everything; returns the ends."""
        self.process.reader.bytes_a_poll = POLL_BYTES
        everything = {p: self.reference.sent(p) for p in ALL}
        for _ in range(10):
            if self.storage.reached_in_sql(ALL) == everything:
                break
            self.clock.advance(40 * SECOND_US)
            self.process.collector.step()
        self.every_count_is_right()
        return everything

    def _settle(self) -> None:
        everything = self._commit_everything()
        assert self.counted == everything
        self._compare()
        assert self.storage.letters() == self.reference.letters()
        self.tally["copies"] += self.reference.doubles(everything)
        self.tally["rows"] += len(self.reference.predictions(everything))
        self.tally["trimmed"] += self._trimmed()

    def _trimmed(self) -> int:
        with sqlite3.connect(self.folder / "log.db") as sql:
            rows = sql.execute("select topic, number, first_offset from partitions").fetchall()
        assert all(first <= self.counted[Partition(topic, number)] for topic, number, first in rows)
        return sum(first for _, _, first in rows)


def _json(model: str, **more: object) -> Sent:
    """A message of one good record."""
    record: Record = {"model": model, "ts": "2013-03-01T10:00:00Z", **more}
    return Sent(json.dumps(record).encode(), CONTENT_JSON, (Held(0, record),))


Make = Callable[[Counter[str]], CollectorMachine]


@pytest.fixture
def make(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes machines; in the database that they begin with one model is declared."""
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    db = open_migrated(f"sqlite:///{prepared}/state.db")
    window, *rollups = (WindowSize(size) for size in SHAPES[HOURLY].sizes)
    declared = models.Model(HOURLY, window=window, rollups=tuple(rollups), segments=SHAPES[HOURLY].segments)
    models.declare(db, WORKSPACE, declared, 0)
    columns.add(db, WORKSPACE, {HOURLY: [Column("feature.delay", Kind.NUMERIC, declared=True, fixed=True)]})
    db.close()
    return lambda tally: CollectorMachine(prepared, lambda: tmp_path_factory.mktemp("run"), tally)


@pytest.mark.timeout(600 + 30 * EXAMPLES)
def test_every_count_is_what_a_plain_reference_counts(make: Make) -> None:
    tally: Counter[str] = Counter()
    chosen = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(lambda: make(tally), settings=chosen)
    tally["deaths"] = sum(times for what, times in tally.items() if what.startswith("died"))
    few = {
        what
        for what in ("deaths", "rows", "copies", "recoveries", "stood by", "trimmed")
        if tally[what] < max(1, EXAMPLES // 10)
    }
    assert not few, tally


@pytest.mark.parametrize(
    ("step", "moment"),
    [
        (Step.ANY_WRITE, Moment.BEFORE),
        (Step.RECORD_LOG, Moment.BEFORE),
        (Step.RECORD_LOG, Moment.AFTER),
        (Step.TRANSACTION, Moment.WITHIN),
        (Step.TRANSACTION, Moment.AFTER),
    ],
)
def test_a_program_that_goes_through_every_way_to_fail(make: Make, step: Step, moment: Moment) -> None:
    """The same each time, so that no way is left to chance."""
    tally: Counter[str] = Counter()
    machine = make(tally)
    numbers = iter(range(1_000))

    def some() -> Traffic:
        more = {"features": {"x": 2.0, "carrier": "AA"}}
        new = [_json(model, id=f"n{next(numbers)}", **more) for model in ("plain", HOURLY)]
        label = _json("plain", id="n0", label="late")
        copies = [new[0], _json("plain", id="n0", **more)]
        predictions = [(RecordKind.PREDICTIONS, number, sent) for number in (0, 1) for sent in (*new, *copies)]
        return [*predictions, (RecordKind.LABELS, 0, label)]

    program = [
        lambda: machine.read(some(), POLL_BYTES),
        lambda: machine.be_away_for_a_while(some(), {"records"}, 1),  # before anything was ever committed
        lambda: machine.flush(some()),  # comes back
        lambda: machine.flush(some()),
        lambda: machine.die(some(), step, moment, 0),
        lambda: machine.flush(some()),
        lambda: machine.replace(some()),
        lambda: machine.let_the_replaced_one_write(None),
        lambda: machine.flush(some()),  # finds that another wrote, and recovers
        lambda: machine.be_away_for_a_while(some(), {"database"}, 2),
        lambda: machine.flush(some()),  # comes back
        lambda: machine.flush(some()),
        lambda: machine.replace(some()),
        lambda: machine.flush(some()),
        lambda: machine.let_the_replaced_one_write(None),
        lambda: machine.replace(some()),
        lambda: machine.let_the_replaced_one_write(Step.RECORD_LOG),
        lambda: machine.die(some(), step, moment, 2),
        lambda: machine.let_the_horizon_pass(some(), 3),
        lambda: machine.flush(some()),
    ]
    _run(machine, program)
    assert tally[f"died {moment} {step}"] == 2
    assert (tally["replaced and yet first"], tally["fenced"], tally["replaced and died"]) == (1, 1, 1)


def test_who_was_replaced_is_fenced_though_it_has_nothing_for_the_record_log(make: Make) -> None:
    """Events and refused records move offsets in the database alone."""
    tally: Counter[str] = Counter()
    machine = make(tally)
    event = _json("plain", kind="deploy", title="a change")
    refused = Sent(b"no json", CONTENT_JSON, (Held(0, {}, ""),))

    def replacement(kind: RecordKind, sent: Sent) -> list[Callable[[], None]]:
        traffic = [(kind, 0, sent)]
        return [
            lambda: machine.replace(traffic),
            lambda: machine.flush(traffic),
            lambda: machine.let_the_replaced_one_write(None),
        ]

    program = 2 * [*replacement(RecordKind.EVENTS, event), *replacement(RecordKind.PREDICTIONS, refused)]
    _run(machine, program)
    assert tally["fenced"] == 4  # of each kind once before anything was committed, and once after


def _run(machine: CollectorMachine, program: Sequence[Callable[[], None]]) -> None:
    try:
        for act in program:
            act()
            machine.every_count_is_right()
    finally:
        machine.teardown()
