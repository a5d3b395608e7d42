"""How often a class was predicted, added up by cluster and segment: what intervals need where rows go together."""

import pyarrow as pa

from kernel.clock import DAY_US
from kernel.windows import Span
from store.joined_columns import JoinedColumns
from store.record_identity import IDENTITY
from store.record_pruning import of_days
from store.record_queries import RecordQueries
from stream.codecs.topics import RecordKind

_MOST_WHOLE = 1 << 53  # no number of a record says a larger one for certain
SUMS = ("weight", "hits", "weight2", "hits2")
"""Of the rows their weights, those of the rows predicted as the class, and the sums of the squares of both."""


def predicted_shares(
    queries: RecordQueries, model: str, span: Span, positive: str, more: JoinedColumns
) -> pa.Table | None:
    """The sums (SUMS) of a model's rows with a prediction and ts in [start, end), by version, day (`ts_us`) and what is in `more`.

    Read day by day, each identity once within its day: no more than a day's identities are held at once.

    Args:
        positive: the class; of a whole number the predictions that are that number are it as well.

    Returns:
        None where there are none.
    """
    whole = int(positive) if positive.removeprefix("-").isdecimal() else None
    number = whole if whole is not None and abs(whole) <= _MOST_WHOLE else None
    query = f"""
        with made as (
            select {more.sql} version, coalesce(weight, 1) as w,
                   coalesce(prediction is not null or isfinite(prediction_value), false) as said,
                   (coalesce(prediction = ?, false) or coalesce(prediction_value = ?, false))::double as hit
            from records where model = ? and epoch_us(ts) >= ? and epoch_us(ts) < ?
            {IDENTITY})
        select * exclude (w, said, hit), sum(w) as weight, sum(w * hit) as hits, sum(w * w) as weight2, sum(w * w * hit) as hits2
        from made where said group by all order by all"""
    days = []
    for day_us in range(span[0] // DAY_US * DAY_US, span[1], DAY_US):
        part = max(span[0], day_us), min(span[1], day_us + DAY_US)
        values = [*more.values, positive, number, model, *part]
        found = queries.run(RecordKind.PREDICTIONS, query, values, files=of_days([part]))
        if found is not None and found.num_rows:
            days.append(found.append_column("ts_us", pa.repeat(pa.scalar(day_us, pa.int64()), found.num_rows)))
    return more.named(pa.concat_tables(days)) if days else None
