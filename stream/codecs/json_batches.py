"""JSON and NDJSON messages of one partition to batches: split, group by model, then every group at once."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from kernel.arrays import Column
from stream.codecs.batch import Batch, Decoded, Refusal
from stream.codecs.columns import OFFSET, RECEIVED_US, ROW
from stream.codecs.json_careful import read_rows
from stream.codecs.json_columns import IrregularError, read_columns
from stream.codecs.json_records import Records, by_model, split
from stream.codecs.settle import Origin, settle
from stream.codecs.topics import RecordKind
from stream.message import Message

_MANY = 10  # below, starting Arrow's reader costs more than reading one by one


def decode_json(messages: Sequence[Message], kind: RecordKind, origin: Origin) -> Decoded:
    """Everything that JSON messages of one partition hold, grouped by model so that no table is wide and sparse."""
    records, unread = split(origin.partition, messages)
    groups, nameless = by_model(records)
    decoded = Decoded(refusals=[*unread, *nameless])
    for model, group in groups.items():
        _decode_group(model, group, kind, origin, decoded)
    return decoded


def _decode_group(model: str, records: Records, kind: RecordKind, origin: Origin, into: Decoded) -> None:
    columns, records, refusals = _read(records, kind)
    into.refusals.extend(refusals)
    if not records.bodies:
        return
    table, bad = settle(_with_provenance(columns, records), kind, origin)
    into.refusals.extend(records.refuse(*b) for b in bad)
    if table.num_rows:
        into.batches.append(Batch(origin.partition, model, table))


def _read(records: Records, kind: RecordKind) -> tuple[dict[str, Column], Records, list[Refusal]]:
    """Columns, the records that they hold, and the others."""
    if len(records.bodies) >= _MANY:
        try:
            return read_columns(records.bodies, kind), records, []
        except IrregularError:
            pass  # one by one, then: both ways yield the same
    columns, good, faults = read_rows(records.bodies, kind)
    refusals = [records.refuse(i, fault.field, fault.reason) for i, fault in faults]
    return columns, records.take(good) if faults else records, refusals


def _with_provenance(columns: dict[str, Column], records: Records) -> pa.Table:
    rows = np.asarray(records.rows, np.int32)
    return pa.table({**columns, OFFSET: records.offsets, ROW: rows, RECEIVED_US: records.received_us})
