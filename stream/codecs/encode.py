"""Batches as Arrow messages, as our own producers write them: one model, its name in the header."""

import pyarrow as pa

from stream.codecs.batch import Batch
from stream.codecs.columns import OFFSET, RECEIVED_US, ROW


def encode(batch: Batch) -> bytes:
    """The rows as an Arrow IPC stream, uncompressed, without their provenance: the log gives them a new one.

    The model is not in it; it goes into the message's header.
    """
    table = batch.table.drop_columns([n for n in (OFFSET, ROW, RECEIVED_US) if n in batch.table.column_names])
    table = table.combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]
