"""Labels whose prediction is not there: it never came, or not yet, or the label came after the horizon."""

import pyarrow as pa

from kernel.windows import Span
from store.record_identity import HINT_SLACK_US, label_fits
from store.record_pruning import of_days
from store.record_queries import RecordQueries
from stream.codecs.topics import RecordKind


def newest(queries: RecordQueries, model: str, span: Span, horizon_us: int, limit: int) -> pa.Table:
    """The newest of a model's labels with ts in [start, end) that belong to no prediction; each once, however often it was sent.

    Args:
        horizon_us: how long after its prediction a label may come.
        limit: labels at most.

    Returns:
        id, label, label_value, label_us, hint_us (its prediction_ts), and in `total` how many there are in all.
    """
    query = f"""
        with sent as (
            select distinct id, label, label_value, epoch_us(ts) as label_us, epoch_us(prediction_ts) as hint_us
            from records where model = ? and epoch_us(ts) >= ? and epoch_us(ts) < ?),
        made as (select id, epoch_us(ts) as ts_us from predictions_log where model = ?),
        found as (
            select distinct sent.* from sent join made using (id)
            where {label_fits(horizon_us)})
        select *, count(*) over () as total from (from sent except from found)
        order by label_us desc, id limit {limit}"""
    made = (span[0] - horizon_us, span[1] + HINT_SLACK_US)
    values, also = [model, *span, model], {RecordKind.PREDICTIONS: of_days([made])}
    found = queries.run(RecordKind.LABELS, query, values, files=of_days([_ANY_DAY]), also=also)
    return _NONE if found is None else found


_ANY_DAY = (0, 2**57)  # a label lies in the record log by its prediction_ts, which may name any
_NONE = pa.schema(
    [
        ("id", pa.string()), ("label", pa.string()), ("label_value", pa.float64()), ("label_us", pa.int64()),
        ("hint_us", pa.int64()), ("total", pa.int64()),
    ]
).empty_table()  # fmt: skip
