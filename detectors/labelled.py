"""The predictions of windows beside their labels, as store.record_reads.labelled joins them: which are of what, and how many."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.clock import DAY_US
from kernel.column_spec import FEATURE
from kernel.profiling import OTHER_SEGMENT

CLUSTER, LIST = "cluster", "list"
"""The columns of a joined table that hold what errors cluster by, and which list an item is of; where they are declared."""


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

    >>> rows = {"id": ["a", "a", "b"], "label": ["late", "late", None], "label_value": pa.nulls(3, pa.float64())}
    >>> labels(pa.table(rows))
    1
    """
    present = pc.or_(joined["label"].is_valid(), joined["label_value"].is_valid())
    return int(pc.count_distinct(joined["id"].filter(present)).as_py())


def clusters(joined: pa.Table) -> NDArray[np.int64]:
    """What the errors of the rows cluster by, shape (rows,): the declared key, else the day.

    Numbers in the order of the keys. Rows without the key are one cluster; where no row has it, it is the day.

    >>> days = {"ts_us": [0, 1, DAY_US]}
    >>> clusters(pa.table(days)).tolist(), clusters(pa.table(days | {"cluster": ["b", None, "a"]})).tolist()
    ([0, 0, 1], [1, -1, 0])
    """
    if CLUSTER in joined.column_names and joined[CLUSTER].null_count < joined.num_rows:
        keys = joined[CLUSTER].combine_chunks().dictionary_encode()
        places = np.argsort(np.argsort(np.array(keys.dictionary.to_pylist(), np.str_)))
        return np.asarray(np.append(places, -1)[keys.indices.fill_null(-1).to_numpy()], np.int64)
    return np.asarray(joined["ts_us"].to_numpy() // DAY_US, np.int64)


def of_segments(joined: pa.Table, segments: Collection[str]) -> dict[str, pa.Table]:
    """The rows of each of these segments; see rows_of_segments.

    >>> joined = pa.table({"feature.origin": ["JFK", "LGA", "JFK"]})
    >>> {name: rows.num_rows for name, rows in of_segments(joined, ["origin=JFK", "origin=other"]).items()}
    {'origin=JFK': 2, 'origin=other': 1}
    """
    return {name: joined.filter(pa.array(mine)) for name, mine in rows_of_segments(joined, segments).items()}


def rows_of_segments(joined: pa.Table, segments: Collection[str]) -> dict[str, NDArray[np.bool_]]:
    """Which rows (rows,) are of each of these segments, named as profiles name them; those without a row are not among them.

    A value whose own segment is not among them is one of the rest ("other"), as it is in the profiles.

    Args:
        joined: with the columns feature.NAME, as text, of the features by which there are segments (store.joined_columns).

    >>> joined = pa.table({"feature.origin": ["JFK", "LGA", "JFK"]})
    >>> {name: mine.tolist() for name, mine in rows_of_segments(joined, ["origin=JFK", "origin=other"]).items()}
    {'origin=JFK': [True, False, True], 'origin=other': [False, True, False]}
    """
    found = {}
    for column in (name for name in joined.column_names if name.startswith(FEATURE)):
        feature = column.removeprefix(FEATURE)
        values = joined[column].combine_chunks().fill_null("").dictionary_encode()
        own = [f"{feature}={value}" for value in values.dictionary.to_pylist()]
        names = [name if name in segments else f"{feature}={OTHER_SEGMENT}" for name in own]
        codes = values.indices.to_numpy()
        for name in sorted({*names} & {*segments}):
            mine = np.flatnonzero([each == name for each in names])
            found[name] = np.isin(codes, mine)
    return found
