"""Values of any feature type as text, for columns that hold several types."""

from collections.abc import Callable, Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from kernel.arrays import Column
from kernel.errors import ContractError
from stream.codecs.columns import INTEGER, TEXT, VECTOR

MAX_HOLES = 1 << 24
"""Places without a value that records of different columns may leave when they are put together, at most."""
_EXACT = float(1 << 53)  # up to here every whole float64 is the integer it looks like


def as_text(column: Column) -> Column:
    """The values as text, null where null: whole numbers without a point, lists as JSON.

    >>> as_text(pa.array([3.0, 0.5, None])).to_pylist(), as_text(pa.array([True])).to_pylist()
    (['3', '0.5', None], ['true'])
    """
    if column.type == TEXT:
        return column
    if pa.types.is_float64(column.type):
        return _number_text(column)
    if column.type == VECTOR:
        lists = column.to_pylist()
        return pa.array([None if v is None else msgspec.json.encode(v).decode() for v in lists], TEXT)
    return pc.cast(column, TEXT)


def _number_text(column: Column) -> Column:
    whole = pc.and_(pc.equal(pc.trunc(column), column), pc.less(pc.abs(column), _EXACT))
    integers = pc.cast(pc.if_else(whole, column, None), INTEGER)
    return pc.coalesce(pc.cast(integers, TEXT), pc.cast(column, TEXT))


def require_dense(rows: int, columns: int, values: int) -> None:
    """Make sure that a table is worth its memory: names that carry values, such as a user's, would make it grow without bound.

    Raises:
        ContractError: too many of its places would be empty.
    """
    if rows * columns - values > MAX_HOLES:
        raise ContractError(
            "features", f"{columns} different names in {rows} records: a name must not carry a value, such as a user's"
        )


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows, in order, over the columns of any of the tables; a column of several types becomes their text.

    Raises:
        ContractError: the tables have too little in common.
    """
    types: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for name, kind in zip(table.column_names, table.schema.types, strict=True):
            types.setdefault(name, set()).add(kind)
    rows = sum(table.num_rows for table in tables)
    if rows * len(types) > MAX_HOLES:  # seldom, so that counting costs nothing
        require_dense(rows, len(types), sum(len(c) - c.null_count for table in tables for c in table.columns))
    if len(tables) == 1:
        return tables[0]
    mixed = {name for name, kinds in types.items() if len(kinds) > 1}
    if mixed:
        tables = [
            map_columns(table, lambda name, column: as_text(column) if name in mixed else column) for table in tables
        ]
    return pa.concat_tables(tables, promote_options="default")


def map_columns(table: pa.Table, change: Callable[[str, Column], Column]) -> pa.Table:
    """The table with every column replaced."""
    names = table.column_names
    return pa.table([change(n, c) for n, c in zip(names, table.columns, strict=True)], names=names)
