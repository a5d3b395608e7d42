"""A feature of several types: within a flush, over flushes and restarts, and over models; nothing is lost, nothing stops."""

import io
from typing import Any

import pyarrow as pa
import pytest

from collector.sink import Sink
from kernel.clock import DAY_US
from kernel.profile import Kind
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.message import Message, Partition

START_US = 1_362_096_000_000_000
PREDICTIONS = Partition("driftglass.predictions", 0)


class DiedError(Exception):
    """The process ended here."""


class DiesAfterTheRecordLog(Sink):
    def _commit(self, _):
        raise DiedError


def _arrow(value: Any, offset: int, now_us: int) -> Message:
    columns = {"model": ["flight-delay"], "id": [f"a{offset}"], "ts": pa.array([START_US], pa.timestamp("us", "UTC"))}
    table = pa.table({**columns, "feature.x": pa.array([value])})
    body = io.BytesIO()
    with pa.ipc.new_stream(body, table.schema) as stream:
        stream.write_table(table)
    return Message(PREDICTIONS, offset, body.getvalue(), "application/vnd.apache.arrow.stream", {}, now_us)


def _flush(sink, messages) -> None:
    sink.recover([PREDICTIONS])
    sink.take({PREDICTIONS: messages})
    sink.flush()


@pytest.mark.parametrize("together", [True, False], ids=["one flush", "two flushes"])
@pytest.mark.parametrize(
    ("first", "then", "text"),
    [([1.0, 2.0], 3.0, "3"), ([1.0], "x", "x"), (True, [1.0], "[1.0]"), (2.0, "x", "x"), ("x", 2.0, "2")],
)
def test_rows_of_two_types_are_read_back_as_text(workspace, messages, prediction, first, then, text, together) -> None:
    both = [*messages([prediction(0, features={"x": first})]), _arrow(then, 1, workspace.clock.now_us())]
    for batch in [both] if together else [both[:1], both[1:]]:
        _flush(workspace.sink(), batch)
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    (rows,) = reader.rows("flight-delay", START_US - DAY_US, START_US + DAY_US)
    found = dict(zip(rows["id"].to_pylist(), rows["feature.x"].to_pylist(), strict=True))
    assert found["a1"] == text
    assert isinstance(found["id-0"], str)
    assert workspace.profile().rows == 2


@pytest.mark.parametrize(("of_a", "of_b"), [([1.0, 2.0], 3.0), (3.0, "x"), (True, "x"), ([1.0], "x")])
def test_recovery_keeps_the_types_of_each_model_apart(workspace, messages, prediction, of_a, of_b) -> None:
    records = [prediction(0, model="a", features={"x": of_a}), prediction(1, model="b", features={"x": of_b})]
    with pytest.raises(DiedError):
        _flush(workspace.sink(DiesAfterTheRecordLog), messages(records))
    workspace.sink().recover([PREDICTIONS])
    assert workspace.profile().rows == 2
    registry = workspace.sink()._folder._registry
    registry.refresh(["a", "b"])
    kinds = {model: of["feature.x"].kind for model, of in registry._columns.items() if "feature.x" in of}
    wanted = {float: Kind.NUMERIC, str: Kind.CATEGORICAL, bool: Kind.BOOLEAN}
    assert kinds == {m: wanted[type(v)] for m, v in {"a": of_a, "b": of_b}.items() if type(v) in wanted}


def test_what_is_no_boolean_is_a_misfit_of_a_boolean_column(workspace, messages, prediction) -> None:
    _flush(workspace.sink(), messages([prediction(n, features={"x": True}) for n in range(3)]))
    odd = [prediction(3, features={"x": "n/a"}), prediction(4, features={"x": 7}), prediction(5, features={"x": 1})]
    _flush(workspace.sink(), messages(odd, first=3))
    column = workspace.profile().columns["feature.x"]
    assert (column.cells.index.tolist(), column.cells.rows.tolist(), column.misfit) == ([1], [4], 2)


@pytest.mark.parametrize("crashes", [0, 3])
def test_a_boolean_column_stays_one_however_often_it_is_recovered(workspace, messages, prediction, crashes) -> None:
    flags = messages([prediction(n, features={"x": n % 2 == 0}) for n in range(600)])
    with pytest.raises(DiedError):
        _flush(workspace.sink(DiesAfterTheRecordLog), flags)
    for _ in range(crashes):
        dying = workspace.sink()
        dying._folder.fold = _dies_after(dying._folder.fold)
        with pytest.raises(DiedError):
            dying.recover([PREDICTIONS])
    workspace.sink().recover([PREDICTIONS])
    column = workspace.profile().columns["feature.x"]
    assert (column.kind, column.cells.rows.tolist(), column.misfit) == (Kind.BOOLEAN, [300, 300], 0)


def _dies_after(step):
    def die(*arguments):
        step(*arguments)
        raise DiedError

    return die


def test_one_bad_value_among_a_thousand_numbers_does_not_make_a_category_of_the_column(
    workspace, messages, prediction
) -> None:
    _flush(workspace.sink(), messages([prediction(n, features={"x": float(n)}) for n in range(3)]))
    numbers = [prediction(n, features={"x": float(n)}) for n in range(3, 1_200)]
    _flush(workspace.sink(), messages([*numbers, prediction(2_000, features={"x": "n/a"})], first=3))
    column = workspace.profile().columns["feature.x"]
    assert (column.kind, column.values, column.misfit) == (Kind.NUMERIC, 1_200, 1)


def test_a_column_that_began_with_a_bad_value_is_numeric_once_most_values_are_numbers(
    workspace, messages, prediction
) -> None:
    _flush(workspace.sink(), messages([prediction(0, features={"x": "n/a"})]))
    _flush(workspace.sink(), messages([prediction(n, features={"x": float(n)}) for n in range(1, 1_201)], first=1))
    column = workspace.profile().columns["feature.x"]
    assert (column.kind, column.values) == (Kind.NUMERIC, 1_200)
