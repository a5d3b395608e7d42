"""Arrow columns in one piece."""

from typing import TypeAlias

import pyarrow as pa

Column: TypeAlias = pa.Array | pa.ChunkedArray


def whole(column: Column) -> pa.Array:
    """The column as one array, copied only where it lies in several pieces; Arrow's combine_chunks always copies.

    >>> whole(pa.chunked_array([[1], [2]])).to_pylist()
    [1, 2]
    """
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
