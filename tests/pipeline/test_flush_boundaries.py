"""What is counted depends on the records alone, not on which of them are flushed together."""

import io
from typing import Any

import pyarrow as pa
import pytest

from driftglass_client.wire import CONTENT_ARROW
from kernel.clock import HOUR_US
from kernel.profile import Kind
from store import columns, models
from store.columns import Column
from store.commit import next_offsets
from stream.message import Message, Partition
from testing.collector_storage import Storage

START_US = 1_362_096_000_000_000
PREDICTIONS = Partition("driftglass.predictions", 0)

together = pytest.mark.parametrize("together", [True, False], ids=["one flush", "two flushes"])


@pytest.fixture
def flush(workspace, messages):
    """Flushes records, all at once or each by itself, and gives back the record log and the profiles."""
    sink = workspace.sink()
    sink.recover([PREDICTIONS])

    def run(records: list[Any], *, together: bool) -> tuple[list[Any], Any]:
        batch = [r if isinstance(r, Message) else messages([r], first)[0] for first, r in enumerate(records)]
        for part in [batch] if together else [[message] for message in batch]:
            sink.take({PREDICTIONS: part})
            sink.flush()
        return workspace.record_rows(), workspace.profile()

    return run


def _arrow(offset: int, **columns: Any) -> Message:
    columns = {"model": "flight-delay", "version": "1", "ts": pa.scalar(START_US, pa.timestamp("us", "UTC")), **columns}
    table = pa.table({name.replace("__", "."): pa.array([value]) for name, value in columns.items()})
    body = io.BytesIO()
    with pa.ipc.new_stream(body, table.schema) as stream:
        stream.write_table(table)
    return Message(PREDICTIONS, offset, body.getvalue(), CONTENT_ARROW, {}, START_US)


@together
def test_the_first_of_two_rows_wins_whatever_they_were_sent_as(flush, prediction, together) -> None:
    copies = [_arrow(0, id="id-1", feature__delay=100.0), prediction(1)]
    rows, profile = flush(copies, together=together)
    assert (rows, profile.rows) == ([("flight-delay", "1", "id-1")], 1)
    assert profile.columns["feature.delay"].low == 100.0


@together
def test_rows_without_a_segment_s_value_are_a_segment_also_where_none_has_one(
    workspace, flush, prediction, together
) -> None:
    models.declare(workspace.db, "default", models.Model("flight-delay", segments=("carrier",)), 0)
    flush([prediction(0, features={}), prediction(1), prediction(2, features={"x": 1.0})], together=together)
    storage = Storage(workspace.folder / "records", workspace.db)
    found = {place.segment: window.rows for place, window in storage.profiles(storage.known()).items()}
    assert found == {"": 3, "carrier=UA": 1, "carrier=": 2}


@together
def test_a_model_that_predicts_classes_and_numbers_counts_every_row_once(flush, prediction, together) -> None:
    outcomes = ["late", 7.0, "on_time", None]
    _, profile = flush([prediction(n, prediction=outcome) for n, outcome in enumerate(outcomes)], together=together)
    column = profile.columns["prediction"]
    assert (column.kind, column.cells.rows.tolist(), column.misfit, column.missing) in (
        (Kind.CATEGORICAL, [1, 1, 1], 0, 1),
        (Kind.NUMERIC, [1], 2, 1),
    )


def test_a_numeric_column_that_begins_with_texts_counts_the_numbers_among_them(workspace, flush, prediction) -> None:
    """As after a crash between the column and its grid."""
    columns.add(workspace.db, "default", {"flight-delay": [Column("feature.x", Kind.NUMERIC)]})
    records = [prediction(n, features={"x": x}) for n, x in enumerate([2.0, "3", "n/a"])]
    _, profile = flush(records, together=True)
    column = profile.columns["feature.x"]
    assert (column.values, column.misfit, column.nan, column.low, column.high) == (2, 1, 0, 2.0, 3.0)


def test_an_id_is_forgotten_after_two_horizons_also_by_who_saw_nothing_meanwhile(
    workspace, messages, prediction
) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    for offset, doubled in ((0, 0), (1, 1), (2, 0)):
        sink.take({PREDICTIONS: messages([prediction(0)], first=offset)})
        assert sink.flush().doubled == doubled
        workspace.clock.advance(offset * 2 * HOUR_US)


def test_what_is_unpacked_far_more_than_a_flush_is_committed_some_at_a_time(workspace) -> None:
    """The first two of these three are a flush and a poll more; each is 8 MB and travels as a few kB."""
    sink = workspace.sink(flush_bytes=1 << 10)
    sink.recover([PREDICTIONS])
    packed = [_packed(offset, rows=40_000, features=25) for offset in range(3)]
    assert sum(len(message.value) for message in packed) < 3_000_000
    sink.take({PREDICTIONS: packed})
    assert sink.pending_bytes > 24_000_000
    assert sink.flush().accepted == 120_000
    assert sink.pending_bytes == 0
    assert len(workspace.table().file_uris()) == 2
    assert workspace.window_rows() == workspace.profile().rows == len(set(workspace.record_rows())) == 120_000
    assert next_offsets(workspace.db, "default", [PREDICTIONS]) == {PREDICTIONS: 3}


def _packed(offset: int, *, rows: int, features: int) -> Message:
    one = {"model": "flight-delay", "version": "1", "ts": pa.scalar(START_US, pa.timestamp("us", "UTC"))}
    columns = {name: pa.repeat(value, rows) for name, value in one.items()}
    columns["id"] = pa.array([f"{offset}-{row}" for row in range(rows)])
    columns |= {f"feature.x{n}": pa.repeat(0.5, rows) for n in range(features)}
    table, body = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(body, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    return Message(PREDICTIONS, offset, body.getvalue(), CONTENT_ARROW, {}, START_US)
