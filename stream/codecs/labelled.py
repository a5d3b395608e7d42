"""Predictions that carry their labels: the rows of a reference. In the log the two are apart, so this is for requests only."""

import pyarrow as pa
import pyarrow.compute as pc

from driftglass_client.wire import LABEL, LABEL_VALUE
from stream.codecs.batch import WHOLE_MESSAGE, Batch, Decoded, Refusal
from stream.codecs.columns import FIXED, ROW
from stream.codecs.decode import decode
from stream.codecs.topics import RecordKind
from stream.message import Message

_LABELS = (LABEL, LABEL_VALUE)


def decode_labelled(message: Message, key: str) -> Decoded:
    """Decode predictions, each with an optional label, from one message of any content type.

    Args:
        key: a missing id becomes KEY:ROW.

    Returns:
        Batches in the canonical columns of predictions, then `label` and `label_value`, null where there is none. A record
        whose label is wrong is refused as a whole.
    """
    predictions = decode([message], RecordKind.PREDICTIONS, key)
    labels = decode([message], RecordKind.LABELS, key, beside=True)
    by_model = {batch.model: batch.table for batch in labels.batches}
    joined = [Batch(b.partition, b.model, _join(b.table, by_model.get(b.model))) for b in predictions.batches]
    return Decoded(
        [batch for batch in joined if batch.table.num_rows],
        refusals=_either(predictions.refusals, labels.refusals),
    )


def _join(predictions: pa.Table, labels: pa.Table | None) -> pa.Table:
    if labels is None:
        return predictions.slice(0, 0)
    place = pc.index_in(predictions[ROW], value_set=labels[ROW])
    found = place.is_valid()
    rows, place = predictions.filter(found), place.filter(found)
    for name in _LABELS:
        kind = FIXED[RecordKind.LABELS][name]
        column = labels[name].take(place) if name in labels.column_names else pa.nulls(rows.num_rows, kind)
        rows = rows.append_column(name, column)
    return rows


def _either(first: list[Refusal], second: list[Refusal]) -> list[Refusal]:
    """Each refused row once, by its place; a message that is refused as a whole speaks for its rows."""
    by_row = {refusal.row: refusal for refusal in [*second, *first]}
    if WHOLE_MESSAGE in by_row:
        return [by_row[WHOLE_MESSAGE]]
    return [by_row[row] for row in sorted(by_row)]
