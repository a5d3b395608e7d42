"""Figures of the business as they are kept: of each series and moment the one that came last."""

from collections.abc import Sequence

import pyarrow as pa

from driftglass_client.wire import MODEL, NAME, TS, VALUE
from stream.codecs.batch import Batch
from stream.codecs.columns import INTEGER, NUMBER, OFFSET, ROW, TEXT

_KEY = (MODEL, NAME, TS)
_NONE = pa.table(
    {MODEL: pa.array([], TEXT), NAME: pa.array([], TEXT), "ts_us": pa.array([], INTEGER), VALUE: pa.array([], NUMBER)}
)


def latest(batches: Sequence[Batch]) -> pa.Table:
    """One row a figure, `model`, `name`, `ts_us` and `value`, by model, name and moment.

    Of a partition the last in the log counts, JSON or Arrow. Where figures of one series and moment lie in several partitions
    nothing says which is the later one, so a series belongs in one.
    """
    if not batches:
        return _NONE
    rows = pa.concat_tables(
        batch.table.append_column(MODEL, pa.repeat(batch.model, batch.table.num_rows)) for batch in batches
    )
    ordered = rows.sort_by([(name, "ascending") for name in (*_KEY, OFFSET, ROW)])
    last = ordered.group_by(list(_KEY), use_threads=False).aggregate([(VALUE, "last")])
    return pa.table([last[MODEL], last[NAME], last[TS].cast(INTEGER), last[f"{VALUE}_last"]], names=_NONE.column_names)
