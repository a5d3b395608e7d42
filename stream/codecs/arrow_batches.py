"""Arrow messages of one partition to batches: the messages of one model become one table, without a copy where types agree."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftglass_client.wire import CONTENT_JSON, HEADER_MODEL, MODEL
from kernel.errors import ContractError
from stream.codecs.arrow_columns import read_stream
from stream.codecs.batch import Batch, Decoded, Refusal
from stream.codecs.columns import LONGEST, OFFSET, RECEIVED_US, ROW, TEXT
from stream.codecs.json_records import model_problem, unreadable
from stream.codecs.rows import rows_as_json
from stream.codecs.settle import Origin, settle
from stream.codecs.texts import concat
from stream.codecs.topics import RecordKind
from stream.message import Message


def decode_arrow(messages: Sequence[Message], kind: RecordKind, origin: Origin) -> Decoded:
    """Everything that Arrow messages of one partition hold."""
    decoded = Decoded()
    parts: dict[str, list[pa.Table]] = {}
    for message in messages:
        try:
            table = _with_provenance(read_stream(message.value, kind), message)
        except ContractError as fault:
            decoded.refusals.append(unreadable(message, fault.reason, fault.field))
            continue
        for model, part in _by_model(table, message.headers, origin, decoded.refusals).items():
            parts.setdefault(model, []).append(part)
    for model, tables in parts.items():
        _settle_model(model, concat(tables), kind, origin, decoded)
    return decoded


def _with_provenance(table: pa.Table, message: Message) -> pa.Table:
    n = table.num_rows
    table = table.append_column(OFFSET, pa.array(np.full(n, message.offset, np.int64)))
    table = table.append_column(ROW, pa.array(np.arange(n, dtype=np.int32)))
    return table.append_column(RECEIVED_US, pa.array(np.full(n, message.timestamp_us, np.int64)))


def _by_model(
    table: pa.Table, headers: Mapping[str, str], origin: Origin, refusals: list[Refusal]
) -> dict[str, pa.Table]:
    """The rows of each model, by the column "model" or else by the header; refuses the rows that name none."""
    if MODEL not in table.column_names:
        table = table.append_column(MODEL, pa.repeat(pa.scalar(headers.get(HEADER_MODEL), TEXT), table.num_rows))
    found = {}
    for model in pc.unique(table[MODEL]).to_pylist():
        part = table.filter(_rows_of(table[MODEL], model)) if table.num_rows else table
        reason = f"must be a text of 1 to {LONGEST} characters" if model is None else model_problem(model)
        if reason is None:
            found[model] = part.drop_columns([MODEL])
        else:
            faults = [(i, MODEL, reason) for i in range(part.num_rows)]
            refusals.extend(refuse_rows(part.drop_columns([MODEL]), model, origin, faults))
    return found


def _rows_of(models: pa.ChunkedArray, model: str | None) -> pa.ChunkedArray:
    return pc.is_null(models) if model is None else pc.equal(models, model)


def _settle_model(model: str, raw: pa.Table, kind: RecordKind, origin: Origin, into: Decoded) -> None:
    table, bad = settle(raw, kind, origin)
    into.refusals.extend(refuse_rows(raw, model, origin, bad))
    if table.num_rows:
        into.batches.append(Batch(origin.partition, model, table))


def refuse_rows(
    table: pa.Table, model: str | None, origin: Origin, faults: Sequence[tuple[int, str, str]]
) -> list[Refusal]:
    """A refusal of each row named by (index, field, reason), its body the row as JSON."""
    if not faults:
        return []
    chosen = table.take(pa.array([index for index, _, _ in faults], pa.int64()))
    offsets, rows = chosen[OFFSET].to_pylist(), chosen[ROW].to_pylist()
    bodies = rows_as_json(chosen, model)
    return [
        Refusal(origin.partition, offset, row, field, reason, body, CONTENT_JSON)
        for offset, row, body, (_, field, reason) in zip(offsets, rows, bodies, faults, strict=True)
    ]
