"""The predictions of windows beside their labels, as store.record_reads.labelled joins them: of one window, and how many labels."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def between(joined: pa.Table, start_us: int, end_us: int) -> pa.Table:
    """The rows with ts in [start, end), which copies nothing.

    Args:
        joined: by ts.

    >>> between(pa.table({"ts_us": [1, 2, 2, 5]}), 2, 5).num_rows
    2
    """
    first, last = np.searchsorted(joined["ts_us"].to_numpy(), [start_us, end_us])
    return joined.slice(int(first), int(last - first))


def labels(joined: pa.Table) -> int:
    """How many distinct labels the rows have: that of an id which several versions predicted is one.

    >>> labels(pa.table({"id": ["a", "a", "b"]}))
    2
    """
    return int(pc.count_distinct(joined["id"]).as_py())
